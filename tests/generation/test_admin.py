from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from apikeys.models import ApiKey
from generation.claims import claim_next
from generation.models import GenerationJob, JobStatus
from tests.generation.jobs import queue_job

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


@pytest.mark.parametrize(
    ("query", "is_found"),
    [("?q=Client", True), ("?status__exact=queued", True), ("?q=nothing-like-this", False)],
)
def test_list_can_be_searched_and_filtered(
    admin_client: Client, key: ApiKey, query: str, is_found: bool
) -> None:
    job = queue_job(key)

    page = admin_client.get(LIST + query)

    assert page.status_code == 200
    assert (str(job.pk) in page.content.decode()) == is_found


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
