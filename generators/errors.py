"""What a generator refuses, one class for each decision of a caller.

    GeneratorError
    ├── TemplateError     staff's template cannot be read; `line` and `column` say where
    ├── SchemaError       staff's JSON Schema cannot be used; `place` says where in it
    ├── PromptTooLong     what the template makes of this input is too long, or takes too many steps
    └── InvalidInput      a client's input does not fit; `param` says which part of it

The messages of the first two are for staff, in the language of who asks; those of the others for clients of
the API, in English, and Sentences for staff who try a generator out.
"""

from __future__ import annotations

from llmbackends.texts import Sentence, gettext_noop


class GeneratorError(Exception):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class TemplateError(GeneratorError):
    """`line` and `column` begin at 1."""

    def __init__(self, message: str, *, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class SchemaError(GeneratorError):
    """`place` as in properties.columns.items; "" for the schema as a whole."""

    def __init__(self, message: str, *, place: str = "") -> None:
        super().__init__(message)
        self.place = place


class PromptTooLong(GeneratorError):
    def __init__(self) -> None:
        super().__init__(Sentence(gettext_noop("What this input makes of the prompt is too long.")))


class InvalidInput(GeneratorError):
    """`param` as in input.columns[0].name."""

    def __init__(self, message: str, *, param: str) -> None:
        super().__init__(message)
        self.param = param
