from __future__ import annotations

import json

import pytest
from django.core import serializers

from generators.models import Generator

pytestmark = pytest.mark.django_db

SCHEMA = {"type": "object", "properties": {"zeta": {"type": "string"}, "a": {}, "물": {"const": 1.5}}}


def test_schema_comes_back_with_its_names_in_their_order() -> None:
    Generator.objects.create(name="ui", input_schema=SCHEMA, output_schema=None)

    stored = Generator.objects.get(name="ui")

    assert json.dumps(stored.input_schema) == json.dumps(SCHEMA)
    assert stored.output_schema is None


def test_fixture_holds_the_schema_in_its_order() -> None:
    row = Generator(name="ui", input_schema=SCHEMA, output_schema=True)

    (loaded,) = serializers.deserialize("json", serializers.serialize("json", [row]))

    assert json.dumps(loaded.object.input_schema) == json.dumps(SCHEMA)
    assert loaded.object.output_schema is True
