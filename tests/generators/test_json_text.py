from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from generators.json_text import read_json


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": {"b": 1, "c": 2, "b": 3}}', "“b” stands twice"),
        ('{"maximum": 1e999}', "JSON cannot hold"),
        ('{"maximum": NaN}', "JSON cannot hold"),
        ('"\\ud800"', "JSON cannot hold"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, "nested too deeply"),
        ('{"a"\n 1}', "line 2, column 2"),
    ],
    ids=["name twice", "infinite", "no number", "half a pair", "deep", "comma"],
)
def test_what_json_cannot_say_is_refused(text: str, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        read_json(text)
