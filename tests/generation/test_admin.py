from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys import issuing
from apikeys.models import ApiKey, Scope
from generation.models import GenerationJob, JobStatus
from llmconfigs.models import LLMConfig
from tests.generation.jobs import claim_next, many_like, queue_job
from tests.plans import rows_read

LIST = "/admin/generation/generationjob/"


@pytest.fixture
def viewer(db: None) -> Client:
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_generationjob"))
    client = Client()
    client.force_login(user)
    return client


def cancel(client: Client, *jobs: GenerationJob) -> str:
    data = {"action": "cancel", "_selected_action": [str(job.pk) for job in jobs]}
    return client.post(LIST, data, follow=True).content.decode()


def test_list_shows_jobs_with_their_configuration_in_few_queries(
    admin_client: Client, key: ApiKey, django_assert_max_num_queries: object
) -> None:
    for _ in range(5):
        queue_job(key, config_name="Codellama on rack 3", provider="ollama")

    with django_assert_max_num_queries(15):  # type: ignore[operator]
        page = admin_client.get(LIST).content.decode()

    assert page.count("Codellama on rack 3") >= 5


def test_list_counts_a_bounded_number_of_jobs_and_asks_for_no_values(
    admin_client: Client, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adminlists.paging.MOST_COUNTED", 3)
    for _ in range(5):
        queue_job(key)

    with CaptureQueriesContext(connection) as queries:
        page = admin_client.get(LIST)

    asked = [each["sql"].upper() for each in queries]
    assert page.context["cl"].result_count == 3
    assert all("LIMIT 3" in sql for sql in asked if "COUNT(" in sql)
    assert not any("DISTINCT" in sql for sql in asked)


@pytest.fixture
def shown(admin_client: Client, key: ApiKey) -> Callable[[str], set[str]]:
    """Which of some jobs the list shows."""
    config, now = LLMConfig.objects.create(name="Main", provider="dummy"), timezone.now()
    other = issuing.issue(name="Other", scopes=[Scope.READ]).key
    yesterday = uuid.UUID(int=int((now - timedelta(days=1)).timestamp() * 1000) << 80)
    jobs = {
        "plain": queue_job(key),
        "failed": queue_job(key, status=JobStatus.FAILED, error_code="backend_error"),
        "cancelled": queue_job(key, status=JobStatus.CANCELLED),
        "configured": queue_job(key, config=config),
        "named": queue_job(key, idempotency_key="order-7"),
        "yesterday": queue_job(other, id=yesterday),
    }
    names = {job.pk: name for name, job in jobs.items()}

    def shown(query: str) -> set[str]:
        query = query.format(
            config=config.pk, other=other.pk, job=jobs["plain"].pk, today=now, prefix=other.prefix
        )
        page = admin_client.get(LIST + query)
        assert page.status_code == 200
        return {names[job.pk] for job in page.context["cl"].result_list}

    return shown


ALL = {"plain", "failed", "cancelled", "configured", "named", "yesterday"}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ALL),
        ("?status__exact=cancelled", {"cancelled"}),
        ("?error=backend_error", {"failed"}),
        ("?error=%00", set()),
        ("?config={config}", {"configured"}),
        ("?config=x", ALL),
        ("?key={other}", {"yesterday"}),
        ("?key=" + "9" * 30, ALL),
        ("?day={today:%Y-%m-%d}", ALL - {"yesterday"}),
        ("?day=2026-13-99", ALL),
        ("?day=0001-01-01", set()),
        ("?day=9999-12-30", set()),
        ("?q={job}", {"plain"}),
        ("?q=order-7", {"named"}),
        ("?q=order", set()),
        ("?q=Othe", {"yesterday"}),
        ("?q={prefix}", {"yesterday"}),
        ("?q=%00", ALL),
    ],
)
def test_list_can_be_searched_and_filtered(
    shown: Callable[[str], set[str]], query: str, names: set[str]
) -> None:
    assert shown(query) == names


@pytest.mark.postgresql
@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_list_of_what_went_wrong_does_not_look_through_what_went_well(
    admin_client: Client, key: ApiKey, status: str
) -> None:
    for _ in range(3):
        queue_job(key, status=status)
    many_like(queue_job(key, status=JobStatus.COMPLETED), 20_000)

    with connection.cursor() as cursor, CaptureQueriesContext(connection) as queries:
        cursor.execute("ANALYZE")
        admin_client.get(f"{LIST}?status__exact={status}")
        asked = [each["sql"] for each in queries if "generation_generationjob" in each["sql"]]

    assert len(asked) >= 3
    assert all(rows_read(GenerationJob, sql) <= 3 for sql in asked)


def test_list_finds_a_job_by_its_id(admin_client: Client, key: ApiKey) -> None:
    job, other = queue_job(key), queue_job(key)

    page = admin_client.get(LIST, {"q": str(job.pk)}).content.decode()

    assert str(job.pk) in page
    assert f"{other.pk}/change" not in page


def test_detail_shows_staff_what_went_wrong_and_escapes_it(admin_client: Client, key: ApiKey) -> None:
    job = queue_job(
        key, failure_detail="refused at 10.0.0.7", request={"prompt": "<script>alert(1)</script>"}
    )

    page = admin_client.get(f"{LIST}{job.pk}/change/").content.decode()

    assert "refused at 10.0.0.7" in page
    assert "<script>alert(1)" not in page


def test_detail_shows_request_and_data_as_json(admin_client: Client, key: ApiKey) -> None:
    job = queue_job(key, request={"input": {"table": None}}, data={"is_good": True})

    page = admin_client.get(f"{LIST}{job.pk}/change/").content.decode()

    assert "&quot;table&quot;: null" in page
    assert "&quot;is_good&quot;: true" in page


def test_jobs_cannot_be_written_in_the_admin(admin_client: Client, key: ApiKey) -> None:
    job = queue_job(key)

    changed = admin_client.post(f"{LIST}{job.pk}/change/", {"status": "completed"})
    added = admin_client.get(f"{LIST}add/")
    deleted = admin_client.post(f"{LIST}{job.pk}/delete/", {"post": "yes"})

    job.refresh_from_db()
    assert (changed.status_code, added.status_code, deleted.status_code) == (403, 403, 403)
    assert job.status == JobStatus.QUEUED


def test_cancel_action_cancels_and_reports(admin_client: Client, key: ApiKey) -> None:
    in_progress, queued = queue_job(key, priority=1), queue_job(key)
    finished = queue_job(key, status=JobStatus.COMPLETED)
    claim_next("worker")

    page = cancel(admin_client, in_progress, queued, finished)

    for job in (in_progress, queued, finished):
        job.refresh_from_db()
    assert in_progress.cancel_requested_at is not None
    assert (queued.status, finished.status) == (JobStatus.CANCELLED, JobStatus.COMPLETED)
    assert "2 jobs are being cancelled." in page
    assert "1 job had already ended." in page


def test_viewer_sees_jobs_and_cancels_none(viewer: Client, key: ApiKey) -> None:
    job = queue_job(key)

    seen = viewer.get(LIST).content.decode()
    cancel(viewer, job)

    job.refresh_from_db()
    assert str(job.pk) in seen
    assert "Cancel the selected jobs" not in seen
    assert job.status == JobStatus.QUEUED


def test_stranger_is_sent_to_the_login(client: Client, key: ApiKey) -> None:
    assert client.get(LIST).status_code == 302
