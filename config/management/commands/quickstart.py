"""From an empty checkout to an answer from a model, and a server that goes on serving."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from apikeys import issuing
from apikeys.models import ApiKey, client_scopes
from config import server
from config.management.commands.serve import listen
from scripts.make_toy_gguf import write_toy_gguf

PROMPT = "Say a few words."
OWN_KEY_NAME = "quickstart (internal)"
USER_KEY_NAME = "quickstart"
ADMIN_NAME = "admin"
ANSWER_TIMEOUT_S = 120


class Command(BaseCommand):
    help = (
        "Prepare this installation (database, toy model, admin, API key), start the server, send it one "
        "generation, print the answer and go on serving. What is there already is kept."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--once", action="store_true", help="stop after the answer; fail if none came")

    def handle(self, *, port: int, once: bool, **options: Any) -> None:
        logging.getLogger().setLevel(max(logging.WARNING, logging.getLogger().level))
        listener = listen("127.0.0.1", port)
        port = listener.getsockname()[1]
        self.prepare()
        self.web = server.build_server(shutdown_s=settings.GENERATION_SHUTDOWN_S)
        self.base_url = f"http://127.0.0.1:{port}"
        self.answered = False
        client = threading.Thread(target=self.ask, kwargs={"stop_after": once}, name="quickstart-client")
        client.start()
        self.web.run(sockets=[listener])
        client.join()
        if once and not self.answered:
            raise CommandError("No answer came; what went wrong is above.")

    def prepare(self) -> None:
        Path(settings.DATA_DIR).mkdir(mode=0o700, parents=True, exist_ok=True)
        call_command("migrate", verbosity=0)
        self.ensure_toy_model()
        self.ensure_admin()
        self.ensure_user_key()

    def ensure_toy_model(self) -> None:
        """Only where the environment asks for it: a path that names another model is the operator's."""
        path = Path(settings.LLM_ENVIRONMENT.get("LLM_MODEL_PATH", ""))
        if path.name == "toy.gguf" and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_toy_gguf(path)
            self.stdout.write(f"Made the toy model {path}.")

    def ensure_admin(self) -> None:
        users = get_user_model().objects
        if users.filter(is_superuser=True).exists():
            return
        password = secrets.token_urlsafe(12)
        users.create_superuser(username=ADMIN_NAME, password=password)
        self.stdout.write(f"Admin user, shown this once:  {ADMIN_NAME} / {password}")

    def ensure_user_key(self) -> None:
        if ApiKey.objects.filter(name=USER_KEY_NAME).exists():
            self.api_key = "$CHANGEOVER_API_KEY"
            return
        self.api_key = issuing.issue(name=USER_KEY_NAME, scopes=client_scopes()).secret.reveal()
        self.stdout.write(f"API key, shown this once:     {self.api_key}")

    def ask(self, *, stop_after: bool) -> None:
        """Runs beside the server, as its first client."""
        try:
            self.wait_until_serving()
            self.print_answer(self.generate())
        except Exception as error:
            self.stderr.write(self.style.ERROR(f"The first generation failed: {error}"))
        finally:
            self.print_addresses()
            if stop_after:
                self.web.should_exit = True

    def wait_until_serving(self) -> None:
        deadline = time.monotonic() + 30
        while not self.web.started:
            if self.web.should_exit or time.monotonic() > deadline:
                raise CommandError("the server did not start; its log is above.")
            time.sleep(0.05)

    def generate(self) -> dict[str, Any]:
        """The finished job, by the REST API and with a key that nobody else has."""
        authorization = {"Authorization": f"Bearer {self.own_key()}", "Prefer": "wait=60"}
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        with httpx.Client(base_url=self.base_url, headers=authorization, timeout=70) as client:
            answer = client.post("/api/v1/generations", json={"prompt": PROMPT})
            while answer.status_code in (200, 202):
                job: dict[str, Any] = answer.json()
                if job["status"] not in ("queued", "in_progress"):
                    return job
                if time.monotonic() > deadline:
                    raise CommandError(
                        f"the job is still {job['status']} after {ANSWER_TIMEOUT_S} s. "
                        "With REDIS_URL set, `manage.py worker` runs the jobs: is there one?"
                    )
                time.sleep(0.2)
                answer = client.get(job["status_url"])
        raise CommandError(f"HTTP {answer.status_code}: {answer.text}")

    def own_key(self) -> str:
        """The internal key's row is used again in every run, with a new secret."""
        key = ApiKey.objects.filter(name=OWN_KEY_NAME).first()
        issued = issuing.reissue(key) if key else issuing.issue(name=OWN_KEY_NAME, scopes=client_scopes())
        return issued.secret.reveal()

    def print_answer(self, job: dict[str, Any]) -> None:
        if job["status"] != "completed":
            raise CommandError(f"the job ended {job['status']}: {job['error']['message']}")
        self.answered = True
        self.stdout.write(self.style.SUCCESS(f"\n> {PROMPT}\n{job['result']['text'].strip()}\n"))

    def print_addresses(self) -> None:
        self.stdout.write(
            f"Admin:   {self.base_url}/admin/\n"
            f"API:     {self.base_url}/api/v1/docs\n"
            f"OpenAI:  base URL {self.base_url}/v1, model {settings.API_MODEL_ALIAS}\n"
            f"Try it:  curl -s {self.base_url}/api/v1/generations -H 'Prefer: wait=30' \\\n"
            f'           -H "Authorization: Bearer {self.api_key}" \\\n'
            "           -H 'Content-Type: application/json' -d '{\"prompt\": \"Say a few words.\"}'"
        )
        if self.api_key.startswith("$"):
            self.stdout.write("A new key for it:  .venv/bin/python manage.py apikey create NAME")
        self.stdout.flush()
