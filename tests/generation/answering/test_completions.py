from __future__ import annotations

import pytest

from generation.answering import completions
from llmbackends.errors import ConfigurationError, RemoteNotAllowed
from llmbackends.secret import Secret
from llmbackends.types import ChatRequest, Message
from llmconfigs.chosen import chosen_spec
from llmconfigs.models import LLMConfig
from tests.asyncio_support import run_async

pytestmark = pytest.mark.django_db

HELLO = ChatRequest(messages=(Message("user", "Hello"),))


def answer_of(config_id: int) -> tuple[str, str]:
    chosen = chosen_spec(config_id)

    async def answer() -> tuple[str, str]:
        async with completions.begin_with(chosen) as completion:
            [result] = await completion.complete([HELLO])
            return result.text, completion.active.config_name

    return run_async(answer())


def test_begin_with_answers_by_the_chosen_configuration_and_not_by_the_active_one() -> None:
    LLMConfig.objects.create(name="Main", provider="dummy", options={"text": "Main"}, is_active=True)
    other = LLMConfig.objects.create(name="Other", provider="dummy", options={"text": "Other"})

    assert answer_of(other.pk) == ("Other", "Other")


def test_begin_with_closes_the_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    async def note(backend: object) -> None:
        closed.append("closed")

    monkeypatch.setattr("llmbackends.dummy.DummyBackend.aclose", note)
    other = LLMConfig.objects.create(name="Other", provider="dummy")

    answer_of(other.pk)

    assert closed == ["closed"]


def test_begin_with_asks_the_policy_as_the_active_one_does(settings) -> None:
    other = LLMConfig.objects.create(name="Other", provider="anthropic", api_key=Secret("sk-ant-0123456789"))
    settings.LLM_ALLOW_REMOTE = False

    with pytest.raises(RemoteNotAllowed):
        answer_of(other.pk)


def test_begin_with_validates_as_the_active_one_does() -> None:
    other = LLMConfig.objects.create(name="Other", provider="dummy", options={"fail": "sometimes"})

    with pytest.raises(ConfigurationError):
        answer_of(other.pk)


def test_chosen_configuration_must_exist() -> None:
    with pytest.raises(LLMConfig.DoesNotExist):
        chosen_spec(987_654)
