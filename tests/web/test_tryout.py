"""Trying out a generator: the form as a browser without JavaScript gets it back, and the stream of others."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import httpx
import pytest
from django.test import Client
from django.utils import timezone

from generators.models import Generator
from llmconfigs.models import LLMConfig
from tests.api.frontdoor import upstream
from tests.api.sse import Event, events_in
from tests.generators.pages import form_data
from tests.generators.rows import draft, published
from tests.llmbackends import faults
from tests.llmbackends.fault_server import Fault
from tests.people import user_with
from tests.waiting import wait_until
from tests.web.visitors import Visitor
from usage import writer
from usage.models import UsageRecord

PAGE, STREAM = "/tryout/", "/tryout/stream/"
VIEW, ADD, CHANGE = (f"generators.{each}_generator" for each in ("view", "add", "change"))
USE, CHOOSE = "generation.use_playground", "llmconfigs.view_llmconfig"
SAMPLE = '{"prompt": "tides"}'
TITLE = {
    "type": "object",
    "properties": {"title": {"type": "string"}},
    "required": ["title"],
    "additionalProperties": False,
}
OF_JSON = {"output_kind": "json", "output_schema": TITLE}


@pytest.fixture
def kim(visit_as: Callable[..., Visitor]) -> Visitor:
    """Who writes generators, and may not see which model answers."""
    return visit_as(VIEW, ADD, CHANGE, USE, name="kim", is_staff=True)


@pytest.fixture
def oskar(visit_as: Callable[..., Visitor]) -> Visitor:
    return visit_as(VIEW, ADD, CHANGE, USE, CHOOSE, name="oskar", is_staff=True)


def entered(row: Generator | None = None, *, sample: str = SAMPLE, config: str = "", **values: Any) -> Any:
    number = {"generator": str(row.pk)} if row else {}
    return form_data(row, **values) | number | {"sample": sample, "config": config}


def tried(visitor: Visitor, row: Generator | None = None, **values: Any) -> str:
    """The page, as a person reads it."""
    response = visitor.post(PAGE, data=entered(row, **values))
    assert response.status_code == 200
    return unescape(response.text)


def streamed(visitor: Visitor, row: Generator | None = None, **values: Any) -> list[Event]:
    with visitor.stream("POST", STREAM, data=entered(row, **values)) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        return list(events_in(response.iter_lines()))


@contextlib.contextmanager
def model_that(activate: Callable[..., LLMConfig], *answers: Fault) -> Iterator[Any]:
    """The active one. When it is over, nobody is connected to it any more."""
    with upstream.running(*answers) as service:
        activate("vllm", endpoint_url=service.url)
        yield service
        wait_until(lambda: service.open_connections == 0, timeout_s=1)


def saying(*texts: str) -> tuple[Fault, ...]:
    """A model that says one after the other."""
    end = 'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    return tuple(faults.events(upstream.delta(text), end) for text in texts)


def records() -> list[UsageRecord]:
    assert writer.flush(timeout_s=10)
    return list(UsageRecord.objects.all())


# Who may


@pytest.mark.parametrize("path", [PAGE, STREAM])
@pytest.mark.parametrize("permissions", [(), (CHANGE, VIEW, ADD), (USE,)])
@pytest.mark.django_db
def test_who_lacks_a_permission_is_refused(client: Client, path: str, permissions: tuple[str, ...]) -> None:
    assert client.post(path)["Location"].startswith("/login/")

    client.force_login(user_with(*permissions, is_staff=True))

    assert client.post(path, entered()).status_code == 403


@pytest.mark.parametrize("path", [PAGE, STREAM])
@pytest.mark.django_db
def test_post_without_a_token_is_refused(path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user_with(CHANGE, USE))

    assert client.post(path, entered()).status_code == 403


@pytest.mark.parametrize("number", ["0", "x", "9" * 30, "²"])
def test_row_that_is_not_there_is_told(kim: Visitor, number: str) -> None:
    page = kim.post(PAGE, data=entered() | {"generator": number}, follow_redirects=True)
    part = kim.post(STREAM, data=entered() | {"generator": number})

    assert page.url.path == "/admin/generators/generator/"
    assert "The version is not there any more." in page.text
    assert part.status_code == 404
    assert "The version is not there any more." in part.text


# The page


def test_answer_to_what_was_entered_comes_with_the_whole_form(
    kim: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    activate(options={"text": "Water that moves."})

    html = tried(kim, prompt_template="Tell of {{prompt}}.", system_prompt="Be brief.")

    assert "The answer fits." in html
    assert "Water that moves." in html
    assert "Tell of tides." in html
    assert ">\nTell of {{prompt}}.</textarea>" in html
    assert SAMPLE in html
    assert " tokens · " in html
    assert not Generator.objects.filter(name="form").exists()


def test_unsaved_change_of_a_draft_is_tried_and_not_stored(
    kim: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    activate()
    row = draft(prompt_template="As it was: {{prompt}}")

    html = tried(kim, row, prompt_template="As entered: {{prompt}}")

    assert "As entered: tides" in html
    assert Generator.objects.get(pk=row.pk).prompt_template == "As it was: {{prompt}}"
    assert f'action="/admin/generators/generator/{row.pk}/change/"' in html


def test_published_version_is_tried_as_it_is(kim: Visitor, activate: Callable[..., LLMConfig]) -> None:
    activate()
    row = published(prompt_template="For ever: {{prompt}}")

    html = tried(kim, row, prompt_template="Something else: {{prompt}}")

    assert "For ever: tides" in html
    assert "Something else" not in html


def test_name_is_not_needed_to_try(kim: Visitor, activate: Callable[..., LLMConfig]) -> None:
    activate()

    assert "The answer fits." in tried(kim, name="")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"prompt_template": "{{#open}}"}, "Prompt template: Line 1, column 1"),
        ({"input_schema": "{"}, "Input schema: This is not valid JSON. It goes wrong at line 1"),
        ({"sample": '{\n"prompt": }'}, "Input: This is not valid JSON. It goes wrong at line 2"),
        ({"sample": "[]"}, "Input: An input is a JSON object."),
        ({"sample": '{"prompt": 5}'}, "input.prompt"),
        ({"sample": '{"prompt": "' + "x" * 50 + '"}', "max_input_chars": 20}, "at most 20 characters"),
        ({"sample": '{"prompt": ""}'}, "empty prompt"),
        ({"sample": r'{"prompt": "a\u0000"}'}, "Input: The text holds characters that are not valid"),
        ({"sample": r'{"a\u0000": 1, "prompt": "a"}'}, "Input: The text holds characters that are not valid"),
        ({"sample": r'{"prompt": "\ud800"}'}, "Input: This holds a number or a character that JSON cannot"),
    ],
)
def test_what_has_to_be_corrected_is_told_and_nobody_is_asked(
    kim: Visitor, activate: Callable[..., LLMConfig], values: dict[str, Any], told: str
) -> None:
    activate()

    html = tried(kim, **values)

    assert "Nothing was asked" in html
    assert told in html
    assert records() == []


def test_json_is_read_and_shown_as_a_client_gets_it(kim: Visitor, activate: Callable[..., LLMConfig]) -> None:
    said = 'Here it is:\n```json\n{"title": "Tides"}\n```'
    with model_that(activate, *saying(said)):
        html = tried(kim, **OF_JSON)

    assert '{\n  "title": "Tides"\n}' in html
    assert "Here it is:" in html
    assert "The service was held to JSON" in html


def test_second_try_is_shown_with_the_fault_of_the_first(
    kim: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    with model_that(activate, *saying("No idea.", '{"title": "Tides"}')) as service:
        html = tried(kim, **OF_JSON)

    assert "The second, stricter try fits." in html
    assert "No idea." in html
    assert "The answer holds no JSON that can be read." in html
    assert len(service.requests) == 2
    (record,) = records()
    assert record.outcome == "completed"


@pytest.mark.parametrize(
    ("values", "told", "is_shown"),
    [({}, "job fails with output_invalid", False), ({"allows_partial": "on"}, "with a warning", True)],
)
def test_answer_that_does_not_fit_tells_what_becomes_of_a_job(
    kim: Visitor, activate: Callable[..., LLMConfig], values: dict[str, Any], told: str, is_shown: bool
) -> None:
    with model_that(activate, *saying("No idea.", '{"title": 5}')):
        html = tried(kim, **OF_JSON, **values)

    assert told in html
    assert ("<code>output_invalid</code>" in html) is not is_shown
    assert html.count("What the model said") == 2


def test_block_of_a_language_is_taken_out_of_the_answer(
    kim: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    activate(options={"text": "Sure:\n```html\n<p>Tides</p>\n```"})

    response = kim.post(PAGE, data=entered(output_kind="fenced", fence_language="html"))

    client_gets = response.text.partition("What a client gets")[2].partition("</pre>")[0]
    assert client_gets.endswith(">&lt;p&gt;Tides&lt;/p&gt;")


def test_what_a_model_says_is_text_on_the_page(kim: Visitor, activate: Callable[..., LLMConfig]) -> None:
    evil = "<script>alert(1)</script><img src=x onerror='alert(2)'>\"'"
    activate(options={"text": evil})

    page = kim.post(PAGE, data=entered(sample=json.dumps({"prompt": evil}))).text

    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_failure_is_neutral_for_who_may_not_see_the_cause(
    kim: Visitor, oskar: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    activate(options={"fail": "unavailable"})

    neutral, with_cause = tried(kim), tried(oskar)

    assert "The service cannot generate text at present." in neutral
    assert "dummy" not in neutral.partition('id="tryout-result"')[2]
    assert "The dummy plays a service that is down." in with_cause


def test_staff_choose_another_model(kim: Visitor, oskar: Visitor, activate: Callable[..., LLMConfig]) -> None:
    activate(options={"text": "from the active one"})
    other = activate(name="other", is_active=False, options={"text": "from the other"})

    chosen, refused = tried(oskar, config=str(other.pk)), tried(kim, config=str(other.pk))

    assert "from the other" in chosen
    assert f'value="{other.pk}" selected' in chosen
    assert "There is no such configuration." in refused
    assert 'name="config"' not in refused


def test_use_is_recorded_under_the_name_of_the_person(
    kim: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    activate()

    tried(kim)
    streamed(kim)

    by_page, by_stream = sorted(records(), key=lambda record: record.is_streamed)
    assert (by_page.user_name, by_page.route, by_page.outcome) == ("kim", "tryout", "completed")
    assert (by_stream.user_name, by_stream.route, by_stream.is_streamed) == ("kim", "tryout", True)


def test_tries_are_limited_as_the_playground_is(
    kim: Visitor, activate: Callable[..., LLMConfig], settings: Any
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 1
    activate()

    first, second = tried(kim), tried(kim)

    assert "The answer fits." in first
    assert "Too many requests." in second


# The stream


def test_answer_comes_piece_by_piece_and_ends_with_the_part_that_tells_all(
    kim: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    activate(options={"text": "Water that moves."})

    *pieces, end = streamed(kim)

    assert "".join(piece.data["text"] for piece in pieces) == "Water that moves."
    assert end.name == "end"
    assert "The answer fits." in end.data["html"]
    assert "<html" not in end.data["html"]


def test_second_try_is_told_in_the_midst(kim: Visitor, activate: Callable[..., LLMConfig]) -> None:
    with model_that(activate, *saying("No idea.", '{"title": "Tides"}')):
        events = streamed(kim, **OF_JSON)

    assert [event.name for event in events] == ["text", "again", "text", "end"]


def test_failure_in_the_middle_ends_the_stream_with_the_part_that_tells_it(
    kim: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    activate(options={"text": "one two three four", "fail": "cut"})

    *_, end = streamed(kim)

    assert "The text could not be generated." in end.data["html"]


@pytest.mark.parametrize(("values", "status"), [({"sample": "{"}, 422), ({}, 503)])
def test_what_goes_wrong_before_the_first_piece_is_the_part_with_a_status(
    kim: Visitor, activate: Callable[..., LLMConfig], values: dict[str, Any], status: int
) -> None:
    activate(options={"fail": "unavailable"})

    response = kim.post(STREAM, data=entered(**values))

    assert response.status_code == status
    assert response.headers["X-Tryout"]
    assert 'role="alert"' in response.text
    assert "<html" not in response.text


def test_part_is_in_the_language_of_the_reader(kim: Visitor, activate: Callable[..., LLMConfig]) -> None:
    activate(options={"fail": "cut", "text": "one two three"})
    kim.cookies.set("django_language", "ko")

    *_, end = streamed(kim)

    assert "생성" in end.data["html"]


@pytest.mark.parametrize("path", [PAGE, STREAM])
def test_leaving_closes_the_connection_to_the_model(
    kim: Visitor, activate: Callable[..., LLMConfig], path: str
) -> None:
    with model_that(activate, faults.silence) as service:
        with contextlib.suppress(httpx.ReadTimeout):
            kim.post(path, data=entered(), timeout=1)

        assert len(service.requests) == 1
        wait_until(lambda: service.open_connections == 0, timeout_s=1)
    wait_until(lambda: [record.outcome for record in records()] == ["cancelled"])


def test_stop_in_the_midst_closes_the_connection_too(
    kim: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    with model_that(activate, upstream.STALLED) as service:
        with kim.stream("POST", STREAM, data=entered()) as response:
            assert next(events_in(response.iter_lines())).data["text"] == "The tide"

        wait_until(lambda: service.open_connections == 0, timeout_s=1)


def test_draft_that_was_published_in_the_meantime_is_tried_as_published(
    kim: Visitor, activate: Callable[..., LLMConfig]
) -> None:
    activate()
    row = draft(prompt_template="As published: {{prompt}}")
    data = entered(row, prompt_template="As entered: {{prompt}}")
    Generator.objects.filter(pk=row.pk).update(published_at=timezone.now())

    assert "As published: tides" in unescape(kim.post(PAGE, data=data).text)
