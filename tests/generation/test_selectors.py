from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apikeys import issuing
from apikeys.models import ApiKey, Scope
from generation.errors import InvalidRequest, JobNotFound
from generation.models import GenerationJob, JobStatus
from generation.selectors import job_for, jobs_page
from tests.generation.jobs import many_like, queue_job
from tests.people import user_with
from tests.plans import rows_read


@pytest.fixture
def stranger(db: None) -> ApiKey:
    return issuing.issue(name="Stranger", scopes=[Scope.GENERATE, Scope.READ]).key


@pytest.fixture
def manager(db: None) -> ApiKey:
    return issuing.issue(name="Manager", scopes=[Scope.MANAGE]).key


def test_job_for_its_owner_and_for_a_manager_is_the_job(key: ApiKey, manager: ApiKey) -> None:
    job = queue_job(key)

    assert job_for(key, job.pk) == job
    assert job_for(manager, job.pk) == job


def test_job_for_a_stranger_is_not_found_like_one_that_does_not_exist(key: ApiKey, stranger: ApiKey) -> None:
    job = queue_job(key)

    with pytest.raises(JobNotFound) as strangers:
        job_for(stranger, job.pk)
    with pytest.raises(JobNotFound) as unknown:
        job_for(stranger, uuid.uuid4())

    assert strangers.value.message == unknown.value.message


def test_job_for_a_user_is_one_of_a_key_they_own(key: ApiKey) -> None:
    mina, noa = user_with(name="mina"), user_with(name="noa")
    own = queue_job(issuing.issue(name="Mine", scopes=[Scope.READ], owner=mina).key)
    robots = queue_job(key)

    assert job_for(mina, own.pk) == own
    assert jobs_page(mina).items == (own,)
    assert jobs_page(noa).items == ()
    for reader, job in ((mina, robots), (noa, own)):
        with pytest.raises(JobNotFound):
            job_for(reader, job.pk)


@pytest.mark.postgresql
def test_jobs_page_of_a_user_does_not_look_through_the_jobs_of_others(key: ApiKey) -> None:
    mina = user_with(name="mina")
    queue_job(issuing.issue(name="Mine", scopes=[Scope.READ], owner=mina).key)
    many_like(queue_job(key), 20_000)

    with connection.cursor() as cursor, CaptureQueriesContext(connection) as queries:
        cursor.execute("ANALYZE")
        jobs_page(mina)
        [listing] = [each["sql"] for each in queries if "LIMIT 21" in each["sql"]]

    assert rows_read(GenerationJob, listing) == 1


def test_jobs_page_of_a_user_reads_no_long_texts(key: ApiKey, django_assert_num_queries: Any) -> None:
    oskar = user_with("generation.view_generationjob")
    queue_job(key)

    [job] = jobs_page(oskar).items

    assert {"request", "text", "failure_detail"} <= job.get_deferred_fields()
    with django_assert_num_queries(0):
        assert (job.key.name, job.tokens, job.model_name) == (key.name, 0, "")


def test_job_for_a_user_with_the_permission_is_anybodys(key: ApiKey) -> None:
    job = queue_job(key)
    oskar = user_with("generation.view_generationjob")

    assert job_for(oskar, job.pk) == job
    assert jobs_page(oskar).items == (job,)


def test_jobs_page_follows_the_cursor_through_all_own_jobs_newest_first(
    key: ApiKey, stranger: ApiKey
) -> None:
    jobs = [queue_job(key) for _ in range(5)]
    queue_job(stranger)

    first = jobs_page(key, limit=2)
    second = jobs_page(key, cursor=first.next_cursor, limit=2)
    third = jobs_page(key, cursor=second.next_cursor, limit=2)

    assert [*first.items, *second.items, *third.items] == jobs[::-1]
    assert third.next_cursor is None


def test_jobs_page_is_not_moved_by_a_job_that_comes_meanwhile(key: ApiKey) -> None:
    jobs = [queue_job(key) for _ in range(4)]
    first = jobs_page(key, limit=2)
    queue_job(key)

    second = jobs_page(key, cursor=first.next_cursor, limit=2)

    assert list(second.items) == jobs[1::-1]


def test_jobs_page_that_ends_exactly_has_no_next_cursor(key: ApiKey) -> None:
    queue_job(key)
    queue_job(key)

    assert jobs_page(key, limit=2).next_cursor is None


def test_jobs_page_by_status_holds_only_that(key: ApiKey) -> None:
    queue_job(key)
    failed = queue_job(key, status=JobStatus.FAILED)

    assert jobs_page(key, status=JobStatus.FAILED).items == (failed,)


def test_jobs_page_for_a_manager_holds_the_jobs_of_all_keys(
    key: ApiKey, stranger: ApiKey, manager: ApiKey
) -> None:
    jobs = {queue_job(key), queue_job(stranger)}

    assert set(jobs_page(manager).items) == jobs


def test_jobs_page_reads_no_requests(key: ApiKey) -> None:
    queue_job(key)

    assert "request" in jobs_page(key).items[0].get_deferred_fields()


@pytest.mark.parametrize("cursor", ["", "x", "ä", "AAAA", "A" * 22 + "BBBB", "../../etc/passwd"])
def test_jobs_page_refuses_a_cursor_that_no_page_gave(key: ApiKey, cursor: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        jobs_page(key, cursor=cursor)

    assert caught.value.param == "cursor"


@pytest.mark.parametrize("limit", [0, -1, 101])
def test_jobs_page_refuses_a_limit_out_of_range(key: ApiKey, limit: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        jobs_page(key, limit=limit)

    assert caught.value.param == "limit"
