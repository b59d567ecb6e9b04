#!/usr/bin/env python3
"""Writes a toy GGUF model: a whole llama architecture in 1.7 MB, made in a second without a download.

    python scripts/make_toy_gguf.py OUT.gguf [--mode bigram] [--ctx 4096] [--seed 7]

bigram  answers one readable sentence and stops: attention and feed-forward add nothing, and the output
        matrix is solved so that the model is exactly the word chain of SENTENCES. Under a JSON grammar it
        closes its strings, lists and objects soon.
tools   always opens a tool call and closes it soon; under a server's tool grammar it is well formed.
random  every weight is noise: word salad that never ends by itself, so only max_tokens or the context
        ends it.

The vocabulary is of the SentencePiece kind: 256 bytes, ChatML's control tokens, printable ASCII and the
words of SENTENCES. The chat template is ChatML with tools.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import gguf
import numpy as np
from numpy.typing import NDArray

Mode = Literal["bigram", "random", "tools"]
Matrix = NDArray[np.float32]

CONTEXT_SIZE = 4096
SENTENCES = (
    "This is a toy model .",
    "It answers with a few words and stops .",
    "The words are real but the answer means nothing .",
    "A real model takes its place with one click .",
    "Nothing that a client sees changes with the model .",
)

CHAT_TEMPLATE = """\
{%- if tools %}
{{- '<|im_start|>system\\nTo call a tool, answer ' }}
{{- '<tool_call>{"name": NAME, "arguments": OBJECT}</tool_call>. The tools are:\\n' }}
{%- for tool in tools %}{{- tool | tojson }}{{- '\\n' }}{%- endfor %}
{{- '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' }}
{%- if message.content is string %}{{- message.content }}{%- endif %}
{%- if message.tool_calls %}{%- for call in message.tool_calls %}
{{- '<tool_call>{"name": "' + call.function.name + '", "arguments": ' }}
{{- call.function.arguments | tojson }}{{- '}</tool_call>' }}
{%- endfor %}{%- endif %}
{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""

# Logits. With a temperature of 1, a step of 8 is a factor of 3,000 in probability.
NEVER, RARELY, LIKELY, SURELY = -8.0, 2.0, 8.0, 14.0
_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"
_UNKNOWN, _BEGIN, _END = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Shape:
    """How large the model is."""

    context_size: int
    width: int
    layers: int
    heads: int = 4
    kv_heads: int = 2

    @property
    def head_width(self) -> int:
        return self.width // self.heads


class Vocabulary:
    """The tokens in order; `index` finds one by its text."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.types: list[int] = []
        self.scores: list[float] = []
        self.index: dict[str, int] = {}
        self._add_special()
        self._add_normal()

    def __len__(self) -> int:
        return len(self.tokens)

    def word(self, word: str) -> int:
        return self.index[_piece(word)]

    def logits(self, by_token: dict[str, float]) -> dict[int, float]:
        return {self.index[token]: logit for token, logit in by_token.items()}

    def is_text(self, index: int) -> bool:
        return self.types[index] == gguf.TokenType.NORMAL

    def _add(self, token: str, kind: gguf.TokenType, score: float = 0.0) -> None:
        if token not in self.index:
            self.index[token] = len(self.tokens)
            self.tokens.append(token)
            self.types.append(int(kind))
            self.scores.append(score)

    def _add_special(self) -> None:
        self._add("<unk>", gguf.TokenType.UNKNOWN)
        self._add("<s>", gguf.TokenType.CONTROL)
        self._add("</s>", gguf.TokenType.CONTROL)
        for byte in range(256):
            self._add(f"<0x{byte:02X}>", gguf.TokenType.BYTE)
        self._add("<|im_start|>", gguf.TokenType.CONTROL)
        self._add("<|im_end|>", gguf.TokenType.CONTROL)
        self._add("<tool_call>", gguf.TokenType.USER_DEFINED)
        self._add("</tool_call>", gguf.TokenType.USER_DEFINED)

    def _add_normal(self) -> None:
        for character in (_SPACE, *map(chr, range(0x21, 0x7F))):
            self._add(character, gguf.TokenType.NORMAL, -1000.0)
        pieces = sorted({_piece(word) for sentence in SENTENCES for word in sentence.split()})
        for piece in pieces:
            self._add(piece, gguf.TokenType.NORMAL, -1.0)
        # The tokenizer joins two neighbours at a time, so it reaches a word only over all its beginnings.
        for piece in pieces:
            for length in range(2, len(piece)):
                self._add(piece[:length], gguf.TokenType.NORMAL, -50.0 + length)


def _piece(word: str) -> str:
    """A sentence begins without a space, and its full stop follows without one."""
    return word if word == "." or word[0].isupper() else _SPACE + word


def write_toy_gguf(
    path: Path | str,
    *,
    mode: Mode = "bigram",
    context_size: int = CONTEXT_SIZE,
    seed: int = 7,
    width: int = 128,
    layers: int = 2,
) -> Path:
    """Writes the model under another name and renames it, so that a killed run leaves no half model.

    The same arguments give the same bytes. Missing directories are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _write(partial, mode, Shape(context_size, width, layers), np.random.default_rng(seed))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _write(path: Path, mode: Mode, shape: Shape, noise: np.random.Generator) -> None:
    vocabulary = Vocabulary()
    with contextlib.closing(gguf.GGUFWriter(path, "llama")) as writer:
        writer.add_name(f"toy-{mode}")
        _add_shape(writer, shape, len(vocabulary))
        _add_vocabulary(writer, vocabulary)
        for name, matrix in _tensors(mode, vocabulary, shape, noise):
            writer.add_tensor(name, matrix)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()


def _add_shape(writer: gguf.GGUFWriter, shape: Shape, vocabulary_size: int) -> None:
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_vocab_size(vocabulary_size)
    writer.add_context_length(shape.context_size)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(2 * shape.width)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_layer_norm_rms_eps(1e-5)


def _add_vocabulary(writer: gguf.GGUFWriter, vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_scores(vocabulary.scores)
    writer.add_token_types(vocabulary.types)
    writer.add_unk_token_id(_UNKNOWN)
    writer.add_bos_token_id(_BEGIN)
    writer.add_eos_token_id(_END)
    writer.add_eot_token_id(vocabulary.index["<|im_end|>"])
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _tensors(
    mode: Mode, vocabulary: Vocabulary, shape: Shape, noise: np.random.Generator
) -> Iterator[tuple[str, Matrix]]:
    embedding = _unit_rows(noise, len(vocabulary), shape.width)
    contribution = np.zeros((shape.width, 1), np.float32)
    if mode == "random":
        output = _endless_output(embedding, vocabulary, noise)
        contribution[:-1] = 1
    else:
        chain = _word_chain(vocabulary) if mode == "bigram" else _tool_chain(vocabulary)
        output = _solve_output(embedding, chain, len(vocabulary))
    yield "token_embd.weight", embedding
    for layer in range(shape.layers):
        yield from _layer(f"blk.{layer}", shape, noise, contribution)
    yield "output_norm.weight", np.ones(shape.width, np.float32)
    yield "output.weight", output


def _unit_rows(noise: np.random.Generator, rows: int, width: int) -> Matrix:
    """Noise whose rows the model's RMS norm leaves as they are."""
    matrix = noise.standard_normal((rows, width)).astype(np.float32)
    matrix /= np.sqrt((matrix**2).mean(axis=1, keepdims=True))
    return matrix


def _layer(
    prefix: str, shape: Shape, noise: np.random.Generator, contribution: Matrix
) -> Iterator[tuple[str, Matrix]]:
    """One block of noise. `contribution`: for each column of the embedding, how much it may change it."""
    width, kv_width, inner = shape.width, shape.kv_heads * shape.head_width, 2 * shape.width

    def weights(rows: int, columns: int) -> Matrix:
        return (noise.standard_normal((rows, columns)) / math.sqrt(columns)).astype(np.float32)

    yield f"{prefix}.attn_norm.weight", np.ones(width, np.float32)
    yield f"{prefix}.attn_q.weight", weights(width, width)
    yield f"{prefix}.attn_k.weight", weights(kv_width, width)
    yield f"{prefix}.attn_v.weight", weights(kv_width, width)
    yield f"{prefix}.attn_output.weight", weights(width, width) * contribution
    yield f"{prefix}.ffn_norm.weight", np.ones(width, np.float32)
    yield f"{prefix}.ffn_gate.weight", weights(inner, width)
    yield f"{prefix}.ffn_up.weight", weights(inner, width)
    yield f"{prefix}.ffn_down.weight", weights(width, inner) * contribution


def _endless_output(embedding: Matrix, vocabulary: Vocabulary, noise: np.random.Generator) -> Matrix:
    """Any text token may follow any other; bytes, control tokens and the end are as good as forbidden.

    The last column of the embedding becomes a constant, which no layer changes: it carries the bias.
    """
    embedding[:, -1] = 1
    output = (0.25 * noise.standard_normal(embedding.shape)).astype(np.float32)
    output[:, -1] = 0
    for token in range(len(vocabulary)):
        if not vocabulary.is_text(token):
            output[token] = 0
            output[token, -1] = -100
    return output


# The logits of the token after each one that matters; None stands for all the others.
Chain = dict[int | None, dict[int, float]]


def _word_chain(vocabulary: Vocabulary) -> Chain:
    """Where a JSON grammar forbids the words, the punctuation that closes or goes on is the next choice."""
    counts: dict[int | None, Counter[int]] = defaultdict(Counter)
    for sentence in SENTENCES:
        words = [vocabulary.word(word) for word in sentence.split()]
        for before, word in zip([None, *words], [*words, vocabulary.index["<|im_end|>"]], strict=True):
            counts[before][word] += 1
    chain = {before: _likelihoods(after) for before, after in counts.items()}
    chain[vocabulary.word(".")] |= vocabulary.logits({'"': RARELY})
    chain[None] |= vocabulary.logits(dict.fromkeys('"}]:,', RARELY))
    return chain


def _likelihoods(counts: Counter[int]) -> dict[int, float]:
    return {token: LIKELY + math.log(count / counts.total()) for token, count in counts.items()}


def _tool_chain(vocabulary: Vocabulary) -> Chain:
    """A prompt ends with a line feed (ChatML's "assistant\\n"): there a call is opened.

    Without a grammar it ends right after. Under one, a string is one word and a number one digit.
    """
    words = dict.fromkeys(("Nothing", "This"), SURELY)
    after: dict[str | None, dict[str, float]] = {
        "<0x0A>": {"<tool_call>": SURELY},
        "<tool_call>": {"<|im_end|>": SURELY, "{": LIKELY},
        "</tool_call>": {"<|im_end|>": SURELY},
        '"': words | dict.fromkeys(":,}]", LIKELY),
        **{word: {'"': SURELY} for word in words},
        "}": {"</tool_call>": SURELY, "}": LIKELY},
        None: dict.fromkeys('"}]:,', LIKELY),
    }
    return {
        None if token is None else vocabulary.index[token]: vocabulary.logits(logits)
        for token, logits in after.items()
    }


def _solve_output(embedding: Matrix, chain: Chain, vocabulary_size: int) -> Matrix:
    """The output matrix that gives exactly the chain's logits; tokens outside it get one embedding."""
    states = [token for token in chain if token is not None]
    if len(states) + 1 > embedding.shape[1]:
        raise ValueError(f"A width of {embedding.shape[1]} is too small for {len(states) + 1} states.")
    others = [token for token in range(vocabulary_size) if token not in chain]
    embedding[others] = embedding[others[0]]
    wanted = np.full((len(states) + 1, vocabulary_size), NEVER, np.float32)
    for row, state in enumerate([*states, None]):
        for token, logit in chain[state].items():
            wanted[row, token] = logit
    rows = embedding[[*states, others[0]]]
    return np.ascontiguousarray((np.linalg.pinv(rows) @ wanted).T, dtype=np.float32)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--mode", choices=get_args(Mode), default="bigram")
    parser.add_argument("--ctx", type=int, default=CONTEXT_SIZE, help="tokens of context")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--width", type=int, default=128, help="a multiple of 4, above the number of words")
    parser.add_argument("--layers", type=int, default=2)
    given = parser.parse_args(arguments)
    path = write_toy_gguf(
        given.out,
        mode=given.mode,
        context_size=given.ctx,
        seed=given.seed,
        width=given.width,
        layers=given.layers,
    )
    print(f"{path}: {path.stat().st_size:,} bytes, mode {given.mode}, context {given.ctx} tokens")
    return 0


if __name__ == "__main__":
    sys.exit(main())
