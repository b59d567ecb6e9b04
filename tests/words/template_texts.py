"""What a person reads of a template although no translator can change it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from django.template.base import Lexer, Token, TokenType

from .markup import ReadText, read_texts

# Names that are the same in all languages.
NAMES = frozenset(["Changeover"])

_LETTERS = re.compile(r"[^\W\d_]+")
_TEXT_OF_FILTER = re.compile(r"""\|(?:default|default_if_none|yesno|join):(?:"([^"]*)"|'([^']*)')""")
_TEXT_OF_NAME = re.compile(r"""\s\w+=(?:"([A-Z][^"]*)"|'([A-Z][^']*)')""")
_BLOCKS = {"comment": "endcomment", "blocktranslate": "endblocktranslate", "blocktrans": "endblocktrans"}
_TRANSLATING = frozenset(["translate", "trans", "blocktranslate", "blocktrans", "plural"])


def unmarked(source: str) -> list[ReadText]:
    tokens = list(Lexer(source).tokenize())
    in_markup = read_texts("".join(_without_marked(tokens)))
    return [found for found in (*in_markup, *_in_tags(tokens)) if _says_something(found.text)]


def _says_something(text: str) -> bool:
    return any(word not in NAMES for word in _LETTERS.findall(text))


def _without_marked(tokens: Iterable[Token]) -> Iterator[str]:
    """The markup with nothing where a tag stands; its lines keep their numbers."""
    ending = ""
    for token in tokens:
        name = _name_of(token)
        if ending or token.token_type is not TokenType.TEXT:
            yield "\n" * token.contents.count("\n") or " " * (token.token_type is TokenType.BLOCK)
        else:
            yield token.contents
        if not ending:
            ending = _BLOCKS.get(name) or ("endblock" if _is_of_an_attribute(token) else "")
        elif name == ending:
            ending = ""


def _is_of_an_attribute(token: Token) -> bool:
    """A block for the classes of an element, as Django's admin has them too."""
    words = token.split_contents() if token.token_type is TokenType.BLOCK else []
    return len(words) == 2 and words[0] == "block" and words[1].endswith(("class", "coltype"))


def _in_tags(tokens: Iterable[Token]) -> Iterator[ReadText]:
    opened: Token | None = None
    for token in tokens:
        name = _name_of(token)
        if name in ("blocktranslate", "blocktrans"):
            opened = token
        elif token.token_type is TokenType.TEXT and opened is not None:
            if "\n" in token.contents.strip() and "trimmed" not in opened.split_contents():
                yield ReadText(opened.lineno, "blocktranslate with line breaks, but not trimmed")
            opened = None
        for text in _literals(token, name):
            yield ReadText(token.lineno, text)


def _literals(token: Token, name: str) -> Iterator[str]:
    if token.token_type not in (TokenType.VAR, TokenType.BLOCK):
        return
    for found in _TEXT_OF_FILTER.finditer(token.contents):
        yield found[1] or found[2] or ""
    if "|pluralize" in token.contents:
        yield "pluralize knows English alone: use blocktranslate count"
    if name and name not in _TRANSLATING:
        for found in _TEXT_OF_NAME.finditer(token.contents):
            yield found[1] or found[2]


def _name_of(token: Token) -> str:
    return (
        token.contents.split(maxsplit=1)[0] if token.token_type is TokenType.BLOCK and token.contents else ""
    )
