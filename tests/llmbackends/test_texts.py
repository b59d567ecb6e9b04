from __future__ import annotations

import copy

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


def test_sentence_is_copied_with_its_values() -> None:
    sentence = Sentence("%(share)d %% of %(whole)s", share=5, whole="all")

    copied = copy.deepcopy(sentence)

    assert copied == "5 % of all"
    assert (copied.template, copied.values) == (sentence.template, sentence.values)


def test_sentence_that_held_no_key_stays_one() -> None:
    with pytest.raises(BadAnswer) as caught, Guard("The provider", Secret("sk-0123456789abcdef")):
        raise BadAnswer(Sentence("It said %(said)s.", said="nothing"))

    assert isinstance(caught.value.message, Sentence)


def test_sentence_that_held_the_key_keeps_no_value() -> None:
    key = Secret("sk-0123456789abcdef")

    with pytest.raises(BadAnswer) as caught, Guard("The provider", key):
        raise BadAnswer(Sentence("It said %(said)s.", said=key.reveal()))

    assert not isinstance(caught.value.message, Sentence)
    assert key.reveal() not in caught.value.message
