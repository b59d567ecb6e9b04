"""One try of a generator: the model is asked as for a client's job, and what happens is kept to be shown."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from generation.answering.generating import Generated, SecondTry
from generators.asking import Given
from generators.definition import Definition
from generators.json_text import written
from llmbackends.types import ChatRequest, FinishReason
from llmconfigs import wording
from llmconfigs.selection import ActiveSpec

from ..playground.answers import Again, Answer, Asker, Ended, describe

_ROLES = {"system": lambda: _("System"), "user": lambda: _("User"), "assistant": lambda: _("Model")}


@dataclass(frozen=True, slots=True)
class TryMade:
    """`fault`: why it does not fit, in the language of who asks; "" if it does."""

    text: str
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried(Ended):
    """`request`: the first one as it was sent. `result`: what a client gets, if one does."""

    request: ChatRequest
    tries: tuple[TryMade, ...]
    result: str
    is_passed_on: bool

    @property
    def fits(self) -> bool:
        return not self.tries[-1].fault

    @property
    def was_corrected(self) -> bool:
        return len(self.tries) > 1

    @property
    def about(self) -> str:
        return describe(self.tokens, self.is_estimated, self.seconds)

    @property
    def asked(self) -> list[tuple[str, str]]:
        """Who says what."""
        return [(_ROLES[message.role](), message.text) for message in self.request.messages]

    @property
    def is_held(self) -> bool:
        """By the service, beside the words."""
        return self.request.response_format is not None


class TryOut(Answer):
    """Its items are pieces, perhaps one Again, and Tried or Failed."""

    def __init__(
        self,
        definition: Definition,
        given: Given,
        asker: Asker,
        *,
        chosen: ActiveSpec | None = None,
        is_streamed: bool = True,
    ) -> None:
        self._definition = definition
        self._tries: list[TryMade] = []
        super().__init__(definition, given, asker, chosen=chosen, is_streamed=is_streamed)

    def _again(self, second: SecondTry) -> Again:
        self._tries.append(TryMade(self._generating.text, wording.say(second.fault)))
        return super()._again(second)

    def _ended(self, seconds: float) -> Tried:
        generated = self._generating.generated()
        fault = wording.say(generated.misfit.fault) if generated.misfit else ""
        return Tried(
            tokens=self._meter.usage.completion_tokens,
            is_estimated=self._meter.is_estimated,
            seconds=seconds,
            note=_("The answer was cut: it is as long as is allowed.") if _was_cut(generated) else "",
            request=self._generating.requests[0],
            tries=(*self._tries, TryMade(self._generating.text, fault)),
            result=self._result(generated),
            is_passed_on=self._definition.allows_partial,
        )

    def _result(self, generated: Generated) -> str:
        if generated.misfit is None and self._definition.output_kind == "json":
            return written(generated.data)
        return generated.text


def _was_cut(generated: Generated) -> bool:
    return generated.finish_reason == FinishReason.LENGTH
