"""The page, as a browser without JavaScript uses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from llmconfigs.models import LLMConfig
from tests.generators.rows import publish
from tests.people import user_with
from tests.web.visitors import Visitor
from usage import writer
from usage.models import UsageRecord
from web.playground import conversation

URL, ASK = "/playground/", "/playground/ask/"
USE, COMPARE = "generation.use_playground", "llmconfigs.view_llmconfig"


@pytest.fixture
def mina(visit_as: Callable[..., Visitor]) -> Visitor:
    return visit_as(USE)


@pytest.fixture
def oskar(visit_as: Callable[..., Visitor]) -> Visitor:
    return visit_as(USE, COMPARE, name="oskar", is_staff=True)


@pytest.mark.parametrize("path", [URL, ASK, "/playground/stream/"])
@pytest.mark.django_db
def test_nobody_is_sent_to_the_login_and_who_lacks_the_permission_is_refused(
    client: Client, path: str
) -> None:
    call = client.get if path == URL else client.post
    assert call(path)["Location"] == f"/login/?next={path}"

    client.force_login(User.objects.create_user("stranger", is_staff=True))
    assert call(path).status_code == 403


@pytest.mark.parametrize("path", [ASK, "/playground/stream/"])
@pytest.mark.django_db
def test_post_without_a_token_is_refused(path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user_with(USE))

    assert client.post(path, {"message": "Hello"}).status_code == 403


@pytest.mark.parametrize("path", [ASK, "/playground/stream/"])
@pytest.mark.django_db
def test_questions_are_posted(client: Client, path: str) -> None:
    client.force_login(user_with(USE))

    assert client.get(path).status_code == 405


def test_answer_comes_with_the_page_and_the_conversation_goes_on(
    mina: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    activate(options={"text": "Water that moves."})

    first = mina.post(ASK, data={"message": "What is a tide?", "turns": "", "generator": "text-v1"})
    second = mina.post(ASK, data={"message": "Go on", "turns": hidden(first.text, "turns")})

    assert first.status_code == second.status_code == 200
    assert [turn["text"] for turn in json.loads(hidden(second.text, "turns"))] == [
        "What is a tide?",
        "Water that moves.",
        "Go on",
        "Water that moves.",
    ]
    assert " tokens · " in first.text


def hidden(page: str, name: str) -> str:
    _, _, rest = page.partition(f'name="{name}" value="')
    return unescape(rest.partition('"')[0])


def test_answer_is_recorded_as_used_by_the_user(mina: Visitor, activate: Callable[..., LLMConfig]) -> None:
    activate(options={"text": "Water that moves."})

    mina.post(ASK, data={"message": "What is a tide?"})

    assert writer.flush(timeout_s=10)
    record = UsageRecord.objects.get()
    assert (record.api_key, record.user_id, record.user_name) == (None, mina.user.pk, "mina")
    assert (record.route, record.outcome, record.is_streamed) == ("playground", "completed", False)
    assert record.config_name == "test"
    assert record.completion_tokens > 0


def test_what_a_model_and_a_user_write_is_text_on_the_page(
    mina: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    evil = "<script>alert(1)</script><img src=x onerror='alert(2)'>\"'"
    activate(options={"text": evil})

    page = mina.post(ASK, data={"message": f"{evil}!", "turns": ""}).text

    assert "<script>alert" not in page
    assert "<img" not in page.partition("<main")[2]
    assert [turn["text"] for turn in json.loads(hidden(page, "turns"))] == [f"{evil}!", evil]


def test_failure_is_told_in_a_neutral_sentence_and_the_message_is_kept(
    mina: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    activate(options={"fail": "unavailable"})

    page = mina.post(ASK, data={"message": "What is a tide?", "turns": ""}).text

    assert "The service cannot generate text at present." in page
    assert "dummy" not in page
    assert ">What is a tide?</textarea>" in page
    assert hidden(page, "turns") == "[]"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"message": " \n "}, "Write a message first."),
        ({"message": "a" * 200_001}, "The conversation is too long"),
        ({"message": "a", "turns": json.dumps([{"role": "user", "text": "a" * 200_000}])}, "is too long"),
        ({"message": "a", "turns": json.dumps([{"role": "user", "text": "a"}] * 201)}, "is too long"),
        ({"message": "a", "turns": "{"}, "cannot be read"),
        ({"message": "a", "turns": "[" * 100_000}, "cannot be read"),
        ({"message": "a", "turns": '[{"role": "system", "text": "a"}]'}, "cannot be read"),
        ({"message": "a", "turns": '[{"role": "user", "text": 1}]'}, "cannot be read"),
        ({"message": "a", "turns": "[1]"}, "cannot be read"),
        ({"message": "a", "turns": "null"}, "cannot be read"),
        ({"message": "a", "generator": "codellama"}, "There is no such generator."),
        ({"message": "a", "config": "x"}, "There is no such configuration."),
        ({"message": "a", "config": "-1"}, "There is no such configuration."),
        ({"message": "a", "config": "9" * 30}, "There is no such configuration."),
        ({"message": "a", "config": "987654"}, "There is no such configuration."),
    ],
)
@pytest.mark.parametrize("path", [ASK, "/playground/stream/"])
@pytest.mark.django_db
def test_question_that_cannot_be_answered_is_refused_with_a_reason(
    client: Client, path: str, data: dict[str, str], problem: str
) -> None:
    client.force_login(user_with(USE, COMPARE))

    response = client.post(path, data)

    assert response.status_code == 422
    assert problem in response.content.decode()


def test_answer_that_does_not_fit_is_asked_for_again(
    mina: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    activate(options={"text": "No, never."})
    publish(takes_messages=True, output_kind="fenced", fence_language="html")

    page = mina.post(ASK, data={"message": "A page", "turns": "", "generator": "ui-v1"}).text

    assert [turn["text"] for turn in json.loads(hidden(page, "turns"))] == ["A page", "No, never."]
    assert "does not have the form" in page


@pytest.mark.django_db
def test_generators_that_take_messages_can_be_chosen(client: Client) -> None:
    client.force_login(user_with(USE))
    publish(name="talk", takes_messages=True, max_input_chars=5)
    publish(name="form")

    page = client.get(URL).content.decode()

    assert [name in page for name in ("text-v1", "json-v1", "talk-v1", "form-v1")] == [True] * 3 + [False]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("generator", "problem"),
    [("form-v1", "There is no such generator."), ("talk", "This generator takes 5 characters at most.")],
)
def test_what_a_generator_does_not_take_is_refused(client: Client, generator: str, problem: str) -> None:
    client.force_login(user_with(USE))
    publish(name="talk", takes_messages=True, max_input_chars=5)
    publish(name="form")

    response = client.post(ASK, {"message": "Too long", "turns": "", "generator": generator})

    assert response.status_code == 422
    assert problem in response.content.decode()


@pytest.mark.django_db
def test_body_beyond_the_limit_is_refused(client: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    client.force_login(user_with(USE))

    assert client.post(ASK, {"message": "a" * 2000}).status_code in (400, 413)


def test_characters_that_are_no_text_are_mended() -> None:
    from django.http import QueryDict

    form = QueryDict(mutable=True)
    form["message"] = "nul \x00"
    form["turns"] = '[{"role": "user", "text": "half \\ud800 pair"}]'

    ask = conversation.read_ask(form)

    assert [message.text for message in ask.given.messages] == ["half \ufffd pair", "nul \ufffd"]


def test_staff_compare_an_inactive_configuration_with_the_active_one(
    oskar: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    activate(name="Main", options={"text": "From the active one."})
    other = LLMConfig.objects.create(name="Other", provider="dummy", options={"text": "From the other."})

    page = oskar.post(ASK, data={"message": "Who?", "turns": "", "beside": "", "config": str(other.pk)}).text

    assert [turn["text"] for turn in json.loads(hidden(page, "turns"))] == ["Who?", "From the active one."]
    assert [turn["text"] for turn in json.loads(hidden(page, "beside"))] == ["Who?", "From the other."]
    assert "Active: Main" in page
    assert writer.flush(timeout_s=10)
    assert set(UsageRecord.objects.values_list("config_name", flat=True)) == {"Main", "Other"}


def test_configuration_that_cannot_be_used_fails_alone_and_staff_see_the_cause(
    oskar: Visitor, activate: Callable[..., LLMConfig], settings: Any
) -> None:
    activate(options={"text": "From the active one."})
    other = LLMConfig.objects.create(name="Other", provider="openai")
    settings.LLM_ALLOW_REMOTE = False

    page = oskar.post(ASK, data={"message": "Who?", "turns": "", "beside": "", "config": str(other.pk)}).text

    assert "From the active one." in page
    assert "The service cannot generate text at present." in page
    assert "openai" in page.lower()
    assert hidden(page, "beside") == "[]"


def test_others_can_neither_see_nor_choose_a_configuration(
    mina: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    activate(name="Main")
    other = LLMConfig.objects.create(name="Other", provider="dummy", options={"text": "From the other."})

    page = mina.get(URL).text
    refused = mina.post(ASK, data={"message": "Who?", "config": str(other.pk)})
    unknown = mina.post(ASK, data={"message": "Who?", "config": "987654"})

    assert writer.flush(timeout_s=10)
    assert not UsageRecord.objects.exists()
    assert "Compare" not in page
    assert "Main" not in page.partition("<main")[2]
    assert refused.status_code == unknown.status_code == 422
    assert "From the other." not in refused.text
    assert "There is no such configuration." in refused.text
