"""JSON Schemas (draft 2020-12) that staff have written, and values that clients and models send against them.

jsonschema does the work, with bounds around it. A schema refers only into itself, so nothing is ever fetched.
A `pattern` is matched by pydantic's engine in linear time: Python's takes exponential time for some, and
patterns come from staff, but the texts for them from anybody. That engine knows no backreferences and no
lookaround; a schema with them cannot be saved, nor can one with `patternProperties`. Every step of a
validation is counted, and counts more where it goes through long lists, so a schema whose choices multiply
ends in a refusal and not in a busy process.
`format` is a note to the reader, as in the standard.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from itertools import islice
from typing import Any, Final

from django.utils.translation import gettext as _
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError as NoSchema
from jsonschema.exceptions import ValidationError as Unfit
from jsonschema.exceptions import best_match
from jsonschema.validators import extend
from pydantic_core import SchemaError as NoPattern
from pydantic_core import SchemaValidator, core_schema
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from llmbackends.texts import Sentence, gettext_noop
from llmbackends.types import JsonObject
from llmconfigs import wording

from . import effort
from .errors import SchemaError
from .faults import Fault, Path, fault_of, joined, nearest

ANYTHING: Final[JsonObject] = {}
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

MAX_SCHEMA = 100_000
MAX_SCHEMA_DEPTH = 40
MAX_DEPTH = 64
MAX_VALUES = 10_000
MAX_STEPS = 50_000
"""Keywords that are applied to values in one validation: about 4 µs each, up to 20 where they branch."""
_WIDTH_OF_STEP = 200
_TEXT_OF_STEP = 50
"""How many items or names, and how many characters that are made to compare values, take as long."""
_MAX_ERRORS = 30

_UNCHECKABLE = Sentence(gettext_noop("is too large or too deeply nested to be checked"))
_TOO_DEEP = gettext_noop("is nested more than %(most)s deep")
_TOO_MANY = gettext_noop("holds more than %(most)s values")

# As the engine says it.
PATTERN_PROBLEMS: Final = frozenset(
    [
        gettext_noop("backreferences are not supported"),
        gettext_noop("invalid character class range, the start must be <= the end"),
        gettext_noop("invalid repetition count range, the start must be <= the end"),
        gettext_noop("look-around, including look-ahead and look-behind, is not supported"),
        gettext_noop("repetition operator missing expression"),
        gettext_noop("unclosed character class"),
        gettext_noop("unclosed counted repetition"),
        gettext_noop("unclosed group"),
        gettext_noop("unopened group"),
        gettext_noop("unrecognized escape sequence"),
    ]
)

_ONE = (
    "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then",
    "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("$defs", "definitions", "dependentSchemas", "properties")
_REFUSED = ("$anchor", "$dynamicAnchor", "$dynamicRef", "$id", "patternProperties")


class Validator:
    """Of a schema that `check` accepts. May be used by any number of threads."""

    def __init__(self, schema: JsonObject) -> None:
        # With $schema in it the library would take its own class and leave ours.
        own = {name: value for name, value in schema.items() if name != "$schema"}
        self._validator = _Bounded(own, registry=Registry())

    def first_fault(self, value: Any) -> Fault | None:
        """What is most wrong with the value; None if it fits."""
        if (fault := _too_much(value)) is not None:
            return fault
        steps = _steps.set(_Steps())
        try:
            error = best_match(islice(self._validator.iter_errors(value), _MAX_ERRORS))
        except (RecursionError, _TooManySteps):
            return Fault((), _UNCHECKABLE)
        finally:
            _steps.reset(steps)
        return None if error is None else fault_of(error)


def check(schema: Any) -> None:
    """Raises SchemaError for what is no schema, refers to elsewhere, or cannot be applied within bounds."""
    if not isinstance(schema, dict):
        raise SchemaError(_("A schema is a JSON object."))
    _require_small(schema)
    try:
        Draft202012Validator.check_schema(schema)
    except NoSchema as error:
        fault = fault_of(nearest(error))
        told = _("This is no JSON Schema: what stands here %(problem)s.")
        raise SchemaError(told % {"problem": wording.say(fault.problem)}, place=fault.place_in()) from error
    parts = list(_parts(schema, ()))
    resolved = _Resolved(schema, [part for _path, part in parts])
    for path, part in parts:
        _check_part(part, path, resolved)
    _require_no_circle(parts, resolved)


def _require_small(schema: JsonObject) -> None:
    try:
        size = len(json.dumps(schema))
    except (RecursionError, ValueError):
        size = MAX_SCHEMA + 1
    if size > MAX_SCHEMA:
        raise SchemaError(_("The schema has more than %(most)d characters.") % {"most": MAX_SCHEMA})
    if _depth_and_count(schema)[0] > MAX_SCHEMA_DEPTH:
        raise SchemaError(_("The schema is nested more than %(most)d deep.") % {"most": MAX_SCHEMA_DEPTH})


def _parts(schema: Any, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The schema and all schemas in it."""
    if not isinstance(schema, Mapping):  # true or false
        return
    yield path, schema
    for keyword in _ONE:
        if keyword in schema:
            yield from _parts(schema[keyword], (*path, keyword))
    for keyword in _LISTS:
        for index, part in enumerate(schema.get(keyword, ())):
            yield from _parts(part, (*path, keyword, index))
    for keyword in _NAMED:
        for name, part in schema.get(keyword, {}).items():
            yield from _parts(part, (*path, keyword, name))


