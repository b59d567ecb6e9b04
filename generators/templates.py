"""A logic-less template, a subset of Mustache: text with places for the values of a JSON object.

    {{name}}  {{table.name}}      the value; a text as it is, other values as JSON, nothing for null
    {{#columns}} … {{/columns}}   for each item of a list; once for any other value that is there
    {{^columns}} … {{/columns}}   once where the value is missing, null, false or empty
    {{.}}                         the item itself
    {{! a comment }}
    {{=<% %>=}}                   from here on tags are <%name%>, so that {{ is text

Inside a section names are looked up in the item first and in what is around it after that. A tag that has a
line to itself, but for a value's, takes the line with it. https://mustache.github.io/mustache.5.html

Our own, because the libraries (the sources of chevron 0.14 and pystache 0.6.8, read 2026-11) fall back to
`getattr` where a name is no key, and call what they find; and what is good for pages, escaping and partials,
is a hazard here. This one looks up names in mappings and does nothing else, and a value is never read as a
template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from django.utils.translation import gettext as _

from llmbackends.types import JsonObject

from . import effort
from .errors import PromptTooLong, TemplateError

MAX_SOURCE = 200_000
MAX_DEPTH = 20
MAX_TAGS = 5_000
MAX_OUTPUT = 4_000_000
MAX_STEPS = 200_000
"""How many nodes one rendering may visit: sections in sections over one list multiply."""
_TEXT_OF_STEP = 20
"""How many characters of JSON take as long to be written."""

_NAME = re.compile(r"[\w$@-]+(?:\.[\w$@-]+)*")
_REST_OF_LINE = re.compile(r"[ \t]*(?:\r?\n|\Z)")
_DELIMITERS = re.compile(r"=\s*([^\s=]{1,10})\s+([^\s=]{1,10})\s*")
_OWN_LINE = "#^/!="
_FOREIGN = "{&><$"

Path = tuple[str, ...]
"""The names from outside to inside; () is the item itself."""


@dataclass(frozen=True, slots=True)
class _Text:
    text: str


@dataclass(frozen=True, slots=True)
class _Value:
    path: Path


@dataclass(frozen=True, slots=True)
class _Section:
    path: Path
    is_inverted: bool
    inside: tuple[_Node, ...]


_Node = _Text | _Value | _Section


@dataclass(frozen=True, slots=True)
class Template:
    """Made by `parse`; may be rendered by any number of threads."""

    _nodes: tuple[_Node, ...]

    def render(self, values: JsonObject, *, most: int = MAX_OUTPUT) -> str:
        """Raises PromptTooLong if that makes more than `most` characters, or takes too many steps."""
        rendering = _Rendering(most)
        rendering.write_all(self._nodes, [values])
        return "".join(rendering.pieces)

    @property
    def outer_names(self) -> frozenset[str]:
        """The names that are looked up in the values themselves, whatever they are."""
        return frozenset(node.path[0] for node in self._nodes if not isinstance(node, _Text) and node.path)


def parse(source: str) -> Template:
    """Raises TemplateError."""
    return Template(_Parser(source).nodes())


@dataclass(slots=True)
class _Open:
    """A section that has not been closed yet, or the template itself."""

    tag: _Tag | None
    inside: list[_Node]


@dataclass(frozen=True, slots=True)
class _Tag:
    """`start` and `end` in the source, of the tag or of the line that it has to itself."""

    sigil: str
    path: Path
    at: int
    start: int
    end: int


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._opening, self._closing = "{{", "}}"
        self._open = [_Open(None, [])]

    def nodes(self) -> tuple[_Node, ...]:
        if len(self._source) > MAX_SOURCE:
            self._refuse(0, _("The template has more than %(most)d characters.") % {"most": MAX_SOURCE})
        end = 0
        for number, tag in enumerate(self._tags()):
            if number >= MAX_TAGS:
                self._refuse(tag.at, _("The template has more than %(most)d tags.") % {"most": MAX_TAGS})
            self._add_text(self._source[end : tag.start])
            self._add(tag)
            end = tag.end
        self._add_text(self._source[end:])
        if (unclosed := self._open[-1].tag) is not None:
            self._refuse(unclosed.at, _("This section is never closed."))
        return tuple(self._open[0].inside)

    def _tags(self) -> Iterator[_Tag]:
        at = self._source.find(self._opening)
        while at >= 0:
            tag = self._tag(at)
            yield tag
            at = self._source.find(self._opening, tag.end)

    def _tag(self, at: int) -> _Tag:
        begin = at + len(self._opening)
        closing = f"={self._closing}" if self._source.startswith("=", begin) else self._closing
        close = self._source.find(closing, begin)
        if close < 0:
            self._refuse(at, _("This tag has no %(closing)s.") % {"closing": closing})
        inside, end = self._source[begin:close], close + len(closing)
        sigil = inside[:1] if inside[:1] in (*_OWN_LINE, *_FOREIGN) else ""
        if sigil and sigil in _FOREIGN:
            told = _("There is no {{%(sigil)s here. A value is {{name}}: nothing in it is escaped.")
            self._refuse(at, told % {"sigil": sigil})
        path: Path = ()
        if sigil == "=":
            self._set_delimiters(at, inside)
        elif sigil != "!":
            path = self._path(at, inside[len(sigil) :].strip())
        start, end = self._extent(at, end) if sigil else (at, end)
        return _Tag(sigil, path, at, start, end)

    def _set_delimiters(self, at: int, inside: str) -> None:
        found = _DELIMITERS.fullmatch(inside)
        if found is None:
            told = _("This tag sets how tags begin and end, such as %(example)s.")
            self._refuse(at, told % {"example": "{{=<% %>=}}"})
        self._opening, self._closing = found.groups()

    def _path(self, at: int, name: str) -> Path:
        if name == ".":
            return ()
        if _NAME.fullmatch(name) is None:
            told = _("A tag holds a name such as {{table.name}}; “%(name)s” is none.")
            self._refuse(at, told % {"name": name[:50]})
        return tuple(name.split("."))

    def _extent(self, at: int, end: int) -> tuple[int, int]:
        line = self._source.rfind("\n", 0, at) + 1
        rest = _REST_OF_LINE.match(self._source, end)
        has_line = rest is not None and not self._source[line:at].strip(" \t")
        return (line, rest.end()) if has_line and rest else (at, end)

    def _add_text(self, text: str) -> None:
        if text:
            self._open[-1].inside.append(_Text(text))

    def _add(self, tag: _Tag) -> None:
        if tag.sigil == "":
            self._open[-1].inside.append(_Value(tag.path))
        elif tag.sigil == "/":
            self._close(tag)
        elif tag.sigil not in "!=":
            if len(self._open) > MAX_DEPTH:
                self._refuse(tag.at, _("Sections are nested more than %(most)d deep.") % {"most": MAX_DEPTH})
            self._open.append(_Open(tag, []))

    def _close(self, tag: _Tag) -> None:
        opened = self._open[-1]
        if opened.tag is None:
            self._refuse(tag.at, _("This closes no section."))
        if opened.tag.path != tag.path:
            told = _("This closes “%(name)s”, but the section that is open is “%(open)s”.")
            self._refuse(tag.at, told % {"name": _dotted(tag.path), "open": _dotted(opened.tag.path)})
        self._open.pop()
        section = _Section(tag.path, opened.tag.sigil == "^", tuple(opened.inside))
        self._open[-1].inside.append(section)

    def _refuse(self, at: int, message: str) -> NoReturn:
        before = self._source[:at]
        raise TemplateError(message, line=before.count("\n") + 1, column=at - before.rfind("\n"))


class _Rendering:
    def __init__(self, most: int) -> None:
        self.pieces: list[str] = []
        self._characters_left = most
        self._steps_left = MAX_STEPS

    def write_all(self, nodes: Sequence[_Node], scopes: list[Any]) -> None:
        """`scopes`: what names are looked up in, from outside to inside."""
        self._spend(len(nodes))
        for node in nodes:
            match node:
                case _Text(text):
                    self._write(text)
                case _Value(path):
                    self._write_value(_found(path, scopes))
                case _Section():
                    self._write_section(node, scopes)

    def _write_section(self, section: _Section, scopes: list[Any]) -> None:
        value = _found(section.path, scopes)
        if _is_empty(value):
            if section.is_inverted:
                self.write_all(section.inside, scopes)
        elif not section.is_inverted:
            for item in value if isinstance(value, list) else (value,):
                self._spend(1)  # an empty section over a long list takes time, too
                self.write_all(section.inside, [*scopes, item])

    def _write_value(self, value: Any) -> None:
        if isinstance(value, str):
            self._write(value)
        elif value is not None:
            text = json.dumps(value, ensure_ascii=False)
            self._spend(1 + len(text) // _TEXT_OF_STEP)
            self._write(text)

    def _spend(self, steps: int) -> None:
        effort.spend(steps)
        self._steps_left -= steps
        if self._steps_left < 0:
            raise PromptTooLong

    def _write(self, text: str) -> None:
        self._characters_left -= len(text)
        if self._characters_left < 0:
            raise PromptTooLong
        self.pieces.append(text)


def _found(path: Path, scopes: Sequence[Any]) -> Any:
    """None where there is nothing of that name."""
    if not path:
        return scopes[-1]
    around = (scope for scope in reversed(scopes) if isinstance(scope, Mapping) and path[0] in scope)
    value: Any = next(around, None)
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _is_empty(value: Any) -> bool:
    """0 is a value like any other."""
    return value is None or value is False or (isinstance(value, str | list | Mapping) and not value)


def _dotted(path: Path) -> str:
    return ".".join(path) or "."
