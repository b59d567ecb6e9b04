from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import Permission, User
from django.db import connection, transaction
from django.test import AsyncClient, Client
from django.urls import reverse

from audit import keys, trail
from audit.actions import Action
from audit.context import Actor, Origin, acting
from audit.exports import verify_export
from audit.history import history_url
from audit.models import AuditEvent
from audit.trail import Subject
from tests.audit.events import the_event
from tests.audit.tampering import tamper

LIST = reverse("admin:audit_auditevent_changelist")
EXPORT = reverse("admin:audit_auditevent_export")
AT = datetime(2026, 3, 10, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def person(name: str, *permissions: str) -> User:
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    return user


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(person("viewer", "view_auditevent"))
    return client


def record(action: Action, subject: Subject, *, day: int = 0, by: str = "lee", **details: Any) -> AuditEvent:
    with pytest.MonkeyPatch.context() as patch, acting(Origin(Actor(1, by), "192.0.2.1", f"r-{day}")):
        patch.setattr("audit.trail.timezone.now", lambda: AT + timedelta(days=day))
        return trail.record(action, subject, details=details)


@pytest.fixture
def events(viewer: Client) -> None:
    record(Action.CONFIG_CREATED, Subject("llmconfig", "12", "Llama"), day=0)
    record(Action.CONFIG_CHANGED, Subject("llmconfig", "12", "Llama 3"), day=1, by="kim")
    record(Action.KEY_ISSUED, Subject("apikey", "12", "robot"), day=2)


def shown(client: Client, query: str) -> list[str]:
    """The subjects of the list, without those of the fixtures."""
    page = client.get(f"{LIST}?{query}")
    assert page.status_code == 200, page
    return [event.subject_name for event in page.context["cl"].result_list if event.subject_kind != "user"]


@pytest.mark.parametrize(
    ("query", "subjects"),
    [
        ("", ["robot", "Llama 3", "Llama"]),
        ("action=key.issued", ["robot"]),
        ("actor=kim", ["Llama 3"]),
        ("subject=llmconfig", ["Llama 3", "Llama"]),
        ("subject=apikey:12", ["robot"]),
        ("subject=llmconfig:1", []),
        ("since=2026-03-11", ["robot", "Llama 3"]),
        ("until=2026-03-11", ["Llama 3", "Llama"]),
        ("since=2026-03-11&until=2026-03-11", ["Llama 3"]),
        ("since=2026-03-12&actor=lee", ["robot"]),
        ("since=never&until=2026-99-99", ["robot", "Llama 3", "Llama"]),
        ("until=9999-12-31", ["robot", "Llama 3", "Llama"]),
        ("q=r-1", ["Llama 3"]),
        ("q=robot", ["robot"]),
        ("q=192.0.2.1", ["robot", "Llama 3", "Llama"]),
        ("q=+Llama+3", ["Llama 3"]),
    ],
)
def test_list_is_narrowed_and_searched(viewer: Client, events: None, query: str, subjects: list[str]) -> None:
    assert shown(viewer, query) == subjects


def test_list_asks_few_queries_however_many_events_there_are(
    viewer: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(120):
        record(Action.CONFIG_CHANGED, Subject("llmconfig", str(number), "x"), changes={"a": "changed"})

    with django_assert_max_num_queries(12):
        page = viewer.get(LIST)

    assert len(page.context["cl"].result_list) == 100


def test_form_of_the_period_keeps_the_other_filters(viewer: Client, events: None) -> None:
    page = viewer.get(f"{LIST}?actor=lee&since=2026-03-11&p=1").content.decode()

    form = re.search(r'<form class="period".*?</form>', page, re.DOTALL)
    assert form
    assert re.findall(r'name="(\w+)" value="([^"]*)"', form[0]) == [
        ("actor", "lee"),
        ("since", "2026-03-11"),
        ("until", ""),
    ]


def test_history_of_an_object_is_a_link_away(viewer: Client, events: None) -> None:
    url = history_url("llmconfig", 12)

    assert url in viewer.get(LIST).content.decode().replace("&amp;", "&")
    assert shown(viewer, url.partition("?")[2]) == ["Llama 3", "Llama"]


def test_event_shows_what_changed_and_never_markup(viewer: Client) -> None:
    event = record(
        Action.CONFIG_CHANGED,
        Subject("llmconfig", "12", "<img src=x>"),
        changes={
            "temperature": {"from": 0.7, "to": 1},
            "name": {"from": "<script>", "to": None},
            "options": {"from": {}, "to": {"b": ["모델"]}},
            "api_key": "changed",
        },
        reason="<b>because</b>",
    )

    page = viewer.get(reverse("admin:audit_auditevent_change", args=[event.pk])).content.decode()

    for text in ("0.7", "&lt;script&gt;", "모델", "a secret is not shown", "&lt;b&gt;because", event.digest):
        assert text in page
    assert "<img src=x>" not in page
    assert "<b>because" not in page


@pytest.mark.parametrize(
    "details", ["[]", "{", '{"changes": 7}', '{"changes": {"a": 1, "b": {"from": 2}}}', ""]
)
def test_event_that_was_tampered_with_can_be_looked_at(viewer: Client, details: str) -> None:
    event = record(Action.CONFIG_CHANGED, Subject("llmconfig", "12", "Llama"))
    tamper(
        "UPDATE audit_auditevent SET details_json = %s, action = 'unknown' WHERE number = %s",
        details,
        event.pk,
    )

    assert viewer.get(LIST).status_code == 200
    assert viewer.get(reverse("admin:audit_auditevent_change", args=[event.pk])).status_code == 200


@pytest.mark.parametrize("page", ["add", "delete", "change"])
def test_nobody_edits_or_deletes_in_the_admin(admin_client: Client, page: str) -> None:
    event = record(Action.LOGIN, Subject("user", "1", "lee"))
    arguments = [] if page == "add" else [event.pk]

    answer = admin_client.post(
        reverse(f"admin:audit_auditevent_{page}", args=arguments), {"actor_name": "nobody", "post": "yes"}
    )

    assert answer.status_code == 403
    assert AuditEvent.objects.get(pk=event.pk).actor_name == "lee"


def test_list_offers_no_deletion(admin_client: Client) -> None:
    event = record(Action.LOGIN, Subject("user", "1", "lee"))

    admin_client.post(LIST, {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"})

    assert AuditEvent.objects.filter(pk=event.pk).exists()


def test_list_is_for_who_may_view(client: Client) -> None:
    client.force_login(person("stranger", "view_apikey", "export_auditevent"))

    assert client.get(LIST).status_code == 403
    assert client.post(EXPORT).status_code == 403


def test_export_is_offered_to_who_may(client: Client, viewer: Client) -> None:
    without = viewer.get(LIST).content.decode()
    client.force_login(person("auditor", "view_auditevent", "export_auditevent"))
    page = client.get(f"{LIST}?since=2026-03-11").content.decode()

    assert EXPORT not in without
    assert viewer.get(EXPORT).status_code == 405
    assert "Export this period" in page


def test_export_is_refused_to_who_may_only_view(viewer: Client) -> None:
    assert viewer.post(EXPORT).status_code == 403
    assert not AuditEvent.objects.filter(action=Action.EXPORTED).exists()


def test_export_of_no_period_is_refused(client: Client) -> None:
    client.force_login(person("auditor", "view_auditevent", "export_auditevent"))

    answer = client.post(EXPORT, {"since": "yesterday"}, follow=True)

    assert "The period is no valid one." in answer.content.decode()


async def _exported(user: User, period: dict[str, str]) -> tuple[Any, bytes]:
    client = AsyncClient()
    await client.aforce_login(user)
    answer = await client.post(EXPORT, period)
    return answer, b"".join([chunk async for chunk in answer.streaming_content])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("period", "days"),
    [
        ({}, [0, 1, 2]),
        ({"since": "2026-03-11"}, [1, 2]),
        ({"since": "2026-03-10", "until": "2026-03-11"}, [0, 1]),
    ],
)
def test_export_streams_the_period_and_is_recorded(period: dict[str, str], days: list[int]) -> None:
    with transaction.atomic():
        for day in range(3):
            record(Action.CONFIG_CHANGED, Subject("llmconfig", "12", f"day {day}"), day=day)
    auditor = person("auditor", "view_auditevent", "export_auditevent")

    answer, content = async_to_sync(_exported)(auditor, period)

    lines = content.splitlines(keepends=True)
    assert verify_export(lines, keys.trusted()).faults == []
    assert [int(day) for day in re.findall(rb'"day (\d)"', content)] == days
    assert re.fullmatch(r'attachment; filename="audit-[\d-]+\.jsonl"', answer["Content-Disposition"])
    assert the_event(Action.EXPORTED).actor_name == "auditor"


async def _connections_between_chunks(user: User) -> list[Any]:
    client = AsyncClient()
    await client.aforce_login(user)
    answer = await client.post(EXPORT)
    held = sync_to_async(lambda: connection.connection)
    return [await held() async for _ in answer.streaming_content]


@pytest.mark.django_db(transaction=True)
def test_export_holds_no_connection_while_the_browser_takes_its_time() -> None:
    with transaction.atomic():
        for number in range(500):
            record(Action.CONFIG_CHANGED, Subject("llmconfig", str(number), "x"))
    auditor = person("auditor", "view_auditevent", "export_auditevent")

    assert async_to_sync(_connections_between_chunks)(auditor) == [None] * 3
