"""The column type of what staff read of a failure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from django.db import models

from llmbackends.texts import Sentence, storable

if TYPE_CHECKING:
    _TextField = models.TextField[str, str]
else:
    _TextField = models.TextField

_BEGINNING: Final = '{"sentence":'


class SentenceField(_TextField):
    """A text that is a Sentence again when it is read, so that `wording.say` can say it in any language. One
    that was none, such as a service's answer, stays as it is. For everybody else it is English.

    most: how many characters are kept of it; of what is longer, the beginning, as plain text.

    In the database it is text like any other, so a migration knows no such type.
    """

    def __init__(self, *args: Any, most: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.most = most

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return None if value is None else read(value)

    def get_prep_value(self, value: Any) -> Any:
        return stored(value, most=self.most) if isinstance(value, str) else super().get_prep_value(value)


def stored(text: str, *, most: int | None = None) -> str:
    if isinstance(text, Sentence) or text.startswith(_BEGINNING):
        kept = text if isinstance(text, Sentence) else Sentence("%(text)s", text=text)
        written = json.dumps(_parts(kept), default=str, ensure_ascii=False)
        if most is None or len(written) <= most:
            return written
    return storable(text[:most])


def read(text: str) -> str:
    """What `stored` made."""
    if not text.startswith(_BEGINNING):
        return text
    try:
        return _sentence(json.loads(text))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return text


def _parts(value: Any) -> Any:
    if isinstance(value, Sentence):
        values = {name: _parts(each) for name, each in value.values.items()}
        return {"sentence": value.template, "values": values}
    return storable(value) if isinstance(value, str) else value


def _sentence(parts: Any) -> Sentence:
    values = parts["values"].items()
    read_values = {name: _sentence(each) if isinstance(each, dict) else each for name, each in values}
    return Sentence(parts["sentence"], **read_values)
