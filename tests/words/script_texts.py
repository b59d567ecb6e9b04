"""What a person reads of a script. Its texts should come from the page, in attributes that are translated."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .markup import ReadText

_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)"""
    r"""|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)""",
    re.DOTALL,
)
_SHOWN_BEFORE = re.compile(
    r"(?:\.(?:textContent|innerText|innerHTML|title|placeholder|alt|label|ariaLabel)\s*\+?=\s*"
    r"|\b(?:alert|confirm|prompt)\(\s*|setAttribute\(\s*[\"'](?:aria-label|title|alt|placeholder)[\"'],\s*)$"
)
_VALUE = re.compile(r"\$\{[^}]*\}")
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_SENTENCE = re.compile(r"[A-Z][a-z]*,? [A-Za-z]")
_WORD_BESIDE_VALUE = re.compile(r"(?:^| )[a-z]{2,}(?: |$)")
_CODE = re.compile(r"[\[\]#.=<>(){}/:;*-]")


def shown(source: str) -> list[ReadText]:
    return list(_shown(source))


def _shown(source: str) -> Iterator[ReadText]:
    for token in _TOKEN.finditer(source):
        if token["string"] is not None:
            text = token["string"][1:-1]
            if _is_shown(text, before=source[max(0, token.start() - 80) : token.start()]):
                yield ReadText(source.count("\n", 0, token.start()) + 1, text)


def _is_shown(text: str, *, before: str) -> bool:
    fixed = _VALUE.sub("", text)
    if not _LETTERS.search(fixed):
        return False
    is_phrase = fixed != text and not _CODE.search(fixed) and bool(_WORD_BESIDE_VALUE.search(fixed))
    return bool(_SHOWN_BEFORE.search(before) or _SENTENCE.match(fixed) or is_phrase or not fixed.isascii())
