"""The column type of a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.query_utils import DeferredAttribute

from llmbackends.secret import Secret

from .sealing import SealedSecret

Assignable = SealedSecret | Secret | str | None

if TYPE_CHECKING:
    _Field = models.Field[Assignable, SealedSecret]
else:
    _Field = models.Field


def sealed(value: Assignable) -> SealedSecret:
    """Raises TypeError on text other than ""."""
    if isinstance(value, SealedSecret):
        return value
    if isinstance(value, Secret):
        return SealedSecret.seal(value)
    if value is None or value == "":
        return SealedSecret()
    raise TypeError("Assign a Secret or a SealedSecret, not text: a key and its ciphertext look alike.")


class SealingAttribute(DeferredAttribute):
    def __set__(self, instance: models.Model, value: Assignable) -> None:
        instance.__dict__[self.field.attname] = sealed(value)


class SealedSecretField(_Field):
    """A secret at rest. The attribute is a SealedSecret, and nothing is decrypted before its `reveal()`.

    Assign a Secret, a SealedSecret or "". Other text is refused with TypeError: nobody could tell a key from
    its ciphertext. `values()` gives SealedSecrets too, and dumpdata writes "": after loaddata the secrets
    have to be entered again. A model form leaves the field out unless it declares one of its own.

    bound_by: the attribute of the row that says where the secret is sent. Saving the row binds a new secret
    to it. One that comes into the table past `save()`, by QuerySet.update(), is bound to nothing, so it opens
    for no receiver.
    """

    descriptor_class = SealingAttribute

    def __init__(self, *args: Any, bound_by: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bound_by = bound_by  # no matter of the schema, so deconstruct() does not tell of it

    def pre_save(self, model_instance: models.Model, add: bool) -> SealedSecret:
        value: SealedSecret = super().pre_save(model_instance, add)
        receiver = str(getattr(model_instance, self.bound_by)) if self.bound_by else ""
        value = model_instance.__dict__[self.attname] = value.bound(receiver)
        return value

    def get_internal_type(self) -> str:
        return "TextField"

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> SealedSecret:
        return SealedSecret(value or "")

    def to_python(self, value: Any) -> SealedSecret:
        return sealed(value)

    def get_prep_value(self, value: Any) -> str:
        return sealed(super().get_prep_value(value)).token

    def value_to_string(self, obj: models.Model) -> str:
        return ""

    def formfield(self, *args: Any, **kwargs: Any) -> None:
        return None
