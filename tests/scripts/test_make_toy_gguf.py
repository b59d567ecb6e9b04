"""The toy model's file; what it answers is tested with the backend that loads it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import gguf
import numpy as np
import pytest

from scripts import make_toy_gguf
from scripts.make_toy_gguf import SENTENCES, Mode, write_toy_gguf
from tests.llama_server import running_llama_server

SCRIPT = Path(make_toy_gguf.__file__)


def test_write_toy_gguf_gives_the_same_bytes_for_the_same_seed(tmp_path: Path) -> None:
    one, same, other = (
        write_toy_gguf(tmp_path / f"{index}.gguf", mode="random", seed=seed)
        for index, seed in enumerate((1, 1, 2))
    )

    assert one.read_bytes() == same.read_bytes()
    assert one.read_bytes() != other.read_bytes()


@pytest.mark.parametrize("mode", ["bigram", "random", "tools"])
def test_write_toy_gguf_writes_what_it_was_asked_for(tmp_path: Path, mode: Mode) -> None:
    path = write_toy_gguf(tmp_path / "toy.gguf", mode=mode, context_size=2048, width=256, layers=3)

    reader = gguf.GGUFReader(path)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    assert fields["general.name"] == f"toy-{mode}"
    assert fields["llama.context_length"] == 2048
    assert fields["llama.embedding_length"] == 256
    assert fields["llama.block_count"] == 3
    assert all(np.isfinite(tensor.data).all() for tensor in reader.tensors)


def test_write_toy_gguf_makes_the_directory_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = write_toy_gguf(tmp_path / "var" / "models" / "toy.gguf")

    assert list(path.parent.iterdir()) == [path]


def test_write_toy_gguf_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "toy.gguf"
    path.write_text("old")

    with pytest.raises(ValueError, match="too small"):
        write_toy_gguf(path, width=8)

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_command_writes_the_file_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "toy.gguf"

    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(path), "--mode", "tools", "--ctx", "2048"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert path.read_bytes()[:4] == b"GGUF"
    assert f"{path}: " in done.stdout
    assert "mode tools, context 2048 tokens" in done.stdout


def test_command_refuses_an_unknown_mode(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        make_toy_gguf.main([str(tmp_path / "toy.gguf"), "--mode", "clever"])

    assert caught.value.code == 2
    assert "invalid choice: 'clever'" in capsys.readouterr().err


def test_word_chain_gives_every_word_its_successors() -> None:
    vocabulary = make_toy_gguf.Vocabulary()
    chain = make_toy_gguf._word_chain(vocabulary)

    for before, after in [("This", "is"), ("toy", "model"), ("one", "click"), ("click", ".")]:
        logits = chain[vocabulary.word(before)]
        assert max(logits, key=lambda token: logits[token]) == vocabulary.word(after)


def test_tokenizer_knows_every_word_as_one_token(tmp_path: Path) -> None:
    path = write_toy_gguf(tmp_path / "toy.gguf")

    with running_llama_server(path) as server:
        tokens = [len(tokens_of(server.url, sentence.replace(" .", "."))) for sentence in SENTENCES]

    assert tokens == [len(sentence.split()) for sentence in SENTENCES]


def tokens_of(url: str, text: str) -> list[int]:
    request = Request(
        f"{url}/tokenize", json.dumps({"content": text}).encode(), {"Content-Type": "application/json"}
    )
    with urlopen(request, timeout=10) as answer:
        return list(json.load(answer)["tokens"])
