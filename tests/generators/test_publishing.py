"""The life of a version: drafted, changed, published, chosen, retired, brought back, deleted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction

from audit.actions import Action
from audit.models import AuditEvent
from generators import publishing
from generators.desk_errors import (
    AlreadyPublished,
    CannotWork,
    GeneratorChangedMeanwhile,
    GeneratorGone,
    IsCurrent,
    NotActive,
    NotPublished,
    TooManyVersions,
)
from generators.models import LAST_VERSION, Generator, State
from generators.recording import content_digest
from tests.audit.events import actions, the_event
from tests.generators.rows import draft, published
from tests.llmconfigs.races import outcomes_at_once

pytestmark = pytest.mark.django_db


def states(name: str = "form") -> dict[str, State]:
    return {row.public_name: row.state for row in Generator.objects.filter(name=name)}


def read_again(row: Generator) -> Generator:
    return Generator.objects.get(pk=row.pk)


# Drafts


def test_draft_gets_the_next_version_of_its_name() -> None:
    draft("form", 4)

    rows = [Generator(name="form", version=1), Generator(name="other", version=9), Generator(name="form")]
    for row in rows:
        publishing.create(row)

    assert [row.public_name for row in rows] == ["form-v5", "other-v1", "form-v6"]
    assert {row.state for row in rows} == {State.DRAFT}


def test_draft_is_told_to_the_trail_with_digests_in_place_of_texts() -> None:
    publishing.create(Generator(name="form", system_prompt="Secret of the house", max_tokens=5))

    event = the_event(Action.GENERATOR_CREATED)
    assert (event.subject_kind, event.subject_name) == ("generator", "form-v1")
    assert event.details["values"]["max_tokens"] == 5
    assert event.details["values"]["system_prompt"].startswith("sha256:")
    assert event.details["content"].startswith("sha256:")
    assert "Secret" not in event.details_json


def test_number_of_a_deleted_draft_is_not_given_again() -> None:
    first = Generator(name="form")
    publishing.create(first)
    publishing.delete([first])
    second = Generator(name="form")

    publishing.create(second)

    assert second.public_name == "form-v2"


def test_numbers_end() -> None:
    draft("form", LAST_VERSION)

    with pytest.raises(TooManyVersions):
        publishing.create(Generator(name="form"))


def test_change_of_a_draft_is_stored_and_told() -> None:
    row = draft(system_prompt="before", max_tokens=5)
    seen = content_digest(row)
    row.system_prompt, row.max_tokens = "after", 6

    publishing.change(row, seen=seen)

    assert (read_again(row).system_prompt, read_again(row).max_tokens) == ("after", 6)
    changes = the_event(Action.GENERATOR_CHANGED).details["changes"]
    assert changes["max_tokens"] == {"from": 5, "to": 6}
    assert changes.keys() == {"max_tokens", "system_prompt"}
    assert "before" not in str(changes)


def test_new_order_of_the_names_in_a_schema_is_a_change() -> None:
    row = draft(output_kind="json", output_schema={"a": {}, "b": {}})
    seen = content_digest(row)
    row.output_schema = {"b": {}, "a": {}}

    publishing.change(row, seen=seen)

    assert list(read_again(row).output_schema) == ["b", "a"]


def test_change_that_changes_nothing_leaves_no_trace() -> None:
    row = draft()
    before = row.updated_at

    assert publishing.change(row, seen=content_digest(row)) == {}

    assert read_again(row).updated_at == before
    assert actions() == []


def test_draft_that_somebody_else_has_changed_is_not_overwritten() -> None:
    row = draft()
    seen = content_digest(row)
    Generator.objects.filter(pk=row.pk).update(description="theirs")
    row.description = "mine"

    with pytest.raises(GeneratorChangedMeanwhile):
        publishing.change(row, seen=seen)

    assert read_again(row).description == "theirs"


def test_published_version_is_not_changed() -> None:
    row = published()
    seen = content_digest(row)
    row.description = "other"

    with pytest.raises(AlreadyPublished):
        publishing.change(row, seen=seen)


@pytest.mark.parametrize("make", [draft, published])
def test_next_version_says_the_same_and_is_a_draft(make: Callable[..., Generator]) -> None:
    origin = make(system_prompt="As always.", input_schema={"type": "object"}, prompt_template="{{a}}")

    row = publishing.draft_next(origin)

    assert row.public_name == "form-v2"
    assert row.state is State.DRAFT
    assert content_digest(row) == content_digest(origin)
    assert the_event(Action.GENERATOR_CREATED).details["from"] == "form-v1"


def test_draft_is_deleted_and_told() -> None:
    row = draft()

    publishing.delete([row])

    assert states() == {}
    assert the_event(Action.GENERATOR_DELETED).subject_name == "form-v1"


def test_none_is_deleted_if_one_is_published() -> None:
    rows = [draft(), published(version=2)]

    with pytest.raises(AlreadyPublished):
        publishing.delete(rows)

    assert len(states()) == 2
    assert actions() == []


# Publishing


def test_first_version_that_is_published_is_current() -> None:
    row = draft()

    publishing.publish(row)

    assert (row.state, row.is_published) == (State.CURRENT, True)
    event = the_event(Action.GENERATOR_PUBLISHED)
    assert event.details == {"content": content_digest(row), "is_current": True}


def test_later_version_is_current_only_if_it_is_said() -> None:
    published(is_current=True)
    second, third = draft(version=2), draft(version=3)

    publishing.publish(second)
    publishing.publish(third, make_current=True)

    assert states() == {"form-v1": State.ACTIVE, "form-v2": State.ACTIVE, "form-v3": State.CURRENT}
    assert AuditEvent.objects.latest("number").details["instead_of"] == "form-v1"


def test_version_is_published_once() -> None:
    row = published()

    with pytest.raises(AlreadyPublished):
        publishing.publish(row)


def test_what_is_published_is_what_was_seen() -> None:
    row = draft()
    Generator.objects.filter(pk=row.pk).update(system_prompt="other")

    with pytest.raises(GeneratorChangedMeanwhile):
        publishing.publish(row)

    assert states() == {"form-v1": State.DRAFT}


def test_draft_that_cannot_work_is_not_published() -> None:
    row = draft(prompt_template="{{#open}}")

    with pytest.raises(CannotWork, match="Line 1, column 1"):
        publishing.publish(row)

    assert states() == {"form-v1": State.DRAFT}


# The current version


def test_another_version_becomes_current_in_its_place() -> None:
    first, second = published(is_current=True), published(version=2)

    assert publishing.make_current(second)

    assert (read_again(first).state, second.state) == (State.ACTIVE, State.CURRENT)
    assert the_event(Action.GENERATOR_MADE_CURRENT).details == {"instead_of": "form-v1"}


def test_lower_version_becomes_current_too() -> None:
    """On PostgreSQL one statement for both would pass or fail by the order of the rows."""
    first, second = published(), published(version=2, is_current=True)

    publishing.make_current(first)
    publishing.make_current(second)
    publishing.make_current(first)

    assert states() == {"form-v1": State.CURRENT, "form-v2": State.ACTIVE}


def test_current_version_stays_so_without_a_trace() -> None:
    assert not publishing.make_current(published(is_current=True))

    assert actions() == []


def test_other_names_keep_their_current_version() -> None:
    published("other", is_current=True)

    publishing.make_current(published())

    assert states("other") == {"other-v1": State.CURRENT}


def test_only_an_active_version_becomes_current() -> None:
    with pytest.raises(NotPublished):
        publishing.make_current(draft())

    with pytest.raises(NotActive):
        publishing.make_current(published(version=2, is_active=False))


# Retiring


def test_version_retires_and_is_brought_back() -> None:
    published(is_current=True)
    row = published(version=2)

    assert publishing.retire(row)
    assert row.state is State.RETIRED
    assert publishing.restore(row)

    assert row.state is State.ACTIVE
    assert actions() == ["generator.retired", "generator.restored"]


def test_current_version_does_not_retire_before_another_is_chosen() -> None:
    row = published(is_current=True)
    published(version=2)

    with pytest.raises(IsCurrent):
        publishing.retire(row)

    assert states() == {"form-v1": State.CURRENT, "form-v2": State.ACTIVE}


def test_last_version_retires_and_is_current_again_when_it_is_back() -> None:
    row = published(is_current=True)
    draft(version=2)
    published(version=3, is_active=False)

    assert publishing.retire(row)
    assert states()["form-v1"] is State.RETIRED
    assert the_event(Action.GENERATOR_RETIRED).details == {"was_current": True}

    publishing.restore(row)
    assert row.state is State.CURRENT


def test_what_is_so_already_leaves_no_trace() -> None:
    assert not publishing.retire(published(is_active=False))
    assert not publishing.restore(published(version=2))

    assert actions() == []


@pytest.mark.parametrize("change", [publishing.retire, publishing.restore])
def test_draft_is_neither_retired_nor_brought_back(change: Callable[[Generator], object]) -> None:
    with pytest.raises(NotPublished):
        change(draft())


@pytest.mark.parametrize(
    "change",
    [
        lambda row: publishing.change(row, seen=content_digest(row)),
        publishing.publish,
        publishing.make_current,
        publishing.retire,
        publishing.restore,
    ],
)
def test_version_that_is_gone_is_not_changed(change: Callable[[Generator], object]) -> None:
    row = draft()
    Generator.objects.filter(pk=row.pk).delete()

    with pytest.raises(GeneratorGone):
        change(row)


def test_nothing_is_stored_of_what_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    row = draft()
    monkeypatch.setattr(publishing.trail, "record", _fail)

    with pytest.raises(RuntimeError), transaction.atomic():
        publishing.publish(row)

    assert states() == {"form-v1": State.DRAFT}


def _fail(*_: object, **__: object) -> None:
    raise RuntimeError


# At the same moment


@pytest.mark.django_db(transaction=True)
def test_of_versions_that_become_current_at_once_one_is_in_the_end() -> None:
    rows = [published(version=number) for number in (1, 2, 3)]

    outcomes = outcomes_at_once([lambda row=row: publishing.make_current(row) for row in rows])  # type: ignore[misc]

    assert outcomes == [True, True, True]
    assert sorted(states().values()) == [State.ACTIVE, State.ACTIVE, State.CURRENT]
    assert len(actions()) == 3


@pytest.mark.django_db(transaction=True)
def test_drafts_at_once_get_numbers_of_their_own() -> None:
    rows = [Generator(name="form") for _ in range(4)]

    outcomes_at_once([lambda row=row: publishing.create(row) for row in rows])  # type: ignore[misc]

    assert sorted(row.version for row in rows) == [1, 2, 3, 4]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_publish_one_does_and_the_other_is_told() -> None:
    row = draft()

    outcomes = outcomes_at_once([lambda: publishing.publish(read_again(row))] * 2)

    assert sorted(str(type(outcome).__name__) for outcome in outcomes) == ["AlreadyPublished", "NoneType"]
    assert states() == {"form-v1": State.CURRENT}


@pytest.mark.django_db(transaction=True)
def test_draft_is_published_as_it_was_seen_or_not_at_all() -> None:
    row = draft()
    seen_by_one, seen_by_other = read_again(row), read_again(row)
    seen_by_other.system_prompt = "after"

    outcomes = outcomes_at_once(
        [
            lambda: publishing.publish(seen_by_one),
            lambda: publishing.change(seen_by_other, seen=content_digest(row)),
        ]
    )

    refused = [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)]
    assert refused in ([AlreadyPublished], [GeneratorChangedMeanwhile])
    assert (read_again(row).system_prompt, read_again(row).is_published) in {("", True), ("after", False)}
