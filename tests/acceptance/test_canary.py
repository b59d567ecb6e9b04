"""A day in the life of an installation whose secrets are known: none of them comes out anywhere.

The web server and a worker are real processes, PostgreSQL and the broker too. Everything that a browser gets,
the logs at their most talkative, what goes over the broker and the whole database are searched.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.urls import reverse

from generation.models import GenerationJob
from llmconfigs.models import LLMConfig
from tests.api.frontdoor import upstream
from tests.canary import Canaries, database_dump
from tests.generation.workers import running_worker
from tests.llmbackends import faults
from tests.llmbackends.fault_server import Exchange
from tests.processes import ManageProcess, running_server
from tests.waiting import wait_until
from tests.web.declared import people_may_call
from tests.web.html import Page
from tests.web.routes import all_routes
from tests.web.samples import Samples

pytestmark = [pytest.mark.processes, pytest.mark.postgresql, pytest.mark.xdist_group("acceptance")]

HELLO = {"model": "default", "messages": [{"role": "user", "content": "Hello"}]}


async def refuse(exchange: Exchange) -> None:
    """A service that repeats what it was sent in its errors, as some do."""
    await _repeat(401, exchange)


async def fail(exchange: Exchange) -> None:
    """Well, until it is asked for a text."""
    if exchange.request.method == "GET":
        await faults.answer(200, {})(exchange)
    else:
        await _repeat(400, exchange)


async def _repeat(status: int, exchange: Exchange) -> None:
    headers = exchange.request.headers
    message = f"Incorrect API key provided: {headers.get('authorization')} {json.dumps(headers)}"
    await faults.answer(status, {"error": {"message": message, "code": message}})(exchange)


@contextmanager
def overheard(url: str) -> Iterator[list[str]]:
    """All commands that the broker is given."""
    commands: list[str] = []
    with redis.Redis.from_url(url) as client, client.monitor() as monitor:

        def listen() -> None:
            for each in monitor.listen():
                commands.append(str(each["command"]))
                if "the end of the test" in commands[-1]:
                    return

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        try:
            yield commands
        finally:
            with redis.Redis.from_url(url) as other:
                other.echo("the end of the test")
            listener.join(10)


@dataclass
class Day:
    """Who acts, and what could be seen of it."""

    canaries: Canaries
    browser: httpx.Client
    seen: list[tuple[str, str]] = field(default_factory=list)
    """Where a text was seen, and the text."""

    def see(self, where: str, answer: httpx.Response) -> httpx.Response:
        self.seen.append((where, f"{answer.headers} {answer.text}"))
        return answer

    def open(self, path: str) -> httpx.Response:
        return self.see(f"GET {path}", self.browser.get(path))

    def send(self, path: str, form_of: str = "", to: str = "", **entered: str) -> httpx.Response:
        """Fills in the form of a page, the last one or that of the id, and sends it, maybe elsewhere."""
        page = Page(self.open(path))
        forms = [form for form in page.forms if not form_of or form.attributes.get("id") == form_of]
        values = {**forms[-1].values, "csrfmiddlewaretoken": self.browser.cookies["csrftoken"], **entered}
        answer = self.browser.post(to or path, data=values, headers={"Referer": str(self.browser.base_url)})
        return self.see(f"POST {to or path}", answer)

    def leaks(self) -> dict[str, list[str]]:
        found = {where: self.canaries.found_in(text) for where, text in self.seen}
        return {where: names for where, names in found.items() if names}


@pytest.fixture
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture
def environment(process_environment: dict[str, str], valkey_url: str, canaries: Canaries) -> dict[str, str]:
    encryption_key = base64.urlsafe_b64encode(canaries.make("field encryption key")[:32].encode()).decode()
    database_password = canaries.make("password of the database")
    broker_password = canaries.make("password of the broker")
    return process_environment | {
        "SECRET_KEY": canaries.make("secret key", "a-long-secret-key-"),
        "FIELD_ENCRYPTION_KEYS": canaries.add("field encryption key as it is set", encryption_key),
        "API_KEY_PEPPER": canaries.make("pepper"),
        "LLM_API_KEY": canaries.make("key of the fallback", "sk-"),
        "DATABASE_URL": process_environment["DATABASE_URL"].replace(
            "postgres@", f"postgres:{database_password}@", 1
        ),
        "REDIS_URL": valkey_url.replace("redis://", f"redis://default:{broker_password}@", 1),
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": "json",
    }


@pytest.fixture
def processes(environment: dict[str, str], tmp_path: Path) -> Iterator[list[ManageProcess]]:
    with (
        running_server(environment) as server,
        running_worker(environment, tmp_path / "worker.log") as worker,
    ):
        yield [server, worker]


@pytest.fixture
def day(processes: list[Any], canaries: Canaries) -> Iterator[Day]:
    with httpx.Client(base_url=processes[0].base_url, follow_redirects=True, timeout=60) as browser:
        yield Day(canaries, browser)


def log_in(day: Day) -> None:
    password = day.canaries.make("password of the administrator")
    stored = make_password(password, hasher="pbkdf2_sha256")
    User.objects.create(username="admin", password=stored, is_staff=True, is_superuser=True)
    day.send("/login/", username="admin", password=f"{password}x")
    assert "/admin/" in day.send("/login/", username="admin", password=password).url.path


def make_config(day: Day, service: str) -> LLMConfig:
    """A key of a service that repeats it in its errors."""
    add = reverse("admin:llmconfigs_llmconfig_add")
    key = day.canaries.make("key of the configuration", "sk-")
    wrong = {"name": "broken", "provider": "vllm", "timeout_seconds": "1", "max_retries": "0"}
    day.send(add, "llmconfig_form", api_key=key, **wrong)
    day.send(add, "llmconfig_form", **wrong | {"timeout_seconds": "10"}, api_key=key, endpoint_url=service)
    return LLMConfig.objects.get(name="broken")


def try_out(day: Day, config: LLMConfig, service: str) -> None:
    """What was entered and is not saved, with another key and with the stored one."""
    key = day.canaries.make("key that was tried", "sk-")
    for what in ("test", "models"):
        new, stored = (
            reverse("admin:llmconfigs_llmconfig_try_new", args=[what]),
            reverse("admin:llmconfigs_llmconfig_try", args=[config.pk, what]),
        )
        entered = {"provider": "vllm", "endpoint_url": service, "api_key": key, "name": "tried"}
        day.send(reverse("admin:llmconfigs_llmconfig_add"), "llmconfig_form", to=new, **entered)
        day.send(reverse("admin:llmconfigs_llmconfig_change", args=[config.pk]), "llmconfig_form", to=stored)


def activate(day: Day, config: LLMConfig) -> None:
    """The probe fails; it is activated all the same."""
    page = reverse("admin:llmconfigs_llmconfig_activate", args=[config.pk])
    day.send(page)
    day.send(page, reason="The service will be there soon.")
    assert LLMConfig.objects.get(is_active=True) == config


def act_on(day: Day, config: LLMConfig, action: str) -> None:
    changelist = reverse("admin:llmconfigs_llmconfig_changelist")
    day.send(changelist, "changelist-form", action=action, _selected_action=str(config.pk))


def issue_key(day: Day) -> str:
    """The page that answers shows the key, this once, so it is not among what is searched."""
    answer = day.send(reverse("admin:apikeys_apikey_add"), "apikey_form", name="client")
    day.seen.pop()
    [secret] = set(re.findall(r"co_[0-9a-f]+_[\w-]+", answer.text))
    return day.canaries.add("API key", secret)


def use(day: Day, secret: str) -> None:
    """Rightly and wrongly."""
    headers = {"Authorization": f"Bearer {secret}"}
    for path, body in (("/v1/chat/completions", HELLO), ("/v1/chat/completions", HELLO | {"stream": True})):
        day.see(path, day.browser.post(path, json=body, headers=headers))
    for sent in ({"prompt": "Hello"}, {"prompt": ""}, {"prompt": "Hello", "secret": secret}):
        answer = day.browser.post("/api/v1/generations", json=sent, headers={**headers, "Prefer": "wait=30"})
        if secret not in json.dumps(sent):
            day.see("/api/v1/generations", answer)
    for wrong in (secret[:-1], f"{secret}x", secret.upper()):
        for path in ("/v1/models", "/api/v1/generations"):
            day.see(path, day.browser.get(path, headers={"x-api-key": wrong}))


def look_around(day: Day) -> None:
    """All pages, and the answers to what is not there or not right."""
    samples = Samples()
    samples.make_all()
    for route in all_routes():
        if people_may_call(route) and "logout" not in route.name:
            day.open(route.address(samples))
    for path in ("/no/such/page", "/admin/no/such/page/", "/api/nothing", "/v1/nothing", "/admin/?a=%00"):
        day.open(path)
    day.see("no token", day.browser.post("/password/", data={"old_password": "wrong"}))
    day.see("other host", day.browser.get("/", headers={"Host": "evil.example"}))


def tables_of_processes(processes: list[Any]) -> str:
    """As `ps` shows them to every user of the machine."""
    numbers = ",".join(str(each.process.pid) for each in processes)
    return subprocess.run(["ps", "-o", "args=", "-p", numbers], capture_output=True, text=True).stdout


def test_no_secret_comes_out(day: Day, processes: list[Any], valkey_url: str) -> None:
    with overheard(valkey_url) as commands, upstream.running(refuse) as service:
        log_in(day)
        config = make_config(day, service.url)
        act_on(day, config, "test_connection")
        service.play_only(fail)
        try_out(day, config, service.url)
        activate(day, config)
        use(day, issue_key(day))
        day.send(reverse("admin:llmconfigs_llmconfig_change", args=[config.pk]), "llmconfig_form", name="new")
        look_around(day)
        day.send(reverse("admin:llmconfigs_llmconfig_deactivate", args=[config.pk]))
        act_on(day, config, "delete_selected")
        assert GenerationJob.objects.filter(failure_detail__contains="Incorrect API key").exists()
        wait_until(lambda: any(command.startswith("LPUSH changeover") for command in commands))

    day.seen += [("the broker", command) for command in commands]
    day.seen += [(f"log of {each.log_file.name}", each.log) for each in processes]
    day.seen += [("the database", database_dump()), ("ps", tables_of_processes(processes))]
    assert day.leaks() == {}
