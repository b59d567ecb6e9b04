from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    _TextField = models.TextField[Any, Any]
else:
    _TextField = models.TextField


class SchemaField(_TextField):
    """A JSON value as text, so that the names of its objects keep their order.

    PostgreSQL's jsonb would sort them; but models write the properties of an answer in the order in which
    their schema has them, and people want to read a schema as it was written.
    """

    description = _("A JSON value whose names keep their order")

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        return None if value is None else json.loads(value)

    def to_python(self, value: Any) -> Any:
        """A text is JSON, as a fixture has it: no schema is a text. Raises ValidationError."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValidationError(_("This is not valid JSON."), code="invalid") from error

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else json.dumps(value, ensure_ascii=False)

    def value_to_string(self, obj: models.Model) -> str:
        return json.dumps(self.value_from_object(obj), ensure_ascii=False)
