from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import OperationalError

from epochs import current
from epochs.current import Epochs
from generators import known
from generators.known import Generators, known_now
from generators.models import Generator
from tests.asyncio_support import run_async
from tests.database_outages import database_out_of_reach
from tests.generators.rows import publish, unsaved


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "_kept", None)


async def known_at_once() -> Generators:
    return await known.known(await current.current())


VERSIONS = (
    unsaved(version=3, is_active=True, is_current=False),
    unsaved(version=2, is_active=True, is_current=True),
    unsaved(version=1, is_active=False, is_current=False),
)


@pytest.mark.parametrize(
    ("name", "version"), [("ui", 2), ("ui-v2", 2), ("ui-v3", 3), ("ui-v1", None), ("ui-v9", None), ("", None)]
)
def test_name_without_a_version_is_the_current_one(name: str, version: int | None) -> None:
    offered = Generators(VERSIONS).offered(name)

    assert (offered and offered.version) == version


def test_retired_version_is_known_and_offered_no_more() -> None:
    generators = Generators(VERSIONS)

    assert generators.published("ui-v1") is not None
    assert generators.published("ui") is None
    assert generators.offered_names == ("ui-v3", "ui-v2")
    assert [offer.is_current for offer in generators.offers] == [False, True]


@pytest.mark.django_db(transaction=True)
def test_shipped_generators_are_there() -> None:
    generators = run_async(known_at_once())

    assert generators.offered_names == ("json-v1", "text-v1")
    assert known_now().offered_names == generators.offered_names


@pytest.mark.django_db(transaction=True)
def test_every_change_is_known_with_the_next_request() -> None:
    def names() -> tuple[str, ...]:
        return run_async(known_at_once()).offered_names

    assert "ui-v1" not in names()
    publish(is_current=True)
    assert "ui-v1" in names()
    Generator.objects.filter(name="ui").update(is_active=False, is_current=False)
    assert "ui-v1" not in names()


@pytest.mark.django_db
def test_thread_knows_what_its_own_transaction_has_changed() -> None:
    before = known_now()
    publish()

    assert before.offered("ui") is None
    assert known_now().offered("ui") is not None
    assert known_now() is known_now()


@pytest.mark.django_db(transaction=True)
def test_draft_is_unknown() -> None:
    publish(published_at=None, is_active=False, is_current=False)

    assert run_async(known_at_once()).published("ui-v1") is None


@pytest.mark.django_db(transaction=True)
def test_memory_serves_as_long_as_nothing_has_changed() -> None:
    async def twice() -> bool:
        return await known_at_once() is await known_at_once()

    assert run_async(twice())


def test_last_known_generators_serve_while_the_database_is_down(transactional_db: None) -> None:
    before = run_async(known_at_once())
    stale = Epochs(1, 1, generators=-1, is_stale=True)

    with database_out_of_reach():
        known._connection.close()
        assert run_async(known.known(stale)) is before
        with pytest.raises(OperationalError):
            run_async(known.known(replace(stale, is_stale=False)))
    assert known.last_known() is before
