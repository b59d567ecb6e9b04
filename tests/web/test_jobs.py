from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apikeys import issuing
from apikeys.models import ApiKey
from audit.actions import Action
from audit.models import AuditEvent
from generation.accepting import submission
from generation.models import GenerationJob, JobStatus
from generation.requests import GenerationRequest
from tests.generators.rows import publish
from tests.people import user_with

pytestmark = pytest.mark.django_db

SEE, CANCEL = "generation.view_generationjob", "generation.change_generationjob"
EVIL = "<script>alert(1)</script>"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def mina() -> User:
    return user_with("generation.use_playground", name="mina")


@pytest.fixture
def key(mina: User) -> ApiKey:
    return issuing.issue(name="Reports", scopes=["generate", "read"], owner=mina).key


@pytest.fixture
def job(key: ApiKey) -> GenerationJob:
    return submit(key)


def submit(key: ApiKey, prompt: str | None = "What is a tide?", **fields: Any) -> GenerationJob:
    return submission.submit(key=key, request=GenerationRequest(prompt=prompt, **fields)).job


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def answered(job: GenerationJob, **fields: Any) -> None:
    usual = {
        "status": JobStatus.COMPLETED,
        "text": "Water that moves.",
        "config_name": "Main config",
        "provider": "llama-cpp",
        "model_name": "codellama",
        "lease_owner": "worker-7",
        "failure_detail": "llama.cpp said no",
    }
    GenerationJob.objects.filter(pk=job.pk).update(**(usual | fields))


def pages_of(job: GenerationJob) -> tuple[str, str]:
    return "/jobs/", f"/jobs/{job.pk}/"


def test_nobody_is_sent_to_the_login(client: Client, job: GenerationJob) -> None:
    for path in pages_of(job):
        assert client.get(path)["Location"] == f"/login/?next={path}"
    assert client.post(f"/jobs/{job.pk}/cancel/").status_code == 302
    assert client.get(f"/jobs/{job.pk}/events/").status_code == 302
    job.refresh_from_db()
    assert job.cancel_requested_at is None


def test_owner_sees_the_request_and_the_answer_but_not_who_answered(mina: User, job: GenerationJob) -> None:
    answered(job)

    pages = "".join(browser_of(mina).get(path).content.decode() for path in pages_of(job))

    assert "What is a tide?" in pages
    assert "Water that moves." in pages
    for secret in ("Main config", "llama", "worker-7"):
        assert secret not in pages


def test_staff_with_the_permission_see_all_jobs_and_who_answered(job: GenerationJob) -> None:
    answered(job)
    staff = browser_of(user_with(SEE, name="oskar", is_staff=True))

    listed, shown = (staff.get(path).content.decode() for path in pages_of(job))

    assert str(job.pk) in listed
    for fact in ("Main config", "llama-cpp", "codellama", "worker-7", "llama.cpp said no"):
        assert fact in shown


@pytest.mark.parametrize("is_staff", [False, True])
def test_job_of_a_stranger_is_not_found(job: GenerationJob, is_staff: bool) -> None:
    stranger = browser_of(user_with("generation.use_playground", name="noa", is_staff=is_staff))

    assert str(job.pk) not in stranger.get("/jobs/").content.decode()
    assert stranger.get(f"/jobs/{job.pk}/").status_code == 404
    assert stranger.get(f"/jobs/{job.pk}/events/").status_code == 404
    assert stranger.post(f"/jobs/{job.pk}/cancel/").status_code == 404
    assert stranger.get(f"/jobs/{uuid.uuid4()}/").status_code == 404
    job.refresh_from_db()
    assert job.cancel_requested_at is None


def test_job_of_a_key_without_an_owner_is_not_for_users(mina: User) -> None:
    job = submit(issuing.issue(name="Robot", scopes=["generate"]).key)

    assert browser_of(mina).get(f"/jobs/{job.pk}/").status_code == 404


def test_owner_cancels_without_a_trace_in_the_audit_trail(mina: User, job: GenerationJob) -> None:
    response = browser_of(mina).post(f"/jobs/{job.pk}/cancel/")

    job.refresh_from_db()
    assert job.status == JobStatus.CANCELLED
    assert response["Location"] == f"/jobs/{job.pk}/"
    assert not AuditEvent.objects.filter(action=Action.JOB_CANCELLED).exists()


def test_staff_need_the_right_to_cancel_and_leave_an_event(job: GenerationJob) -> None:
    looks_on = browser_of(user_with(SEE, name="otto", is_staff=True))
    assert looks_on.post(f"/jobs/{job.pk}/cancel/").status_code == 403
    assert "/cancel/" not in looks_on.get(f"/jobs/{job.pk}/").content.decode()

    browser_of(user_with(SEE, CANCEL, name="oskar", is_staff=True)).post(f"/jobs/{job.pk}/cancel/")

    job.refresh_from_db()
    assert job.status == JobStatus.CANCELLED
    event = AuditEvent.objects.get(action=Action.JOB_CANCELLED)
    assert (event.subject_kind, event.subject_id) == ("job", str(job.pk))


def test_job_that_has_ended_is_not_cancelled_again(mina: User, job: GenerationJob) -> None:
    answered(job)

    page = browser_of(mina).post(f"/jobs/{job.pk}/cancel/", follow=True).content.decode()

    assert "The job had already ended." in page
    assert "/cancel/" not in page