def _check_part(part: Mapping[str, Any], path: Path, resolved: _Resolved) -> None:
    for keyword in _REFUSED:
        if keyword in part:
            told = _("“%(keyword)s” cannot be used here.") % {"keyword": keyword}
            raise SchemaError(told, place=joined((*path, keyword)))
    if part.get("$schema", DIALECT).rstrip("#") != DIALECT or ("$schema" in part and path):
        told = _("The dialect is %(dialect)s, once for the whole schema.") % {"dialect": DIALECT}
        raise SchemaError(told, place=joined((*path, "$schema")))
    if "$ref" in part:
        _check_reference(part, path, resolved)
    if "pattern" in part:
        _check_pattern(part["pattern"], path)


class _Resolved:
    """Where the references of a schema lead. Only to what `check` looks at: it would not know what an example
    or a keyword of somebody's own holds."""

    def __init__(self, root: JsonObject, parts: Iterable[Mapping[str, Any]]) -> None:
        self._resolver = Registry().resolver_with_root(DRAFT202012.create_resource(root))
        self._checked = {id(part) for part in parts}

    def target(self, reference: str) -> Mapping[str, Any] | bool | None:
        """None if there is no schema."""
        try:
            found = self._resolver.lookup(reference).contents
        except Unresolvable:
            return None
        return found if isinstance(found, bool) or id(found) in self._checked else None

    def applied_with(self, part: Mapping[str, Any]) -> Iterator[Any]:
        """The schemas that `part` applies to the very value that it is applied to."""
        if "$ref" in part:
            yield self.target(part["$ref"])
        yield from (part[keyword] for keyword in ("else", "if", "not", "then") if keyword in part)
        for keyword in ("allOf", "anyOf", "oneOf"):
            yield from part.get(keyword, ())
        yield from part.get("dependentSchemas", {}).values()


