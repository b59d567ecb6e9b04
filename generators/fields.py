from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    _TextField = models.TextField[Any, Any]
else:
    _TextField = models.TextField


class OrderedJsonField(_TextField):
    """A JSON value as text, so that the names of its objects keep their order, and its numbers their form.

    PostgreSQL's jsonb would sort the names, and write 1e300 with 301 digits; but models write the properties
    of an answer in the order in which their schema has them, and read those of an input as they are sent.
    Nothing can be looked up in it.
    """

    description = _("A JSON value whose names keep their order")

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        return None if value is None else json.loads(value)

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else json.dumps(value, ensure_ascii=False)

    def value_to_string(self, obj: models.Model) -> Any:
        """As JSONField: the value, which the serializer writes."""
        return self.value_from_object(obj)
