"""The admin's start page: who sees which part, and that it asks for itself anew."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from apikeys import issuing
from audit import trail
from audit.actions import Action
from audit.context import SYSTEM
from generation.models import JobStatus
from llmconfigs import activation
from llmconfigs.models import LLMConfig
from tests.generation.jobs import queue_job, seconds_ago
from web.dashboard.health import health_now
from web.dashboard.usage_now import usage_now

pytestmark = pytest.mark.django_db

PARTS = {
    "llmconfigs.view_llmconfig": "active-heading",
    "generation.view_generationjob": "queue-heading",
    "epochs.view_process": "processes-heading",
    "usage.view_usagerecord": "usage-heading",
    "audit.view_auditevent": "changes-heading",
}


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    usage_now.forget()
    health_now.forget()
    yield
    usage_now.forget()
    health_now.forget()


@pytest.fixture
def staff(client: Client) -> User:
    user = User.objects.create_user("anna", is_staff=True)
    client.force_login(user)
    return user


def allow(user: User, *names: str) -> None:
    for name in names:
        app_label, codename = name.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app_label, codename=codename)
        )


@pytest.mark.parametrize("path", ["/admin/", "/admin/desk/"])
@pytest.mark.parametrize("permission", PARTS)
def test_part_is_for_who_may_see_where_it_comes_from(
    client: Client, staff: User, path: str, permission: str
) -> None:
    allow(staff, permission)

    shown = {name for name in PARTS.values() if f'id="{name}"' in client.get(path).text}

    assert shown == {PARTS[permission]}


def test_page_of_staff_without_permissions_says_what_to_do(client: Client, staff: User) -> None:
    assert "Ask an administrator" in client.get("/admin/").text


def test_page_shows_the_active_row(client: Client, staff: User) -> None:
    config = LLMConfig.objects.create(name="Main <model>", provider="dummy", model_name="m-1")
    activation.activate(config, by=SYSTEM.actor)
    allow(staff, "llmconfigs.view_llmconfig")

    html = client.get("/admin/").text

    assert "Main &lt;model&gt;" in html
    assert f"/admin/llmconfigs/llmconfig/{config.pk}/change/" in html


def test_page_says_why_nothing_can_answer(client: Client, staff: User, settings: object) -> None:
    config = LLMConfig.objects.create(name="Main", provider="dummy")
    activation.activate(config, by=SYSTEM.actor)
    LLMConfig.objects.filter(pk=config.pk).update(provider="gone")
    allow(staff, "llmconfigs.view_llmconfig")

    html = client.get("/admin/").text

    assert "Nothing can answer." in html
    assert client.get("/admin/desk/health/").status_code == 200


def test_page_shows_jobs_and_changes(client: Client, staff: User) -> None:
    key = issuing.issue(name="Records office", scopes=["generate"]).key
    queue_job(key, status=JobStatus.IN_PROGRESS, started_at=seconds_ago(90))
    trail.record_alone(Action.CONFIG_ACTIVATED, trail.Subject("llmconfig", "1", "Main"))
    allow(staff, "generation.view_generationjob", "audit.view_auditevent")

    html = client.get("/admin/").text

    assert "Records office" in html
    assert "<td>Configuration activated</td><td>Main</td><td>The system</td>" in html


def test_health_is_for_who_may_see_configurations(client: Client, staff: User) -> None:
    assert client.get("/admin/desk/health/").status_code == 403

    allow(staff, "llmconfigs.view_llmconfig")
    assert client.get("/admin/desk/health/").status_code == 200


def test_health_comes_without_a_script_where_it_is_asked_for(client: Client, staff: User) -> None:
    allow(staff, "llmconfigs.view_llmconfig")

    assert "badge-" in client.get("/admin/?health").text.partition('class="health"')[2]
    assert "?health" in client.get("/admin/").text


def test_page_marks_that_it_asks_by_itself(client: Client, staff: User) -> None:
    allow(staff, *PARTS)

    asking = re.findall(r"<[^>]* hx-get=[^>]*>", client.get("/admin/").text)

    assert len(asking) == 2
    assert all("X-Changeover-Poll" in each for each in asking)


def test_part_and_page_are_the_same_file(client: Client, staff: User) -> None:
    page, part = client.get("/admin/"), client.get("/admin/desk/")

    for answer in (page, part):
        assert "partials/_desk.html" in [template.name for template in answer.templates]


@pytest.mark.parametrize("path", ["/admin/desk/", "/admin/desk/health/"])
def test_part_is_for_staff_alone(client: Client, path: str) -> None:
    user = User.objects.create_user("uma")
    allow(user, *PARTS)
    client.force_login(user)

    assert client.get(path, follow=True).status_code == 403


@pytest.mark.parametrize("path", ["/admin/desk/", "/admin/desk/health/"])
def test_part_is_only_read(client: Client, staff: User, path: str) -> None:
    allow(staff, *PARTS)

    assert client.post(path).status_code == 405
