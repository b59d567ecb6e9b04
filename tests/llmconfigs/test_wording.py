from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from django.utils.translation import trans_real

from llmbackends import errors
from llmbackends.mapping import error_from_answer
from llmbackends.texts import Problem, Sentence
from llmbackends.wire import WireError
from llmconfigs.errors import ConfigGone, EncryptionKeysMalformed, LLMConfigsError
from llmconfigs.sentence_fields import read, stored
from llmconfigs.wording import explain, say, translate
from tests import servers
from tests.words.korean_pages import english_in

from .conftest import MakeConfig
from .pages import ADD, CHANGELIST, form_data, messages, run_action, url
from .pages import errors as errors_of

KOREAN = {
    "An API key is required.": "API 키가 필요합니다.",
    "Not known: %(names)s. There is nothing to set here.": "알 수 없음: %(names)s.",
    "The value of %(name)s must be at most %(bound)s.": "%(name)s 값은 %(bound)s 이하여야 합니다.",
    "The service cannot be reached or is not ready.": "서비스에 연결할 수 없습니다.",
    "%(label)s (%(provider)s) is not configured right.": "%(label)s 구성이 올바르지 않습니다.",
    "The configuration “%(name)s” has been deleted in the meantime.": "“%(name)s” 구성이 삭제되었습니다.",
    "No configuration is active, and what the LLM_ variables of the environment say cannot be used.": (
        "환경 변수를 사용할 수 없습니다."
    ),
    "llama.cpp in process": "프로세스 내 llama.cpp",
    "The dummy is ready.": "더미가 준비되어 있습니다.",
}


@pytest.fixture
def korean(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The headers of a browser that asks for Korean, with sentences that no translator will reword."""
    catalogue = trans_real.translation("ko")._catalog._catalogs[0]
    for english, translated in KOREAN.items():
        monkeypatch.setitem(catalogue, english, translated)
    return {"accept-language": "ko"}


def test_form_error_is_translated(admin_client: Client, korean: dict[str, str]) -> None:
    data = form_data(provider="groq", parameters={"temperature": 3}, options={"x": 1})

    found = errors_of(admin_client.post(url(ADD), data, headers=korean))

    assert found["api_key"] == ["API 키가 필요합니다."]
    assert found["parameters"] == ["temperature 값은 2 이하여야 합니다."]
    assert found["options"] == ["알 수 없음: x."]


def test_message_of_a_failed_connection_test_is_translated(
    admin_client: Client, make_config: MakeConfig, korean: dict[str, str]
) -> None:
    address = f"http://127.0.0.1:{servers.free_port()}"
    refused = make_config("a", provider="ollama", endpoint_url=address)
    keyless = make_config("b", provider="groq")

    first, second = messages(run_action(admin_client, "test_connection", refused, keyless, headers=korean))

    assert first.startswith("a: 서비스에 연결할 수 없습니다. ")
    assert address in first
    assert second == "b: Groq 구성이 올바르지 않습니다. API 키가 필요합니다."


def test_message_of_a_connection_test_that_succeeds_is_translated(
    admin_client: Client, make_config: MakeConfig, korean: dict[str, str]
) -> None:
    [message] = messages(run_action(admin_client, "test_connection", make_config("a"), headers=korean))

    assert message.endswith("더미가 준비되어 있습니다.")


def test_error_says_its_own_sentence_in_the_language_and_a_service_s_as_it_is(
    korean: dict[str, str],
) -> None:
    with translation.override("ko"):
        ours = explain(errors.BackendUnavailable(Sentence("The dummy is ready.")))
        theirs = explain(errors.BackendUnavailable("The dummy is ready."))

    assert ours == "서비스에 연결할 수 없습니다. 더미가 준비되어 있습니다."
    assert theirs == "서비스에 연결할 수 없습니다. The dummy is ready."


def test_sentence_within_a_sentence_is_translated(korean: dict[str, str]) -> None:
    hint = Sentence("The dummy is ready.")

    with translation.override("ko"):
        assert translate(
            Sentence("a %(hint)s %(name)s %(n)d", hint=hint, name="The dummy is ready.", n=1)
        ) == ("a 더미가 준비되어 있습니다. The dummy is ready. 1")


def test_error_answer_of_a_service_is_told_in_the_language(korean: dict[str, str]) -> None:
    error = error_from_answer(status=401, error=WireError("go away."), retry_after_s=None, provider="Groq")

    assert error.message == "Groq answered with status 401: go away. Check the API key and its permissions."
    with translation.override("ko"):
        assert english_in([explain(error)]) == [explain(error)]
        assert english_in([explain(error).replace("go away", "")]) == []


@pytest.mark.parametrize(
    "text",
    [
        "The dummy is ready.",
        Sentence("The dummy is ready."),
        Sentence("%(hint)s %(share)d %%", hint=Sentence("The dummy is ready."), share=5),
        Sentence("In %(path)s.", path=Path("/a")),
        "",
        "5",
        "null",
        "{",
        '{"a": 1}',
        '{"sentence": "%(a)s", "values": {}}',
        '{"sentence": 1, "values": {}}',
        '{"sentence": "a", "values": []}',
        "[" * 100_000,
    ],
)
def test_stored_text_says_the_same(text: str) -> None:
    assert say(read(stored(text))) == text


def test_stored_sentence_is_said_in_the_language_of_the_reader(korean: dict[str, str]) -> None:
    detail = stored(Sentence("Not yet. %(hint)s", hint=Sentence("The dummy is ready.")))

    with translation.override("ko"):
        assert say(read(detail)) == "Not yet. 더미가 준비되어 있습니다."


def test_list_page_is_translated(admin_client: Client, korean: dict[str, str], settings: Any) -> None:
    settings.LLM_ENVIRONMENT = {"LLM_PROVIDER": "groq"}

    html = admin_client.get(url(CHANGELIST), headers=korean).content.decode()

    assert "환경 변수를 사용할 수 없습니다. Groq 구성이 올바르지 않습니다. API 키가 필요합니다." in html


def test_provider_label_is_translated(admin_client: Client, korean: dict[str, str]) -> None:
    html = admin_client.get(url(ADD), headers=korean).content.decode()

    assert ">프로세스 내 llama.cpp <span" in html


def test_error_stays_english_for_logs_and_commands(korean: dict[str, str]) -> None:
    with translation.override("ko"):
        error = ConfigGone("mine")

        assert explain(error) == "“mine” 구성이 삭제되었습니다."
        assert str(error) == "The configuration “mine” has been deleted in the meantime."


def test_problem_without_a_translation_is_english() -> None:
    assert translate(Problem("%(n)s is odd.", {"n": 3})) == "3 is odd."


ERROR_CLASSES = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, errors.BackendError) and each is not errors.BackendError
]


@pytest.mark.parametrize("error_class", ERROR_CLASSES)
def test_each_kind_of_backend_error_has_its_own_sentence(error_class: type[errors.BackendError]) -> None:
    text = explain(error_class("The detail."))

    assert text[0].isupper()
    assert text.endswith(". The detail.")
    assert not text.startswith("The service failed.")


def test_unknown_kind_of_backend_error_has_a_sentence() -> None:
    assert explain(errors.BackendError("The detail.")) == "The service failed. The detail."


@pytest.mark.parametrize("error", [EncryptionKeysMalformed(), EncryptionKeysMalformed(2), ConfigGone("x")])
def test_error_of_this_package_says_the_same_in_english(error: LLMConfigsError) -> None:
    assert explain(error) == str(error)
