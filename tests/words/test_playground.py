from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from llmconfigs.models import LLMConfig
from tests.api.sse import events_in
from tests.web.visitors import Visitor

from .korean_pages import LANGUAGE, english_in
from .markup import read_texts


@pytest.mark.parametrize(
    "options", [{"text": "물이 움직입니다."}, {"fail": "unavailable"}, {"fail": "bad_answer"}]
)
@pytest.mark.django_db(transaction=True)
def test_answer_in_the_playground_is_in_korean(
    options: dict[str, Any], visit_as: Callable[..., Visitor], activate: Callable[..., LLMConfig]
) -> None:
    activate(name="기본", options=options)
    beside = LLMConfig.objects.create(
        name="비교", provider="dummy", options=options, parameters={"max_tokens": 1}
    )
    visitor = visit_as("generation.use_playground", "llmconfigs.view_llmconfig", name="관리자")
    visitor.headers["accept-language"] = LANGUAGE
    asked = {"message": "밀물이란 무엇입니까?", "config": str(beside.pk)}

    page = visitor.post(reverse("web:playground-ask"), data=asked)
    events = events_in(visitor.post(reverse("web:playground-stream"), data=asked).iter_lines())

    assert english_in([each.text for each in read_texts(page.text, language=LANGUAGE)]) == []
    assert [event.data for event in events if english_in([str(value) for value in event.data.values()])] == []
