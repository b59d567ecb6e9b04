from __future__ import annotations

import pytest

from llmbackends.errors import BadAnswer
from llmbackends.guard import Guard
from llmbackends.secret import Secret
from llmbackends.texts import Problem, Sentence


def test_problem_is_its_sentence_in_english() -> None:
    assert str(Problem("%(name)s is odd.", {"name": "three"})) == "three is odd."


def test_sentence_is_english_and_keeps_its_values() -> None:
    sentence = Sentence("There are %(count)d models.", count=3)

    assert sentence == "There are 3 models."
    assert (sentence.template, sentence.values) == ("There are %(count)d models.", {"count": 3})


def test_sentence_that_held_the_key_keeps_no_value() -> None:
    key = Secret("sk-0123456789abcdef")

    with pytest.raises(BadAnswer) as caught, Guard("The provider", key):
        raise BadAnswer(Sentence("It said %(said)s.", said=key.reveal()))

    assert not isinstance(caught.value.message, Sentence)
    assert key.reveal() not in caught.value.message
