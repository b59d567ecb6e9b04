"""PostgreSQL, a broker, a web process and a Celery worker: models are exchanged while jobs come in."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import connections

from apikeys import issuing
from apikeys.models import client_scopes
from generation.models import GenerationJob, JobStatus
from llmconfigs.models import LLMConfig
from tests.generation.workers import running_worker
from tests.processes import running_server

pytestmark = [pytest.mark.processes, pytest.mark.postgresql, pytest.mark.xdist_group("acceptance")]

PASSWORD = "a-password-for-the-tests"


@pytest.fixture
def base_url(process_environment: dict[str, str], valkey_url: str, tmp_path: Path) -> Iterator[str]:
    environment = process_environment | {"REDIS_URL": valkey_url}
    with (
        running_server(environment) as server,
        running_worker(environment, tmp_path / "worker.log", "--concurrency", "4"),
    ):
        yield server.base_url


@pytest.fixture
def configs(transactional_db: None) -> list[LLMConfig]:
    options = {"delay_s": 0.02}
    return [
        LLMConfig.objects.create(name=name, provider="dummy", model_name=name, options=options)
        for name in ("before", "after")
    ]


@dataclass
class Administrator:
    """Somebody at the admin's pages."""

    browser: httpx.Client

    def log_in(self) -> None:
        password = make_password(PASSWORD, hasher="pbkdf2_sha256")
        User.objects.create(username="admin", password=password, is_staff=True, is_superuser=True)
        answer = self.post("/login/?next=/admin/", username="admin", password=PASSWORD)
        assert "/logout/" in answer.text

    def activate(self, config: LLMConfig) -> None:
        path = f"/admin/llmconfigs/llmconfig/{config.pk}/activate/"
        seen = re.search(r'name="seen" value="([^"]*)"', self.browser.get(path).text)
        assert seen
        answer = self.post(path, seen=seen[1])
        assert " is active and answers every new request." in answer.text

    def post(self, path: str, **form: str) -> httpx.Response:
        self.browser.get(path)
        token = self.browser.cookies["csrftoken"]
        answer = self.browser.post(path, data={**form, "csrfmiddlewaretoken": token})
        assert answer.status_code == 200
        return answer


@pytest.fixture
def administrator(base_url: str) -> Iterator[Administrator]:
    with httpx.Client(base_url=base_url, follow_redirects=True, timeout=30) as browser:
        administrator = Administrator(browser)
        administrator.log_in()
        yield administrator


@dataclass
class Client:
    """An application that knows nothing but its key."""

    base_url: str
    secret: str = field(repr=False)

    def generate(self) -> GenerationJob:
        answer = httpx.post(
            f"{self.base_url}/api/v1/generations",
            json={"prompt": "Hello"},
            headers={"Authorization": f"Bearer {self.secret}", "Prefer": "wait=30"},
            timeout=40,
        )
        assert answer.status_code == 200, answer.text
        return GenerationJob.objects.get(pk=answer.json()["id"])

    def generate_until(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                self.generate()
        finally:
            connections.close_all()


def test_models_are_exchanged_while_jobs_come_in(
    base_url: str, administrator: Administrator, configs: list[LLMConfig]
) -> None:
    client = _client(base_url)
    administrator.activate(configs[0])
    stop = threading.Event()
    others = [threading.Thread(target=client.generate_until, args=(stop,)) for _ in range(3)]
    for thread in others:
        thread.start()

    answered_by = []
    for config in configs * 4:
        administrator.activate(config)
        answered_by.append((config.name, client.generate().config_name))
    stop.set()
    for thread in others:
        thread.join()

    assert all(active == answering for active, answering in answered_by), answered_by
    jobs = GenerationJob.objects.all()
    assert jobs.count() > len(answered_by)
    assert set(jobs.values_list("status", "config_name")) == {
        (JobStatus.COMPLETED, "before"),
        (JobStatus.COMPLETED, "after"),
    }


def _client(base_url: str) -> Client:
    issued = issuing.issue(name="Client", scopes=client_scopes())
    return Client(base_url, issued.secret.reveal())
