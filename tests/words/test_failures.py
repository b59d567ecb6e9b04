"""What goes wrong is English for clients, models and logs, and Korean for who reads it on a page."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from apikeys.models import ApiKey
from generation.failures import API_ERRORS
from generation.models import GenerationJob
from generators import asking, outputs, schemas
from generators.asking import Given
from generators.errors import SchemaError
from generators.faults import Fault
from generators.outputs import Misfit
from generators.schemas import Validator
from llmbackends import errors
from llmbackends.texts import Sentence, storable
from llmbackends.types import FinishReason
from llmconfigs import wording
from tests.generation.jobs import queue_job
from tests.generators.rows import definition

from .korean_pages import LANGUAGE, english_in

# A value that breaks it, for each keyword of JSON Schema that can be broken.
UNFIT: dict[str, tuple[Any, Any]] = {
    "additionalProperties": ({"properties": {"a": {}}, "additionalProperties": False}, {"b": 1}),
    "anyOf": ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 5),
    "const": ({"const": "가"}, 5),
    "contains": ({"contains": {"type": "null"}}, [1]),
    "dependentRequired": ({"dependentRequired": {"a": ["b"]}}, {"a": 1}),
    "enum": ({"enum": ["가", 1]}, 5),
    "exclusiveMaximum": ({"exclusiveMaximum": 5}, 5),
    "exclusiveMinimum": ({"exclusiveMinimum": 5}, 5),
    "items": ({"prefixItems": [{}], "items": False}, [1, 2]),
    "maxItems": ({"maxItems": 1}, [1, 2]),
    "maxLength": ({"maxLength": 1}, "가나"),
    "maxProperties": ({"maxProperties": 1}, {"a": 1, "b": 2}),
    "maximum": ({"maximum": 5}, 6),
    "minItems": ({"minItems": 2}, []),
    "minLength": ({"minLength": 2}, ""),
    "minProperties": ({"minProperties": 2}, {}),
    "minimum": ({"minimum": 5}, 4),
    "multipleOf": ({"multipleOf": 5}, 4),
    "not": ({"not": {}}, 4),
    "oneOf": ({"oneOf": [{}, {}]}, 4),
    "pattern": ({"pattern": "^가$"}, "나"),
    "required": ({"required": ["a"]}, {}),
    "type": ({"type": ["array", "boolean"]}, 5),
    "unevaluatedItems": ({"unevaluatedItems": False}, [1]),
    "unevaluatedProperties": ({"unevaluatedProperties": False}, {"a": 1}),
    "uniqueItems": ({"uniqueItems": True}, [1, 1]),
}
# They apply other schemas, whose keywords tell, or say nothing of whether a value fits.
_OF_OTHERS = {
    *("$ref", "$dynamicRef", "allOf", "dependentSchemas", "if", "patternProperties", "prefixItems"),
    *("format", "properties", "propertyNames", "minContains", "maxContains"),
}

BAD_JSON = (
    "{",
    "{1}",
    '{"a" 1}',
    '{"a": 1 2}',
    '{"a": "',
    '{"a": "\n"}',
    '{"a": "\\x"}',
    '{"a": "\\u00"}',
    '```json\n{"a": 1}}\n```',
    '{"a": 1,}',
    '{"a": [1,]}',
    '{"a": 1, "a": 2}',
    '{"a": NaN}',
    '{"a": 1e999}',
    '{"a": ' + "1" * 101 + "}",
    '{"a": ' + "[" * 100_000,
    '{"a": 1} {"a": 2}',
    "물",
    " ",
)


def korean(sentence: str) -> str:
    with translation.override(LANGUAGE):
        return wording.say(sentence)


def fault_of(schema: Any, value: Any) -> Fault:
    with translation.override(LANGUAGE):
        fault = Validator(schema).first_fault(value)
    assert fault is not None
    return fault


def misfit_of(text: str, **fields: Any) -> Misfit:
    with translation.override(LANGUAGE):
        read = outputs.read(definition(**fields), text, FinishReason.STOP)
    assert isinstance(read, Misfit)
    return read


def test_no_keyword_is_forgotten() -> None:
    known = set(schemas.Draft202012Validator.VALIDATORS)

    assert known - set(UNFIT) - _OF_OTHERS == set()


@pytest.mark.parametrize("keyword", UNFIT)
def test_what_a_keyword_misses_is_said_in_korean_and_told_in_english(keyword: str) -> None:
    fault = fault_of(*UNFIT[keyword])

    assert "(" not in fault.problem  # which is how a keyword without a sentence of its own is told
    assert fault.problem.isascii() or "가" in fault.problem or "나" in fault.problem
    assert english_in([korean(fault.problem)]) == []
    assert korean(fault.problem) != fault.problem


@pytest.mark.parametrize("text", BAD_JSON, ids=lambda text: text[:12])
def test_misfit_of_json_is_said_in_korean_and_told_in_english(text: str) -> None:
    fault = misfit_of(text, output_kind="json").fault

    assert fault.isascii()
    assert english_in([korean(fault)]) == []


@pytest.mark.parametrize(
    "text", ["", "물", "```html\n물", "```html\n```", "```html\n1\n```\n```html\n2\n```", "9" * 101]
)
def test_misfit_of_a_block_is_said_in_korean_and_told_in_english(text: str) -> None:
    fault = misfit_of(text, output_kind="fenced", fence_language="html", max_output_chars=100).fault

    assert fault.isascii()
    assert english_in([korean(fault).replace("html", "")]) == []


def test_model_is_corrected_in_english() -> None:
    wanted = definition(output_kind="json", output_schema={"type": "object", "required": ["a"]})
    with translation.override(LANGUAGE):
        read = outputs.read(wanted, "{}", FinishReason.STOP)
        assert isinstance(read, Misfit)
        given = Given(input={"prompt": "q"})
        request = asking.stricter_request(wanted, given, (), answer="{}", fault=read.fault)

    assert "`a` is missing." in request.messages[-1].text
    assert request.messages[-1].text.isascii()


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nosuch"},
        {"minLength": -1},
        {"required": "a"},
        {"properties": 5},
        {"pattern": "(?=a)"},
        {"pattern": r"(a)\1"},
        {"pattern": "["},
        {"pattern": "a)"},
        {"pattern": "*"},
    ],
)
def test_schema_that_is_none_is_told_in_korean(schema: Any) -> None:
    with translation.override(LANGUAGE), pytest.raises(SchemaError) as caught:
        schemas.check(schema)

    assert english_in([caught.value.message]) == []


@pytest.mark.parametrize("code", API_ERRORS)
def test_error_of_the_api_is_english_and_said_in_korean(code: str) -> None:
    with translation.override(LANGUAGE):
        told = f"{API_ERRORS[code].message}"

    assert told.isascii()
    assert english_in([korean(API_ERRORS[code].message)]) == []


@pytest.mark.django_db
def test_stored_reason_is_said_in_the_language_of_its_reader_and_read_in_english(key: ApiKey) -> None:
    down = errors.BackendUnavailable(Sentence("The dummy plays a service that is down."))
    with translation.override(LANGUAGE):
        job = queue_job(key, failure_detail=wording.explained(down))

    stored = GenerationJob.objects.get(pk=job.pk).failure_detail
    assert stored == (
        "The service cannot be reached or is not ready. The dummy plays a service that is down."
    )
    assert english_in([korean(stored)]) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text", ["refused at 10.0.0.7", '{"sentence": "%(a)999999s", "values": {"a": 1}}', "a\x00b", "\ud800"]
)
def test_stored_reason_of_somebody_else_stays_as_it_is(key: ApiKey, text: str) -> None:
    job = queue_job(key, failure_detail=text)

    stored = GenerationJob.objects.get(pk=job.pk).failure_detail
    assert korean(stored) == storable(text)