def _require_no_circle(parts: Iterable[tuple[Path, Mapping[str, Any]]], resolved: _Resolved) -> None:
    """Else applying the schema to one value would never end."""
    known = {id(part): (path, part) for path, part in parts}
    graph = {
        number: [id(inner) for inner in resolved.applied_with(part) if isinstance(inner, Mapping)]
        for number, (_path, part) in known.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        around = (known[number] for number in error.args[1])
        place = next(joined((*path, "$ref")) for path, part in around if "$ref" in part)
        told = _("This reference leads back to itself: nothing would ever fit.")
        raise SchemaError(told, place=place) from None


def _check_reference(part: Mapping[str, Any], path: Path, resolved: _Resolved) -> None:
    reference: str = part["$ref"]
    place = joined((*path, "$ref"))
    if not reference.startswith("#"):
        raise SchemaError(_("A reference points into the schema itself, such as #/$defs/name."), place=place)
    if resolved.target(reference) is None:
        raise SchemaError(_("There is no schema at %(place)s.") % {"place": reference[:100]}, place=place)


def _check_pattern(pattern: str, path: Path) -> None:
    try:
        _compiled(pattern)
    except NoPattern as error:
        told = _("This pattern cannot be used: %(problem)s.")
        problem = str(error).strip().splitlines()[-1].removeprefix("error: ").strip(" .")
        said = wording.say(Sentence(problem)) if problem in PATTERN_PROBLEMS else problem
        raise SchemaError(told % {"problem": said}, place=joined((*path, "pattern"))) from error


@lru_cache(maxsize=1000)
def _compiled(pattern: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex", strict=True))


def _too_much(value: Any) -> Fault | None:
    depth, count = _depth_and_count(value)
    if depth > MAX_DEPTH:
        return Fault((), Sentence(_TOO_DEEP, most=MAX_DEPTH))
    if count > MAX_VALUES:
        return Fault((), Sentence(_TOO_MANY, most=MAX_VALUES))
    return None


def _depth_and_count(value: Any) -> tuple[int, int]:
    """Both are told only up to a bit beyond what is allowed."""
    depth, count, level = 0, 1, [value]
    while level and depth <= max(MAX_DEPTH, MAX_SCHEMA_DEPTH) and count <= MAX_VALUES:
        level = [inner for outer in level for inner in _inside(outer)]
        depth, count = depth + 1, count + len(level)
    return depth, count


def _inside(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else ()


class _TooManySteps(Exception):
    pass


@dataclass(slots=True)
class _Steps:
    left: int = MAX_STEPS
    comparable: dict[int, frozenset[str]] = field(default_factory=dict)
    """Of the values of an `enum`, by the identity of its list."""

    def spend(self, steps: int) -> None:
        effort.spend(steps)
        self.left -= steps
        if self.left < 0:
            raise _TooManySteps


_steps: ContextVar[_Steps] = ContextVar("steps")
_Keyword = Callable[[Any, Any, Any, Any], Any]


def _counted(keyword: _Keyword) -> _Keyword:
    def applied(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        _steps.get().spend(1 + (_width(value) + _width(instance)) // _WIDTH_OF_STEP)
        return keyword(validator, value, instance, schema)

    return applied


def _width(value: Any) -> int:
    return len(value) if isinstance(value, list | dict) else 0


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Unfit]:
    if isinstance(instance, str):
        _steps.get().spend(len(instance) // 1000)
        if not _compiled(pattern).isinstance_python(instance):
            yield Unfit("pattern")


def _enum(validator: Any, wanted: list[Any], instance: Any, schema: Any) -> Iterator[Unfit]:
    """Without comparing a value with each in turn, as the library does."""
    if isinstance(instance, str):
        is_one = instance in wanted
    else:
        comparable = _steps.get().comparable
        if id(wanted) not in comparable:
            comparable[id(wanted)] = frozenset(map(_canonical, wanted))
        is_one = _canonical(instance) in comparable[id(wanted)]
    if not is_one:
        yield Unfit("enum")


def _const(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Unfit]:
    if isinstance(wanted, str) or isinstance(instance, str):
        is_it = bool(wanted == instance)
    else:
        is_it = _canonical(wanted) == _canonical(instance)
    if not is_it:
        yield Unfit("const")


def _multiple_of(validator: Any, step: Any, instance: Any, schema: Any) -> Iterator[Unfit]:
    try:
        yield from Draft202012Validator.VALIDATORS["multipleOf"](validator, step, instance, schema) or ()
    except OverflowError:  # a whole number beyond the floats
        if Fraction(instance) % Fraction(step):
            yield Unfit("multipleOf")


def _unique_items(validator: Any, wanted: bool, instance: Any, schema: Any) -> Iterator[Unfit]:
    """In linear time, which the library's own is not for lists of objects."""
    if wanted and isinstance(instance, list) and len({_canonical(item) for item in instance}) < len(instance):
        yield Unfit("uniqueItems")


def _unevaluated_items(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Unfit]:
    """The library looks for each index in a list of those that are evaluated."""
    _steps.get().spend(_width(instance) ** 2 // _WIDTH_OF_STEP)
    yield from Draft202012Validator.VALIDATORS["unevaluatedItems"](validator, wanted, instance, schema) or ()


def _canonical(value: Any) -> str:
    """The same text for what JSON Schema calls equal: 1 and 1.0 are, 1 and true are not."""
    text = json.dumps(_whole(value), sort_keys=True)
    _steps.get().spend(1 + len(text) // _TEXT_OF_STEP)
    return text


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    return [_whole(inner) for inner in value] if isinstance(value, list) else value


_OURS: Final[Mapping[str, _Keyword]] = {
    "const": _const,
    "enum": _enum,
    "multipleOf": _multiple_of,
    "pattern": _pattern,
    "unevaluatedItems": _unevaluated_items,
    "uniqueItems": _unique_items,
}
_Bounded: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {name: _counted(keyword) for name, keyword in {**Draft202012Validator.VALIDATORS, **_OURS}.items()},
)
