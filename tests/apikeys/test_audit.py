from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.core.management import call_command
from django.db.models import ProtectedError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apikeys import issuing
from apikeys.models import ApiKey
from audit import trail
from audit.actions import Action
from audit.models import AuditEvent
from generation.models import GenerationJob
from tests.audit.events import the_event

pytestmark = pytest.mark.django_db

ADD = reverse("admin:apikeys_apikey_add")
LIST = reverse("admin:apikeys_apikey_changelist")


@pytest.fixture
def issued() -> issuing.IssuedKey:
    return issuing.issue(
        name="robot", scopes=["generate", "read"], expires_at=datetime(2099, 1, 1, tzinfo=UTC)
    )


def test_issued_key_is_recorded_with_its_rights(issued: issuing.IssuedKey) -> None:
    event = the_event(Action.KEY_ISSUED)

    assert (event.subject_kind, event.subject_id) == ("apikey", str(issued.key.pk))
    assert event.subject_name == f"robot ({issued.key.prefix})"
    assert event.details == {"scopes": ["generate", "read"], "expires_at": "2099-01-01T00:00:00.000000Z"}


def test_neither_secret_nor_digest_is_recorded(issued: issuing.IssuedKey) -> None:
    reissued = issuing.reissue(issued.key)
    issuing.revoke(issued.key)
    issuing.delete([issued.key])

    recorded = str(list(AuditEvent.objects.values()))
    for secret in (issued.secret, reissued.secret):
        assert secret.reveal() not in recorded
        assert secret.reveal().rpartition("_")[2] not in recorded
    assert reissued.key.digest not in recorded


def test_new_secret_of_a_key_is_recorded(issued: issuing.IssuedKey) -> None:
    issuing.reissue(issued.key)

    assert the_event(Action.KEY_REISSUED).subject_name == f"robot ({issued.key.prefix})"


def test_changed_fields_are_recorded_and_no_others(issued: issuing.IssuedKey) -> None:
    issued.key.name, issued.key.scopes, issued.key.expires_at = "renamed", ["manage"], None

    assert issuing.change(issued.key, ["name", "scopes", "expires_at", "requests_per_minute"])

    assert the_event(Action.KEY_CHANGED).details["changes"] == {
        "name": {"from": "robot", "to": "renamed"},
        "scopes": {"from": ["generate", "read"], "to": ["manage"]},
        "expires_at": {"from": "2099-01-01T00:00:00.000000Z", "to": None},
    }


def test_change_of_nothing_is_not_recorded(issued: issuing.IssuedKey) -> None:
    assert not issuing.change(issued.key, ["name", "scopes"])

    assert not AuditEvent.objects.filter(action=Action.KEY_CHANGED).exists()


def test_key_is_revoked_once_in_the_trail_too(issued: issuing.IssuedKey) -> None:
    issuing.revoke(issued.key)
    issuing.revoke(issued.key)

    assert the_event(Action.KEY_REVOKED).subject_id == str(issued.key.pk)


def test_key_that_cannot_be_deleted_leaves_no_event(issued: issuing.IssuedKey) -> None:
    now = timezone.now()
    GenerationJob.objects.create(
        key=issued.key, request={}, request_digest="", run_after=now, deadline_at=now
    )
    other = issuing.issue(name="other", scopes=["read"]).key

    with pytest.raises(ProtectedError):
        issuing.delete([other, issued.key])

    assert ApiKey.objects.count() == 2
    assert not AuditEvent.objects.filter(action=Action.KEY_DELETED).exists()


@pytest.mark.django_db(transaction=True)
def test_no_key_is_issued_or_revoked_without_its_event(
    issued: issuing.IssuedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("full disk")

    monkeypatch.setattr(trail, "record", fail)
    issued.key.name = "renamed"
    for change in (
        lambda: issuing.issue(name="another", scopes=["read"]),
        lambda: issuing.change(issued.key, ["name"]),
        lambda: issuing.revoke(issued.key),
        lambda: issuing.delete([ApiKey.objects.get()]),
    ):
        with pytest.raises(RuntimeError, match="full disk"):
            change()

    stored = ApiKey.objects.get()
    assert (stored.name, stored.revoked_at) == ("robot", None)


def test_admin_records_who_did_it(
    admin_client: Client, admin_user: object, issued: issuing.IssuedKey
) -> None:
    change = reverse("admin:apikeys_apikey_change", args=[issued.key.pk])
    delete = reverse("admin:apikeys_apikey_delete", args=[issued.key.pk])
    form = {"name": "desk", "scopes": ["generate"], "expires_at_0": "", "expires_at_1": ""}

    admin_client.post(ADD, form)
    admin_client.post(change, form | {"name": "renamed"})
    admin_client.post(LIST, {"action": "revoke", "_selected_action": [issued.key.pk]})
    admin_client.post(delete, {"post": "yes"})
    admin_client.post(
        LIST, {"action": "delete_selected", "_selected_action": [ApiKey.objects.get().pk], "post": "yes"}
    )

    events = AuditEvent.objects.filter(subject_kind="apikey", actor_name="admin").order_by("number")
    assert [event.action for event in events] == [
        Action.KEY_ISSUED, Action.KEY_CHANGED, Action.KEY_REVOKED, Action.KEY_DELETED, Action.KEY_DELETED,
    ]  # fmt: skip
    assert {event.address for event in events} == {"127.0.0.1"}
    assert all(event.request_id for event in events)


def test_command_records_itself_as_the_actor() -> None:
    call_command("apikey", "create", "robot", verbosity=0)
    call_command("apikey", "revoke", ApiKey.objects.get().prefix)

    assert the_event(Action.KEY_ISSUED).actor_name.startswith("manage.py apikey create (")
    assert the_event(Action.KEY_REVOKED).actor_name.startswith("manage.py apikey revoke (")