def test_cancel_goes_back_to_the_list_and_nowhere_else(mina: User, job: GenerationJob, key: ApiKey) -> None:
    browser = browser_of(mina)

    to_list = browser.post(f"/jobs/{job.pk}/cancel/", {"next": "/jobs/?status=queued"})
    elsewhere = browser.post(f"/jobs/{submit(key).pk}/cancel/", {"next": "https://evil.example/"})

    assert to_list["Location"] == "/jobs/?status=queued"
    assert elsewhere["Location"].startswith("/jobs/")


def test_cancel_needs_a_token_and_a_post(mina: User, job: GenerationJob) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(mina)

    assert client.post(f"/jobs/{job.pk}/cancel/").status_code == 403
    assert client.get(f"/jobs/{job.pk}/cancel/").status_code == 405


def test_list_filters_by_status(mina: User, key: ApiKey) -> None:
    queued, done = submit(key), submit(key)
    answered(done)

    page = browser_of(mina).get("/jobs/", {"status": "completed"}).content.decode()

    assert str(done.pk) in page
    assert str(queued.pk) not in page


def test_list_shows_the_tokens_so_far(mina: User, job: GenerationJob) -> None:
    GenerationJob.objects.update(status=JobStatus.IN_PROGRESS, tokens_so_far=4711)

    assert "4711" in browser_of(mina).get("/jobs/").content.decode()


def test_pages_follow_the_cursor(mina: User, key: ApiKey) -> None:
    jobs = [submit(key) for _ in range(30)]
    browser = browser_of(mina)

    first = browser.get("/jobs/").content.decode()
    cursor = first.partition("?cursor=")[2].partition('"')[0]
    second = browser.get("/jobs/", {"cursor": cursor}).content.decode()

    assert [str(job.pk) in first for job in jobs] == [False] * 5 + [True] * 25
    assert [str(job.pk) in second for job in jobs] == [True] * 5 + [False] * 25
    assert "every 3s" in first
    assert "every 3s" not in second


def test_cursor_of_nobody_leads_to_the_first_page(mina: User) -> None:
    assert browser_of(mina).get("/jobs/", {"cursor": "x"})["Location"] == "/jobs/"


@pytest.mark.parametrize("path", ["/jobs/", "/jobs/{id}/"])
def test_htmx_gets_the_part_that_the_page_includes(mina: User, job: GenerationJob, path: str) -> None:
    browser, path = browser_of(mina), path.format(id=job.pk)

    whole, part = browser.get(path), browser.get(path, headers=HTMX)

    assert "<html" in whole.content.decode()
    assert "<html" not in part.content.decode()
    assert str(job.pk) in part.content.decode()
    assert "HX-Request" in part["Vary"]
    assert part["Cache-Control"] == "no-store"


def test_what_others_write_is_text_on_the_page(mina: User) -> None:
    key = issuing.issue(name=EVIL, scopes=["generate"], owner=mina).key
    job = submit(key, EVIL, metadata={EVIL: EVIL})
    call = {"id": "1", "name": EVIL, "arguments": EVIL}
    answered(job, text=EVIL, tool_calls=[call], warnings=[EVIL], failure_detail=EVIL, model_name=EVIL)
    staff = browser_of(user_with(SEE, name="oskar"))

    pages = [client.get(path) for client in (staff, browser_of(mina)) for path in pages_of(job)]

    for page in pages:
        assert EVIL not in page.content.decode()
    assert "&lt;script&gt;" in pages[1].content.decode()


def test_failure_is_a_neutral_sentence(mina: User, job: GenerationJob) -> None:
    answered(job, status=JobStatus.FAILED, error_code="backend_error", error_message="x")

    page = browser_of(mina).get(f"/jobs/{job.pk}/").content.decode()

    assert "The text could not be generated. Try again." in page
    assert "llama" not in page


def test_long_request_is_cut(mina: User, key: ApiKey) -> None:
    job = submit(key, "a" * 50_000 + "THE END")

    page = browser_of(mina).get(f"/jobs/{job.pk}/").content.decode()

    assert "THE END" not in page
    assert "only the beginning is shown" in page


def test_images_of_a_request_are_counted(mina: User, key: ApiKey) -> None:
    image = {"type": "image", "media_type": "image/png", "data": "iVBORw0K"}
    message = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]}
    job = submission.submit(key=key, request=GenerationRequest(messages=(message,))).job

    page = browser_of(mina).get(f"/jobs/{job.pk}/").content.decode()

    assert "1 image" in page
    assert "iVBORw0K" not in page


def test_warning_is_a_sentence(mina: User, job: GenerationJob) -> None:
    answered(job, warnings=["output_incomplete"])

    page = browser_of(mina).get(f"/jobs/{job.pk}/").content.decode()

    assert "It is passed on as it is." in page
    assert "output_incomplete" not in page


def test_input_is_shown_as_json(mina: User, key: ApiKey) -> None:
    publish(input_schema={"type": "object"}, prompt_template="{{table}}")
    job = submit(key, None, generator="ui", input={"table": "orders"})

    page = browser_of(mina).get(f"/jobs/{job.pk}/").content.decode()

    assert "&quot;table&quot;: &quot;orders&quot;" in page
