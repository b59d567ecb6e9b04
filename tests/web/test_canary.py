"""What a failure in the middle of a view shows of the secrets that were at hand there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path

from config import logs, urls
from llmbackends.secret import Secret
from llmconfigs.models import LLMConfig
from tests.canary import Canaries

from .browsers import browser_of, superuser
from .samples import Samples

pytestmark = pytest.mark.django_db

CANARIES = Canaries()
KEY = CANARIES.make("key in a local variable", "sk-")
PASSWORD = CANARIES.make("password that was sent")


def fail(request: HttpRequest) -> HttpResponse:
    """With the key as it would be at hand: in a row, in its own type and, for the call itself, as a text."""
    config = LLMConfig.objects.get()
    secret = Secret(KEY)
    plain = secret.reveal()
    raise RuntimeError(f"a failure with {len(plain)} signs, {secret} and {config.api_key!r}")


urlpatterns: list[URLPattern | URLResolver] = [
    path("fail/", fail),
    path("api/fail/", fail),
    *urls.urlpatterns,
]
handler500 = urls.handler500


@pytest.fixture
def _urls_that_fail(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    Samples(key=KEY).get(LLMConfig)


@pytest.fixture(params=["json", "console"])
def logged(
    request: pytest.FixtureRequest, settings: Any, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[[], str]]:
    """What the log says, in each of its forms."""
    before = structlog.get_config()
    logs.configure({"level": "DEBUG", "format": request.param})
    yield lambda: capsys.readouterr().err
    # With what this process's loggers remember, and to a stream that is open when the fixture has gone.
    with capsys.disabled():
        logs.configure(settings.LOGGING)
    structlog.configure(**before)


@pytest.mark.parametrize("address", ["/fail/", "/api/fail/"])
@pytest.mark.usefixtures("_urls_that_fail")
def test_failure_is_logged_and_shows_no_secret(address: str, logged: Callable[[], str]) -> None:
    form = {"password": PASSWORD, "api_key": KEY}

    response = browser_of(superuser()).post(address, form, headers={"authorization": f"Bearer {KEY}"})

    log, answer = logged(), f"{response.headers} {response.content.decode()}"
    assert response.status_code == 500
    assert "a failure with" in log
    assert "a failure with" not in answer
    assert CANARIES.found_in(log + answer) == []


@pytest.mark.usefixtures("_urls_that_fail")
def test_failure_while_developing_shows_none_of_the_settings_secrets(settings: Any) -> None:
    """Django's page for DEBUG, which production refuses, shows all settings."""
    settings.DEBUG = True
    canaries = Canaries()
    settings.SECRET_KEY = canaries.make("secret key")
    settings.FIELD_ENCRYPTION_KEYS = [canaries.make("field encryption key")]
    settings.API_KEY_PEPPER = canaries.make("pepper")
    settings.LLM_ENVIRONMENT = {"LLM_API_KEY": canaries.make("key of the fallback")}
    settings.REDIS_URL = f"redis://default:{canaries.make('password of the broker')}@localhost:1/0"
    settings.DATABASES["default"]["PASSWORD"] = canaries.make("password of the database")

    response = browser_of(superuser()).get("/fail/")

    assert b"SECRET_KEY" in response.content
    assert canaries.found_in(response.content.decode()) == []


@pytest.mark.parametrize(
    "text",
    [
        "the whole is {}",
        "in JSON {!r}",
        "in Base64 c2stYWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU2Nzg5",
        "in hexadecimal 736b2d6162636465666768696a6b6c6d6e6f707172737475767778797a30313233343536373839",
    ],
)
def test_canary_is_found_in_each_coat(text: str) -> None:
    canaries = Canaries()
    key = canaries.add("key", "sk-abcdefghijklmnopqrstuvwxyz0123456789")

    assert canaries.found_in(text.format(key)) == ["key"]
    assert canaries.found_in("sk-abcd…6789") == []
