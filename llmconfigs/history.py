"""What has answered when: noted with each change, and asked when somebody wants to go back."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from audit.context import Actor
from llmbackends.errors import ConfigurationError
from llmbackends.spec import BackendSpec

from .environment import environment_spec
from .errors import NothingToRollBackTo
from .models import Activation, ActivationKind, LLMConfig
from .specs import model_of, spec_from_config

_LOOKS_BACK = 100


@dataclass(frozen=True, slots=True)
class Answering:
    """What answers, has answered or will: a configuration, or the environment (`config` is None)."""

    config: LLMConfig | None

    @property
    def config_id(self) -> int | None:
        return None if self.config is None else self.config.pk

    @property
    def name(self) -> str:
        """ "" of the environment."""
        return "" if self.config is None else self.config.name

    @property
    def version(self) -> int:
        return 0 if self.config is None else self.config.version

    @property
    def provider(self) -> str:
        return environment_spec().provider if self.config is None else self.config.provider

    @property
    def model(self) -> str:
        return environment_spec().model if self.config is None else model_of(self.config)

    def spec(self) -> BackendSpec:
        """Raises ConfigurationError if the row cannot be read."""
        return environment_spec() if self.config is None else spec_from_config(self.config)

    def endpoint(self) -> str:
        """ "" also where it cannot be told."""
        try:
            return self.spec().endpoint_url
        except ConfigurationError:
            return ""


ENVIRONMENT = Answering(None)


def answering_now() -> Answering:
    return Answering(LLMConfig.objects.active().first())


def note(
    kind: ActivationKind,
    *,
    before: LLMConfig | None,
    after: LLMConfig | None,
    by: Actor,
    force_reason: str = "",
) -> Activation:
    """None is the environment."""
    now_answers = Answering(after)
    activation: Activation = Activation.objects.create(
        kind=kind,
        config_id=now_answers.config_id,
        config_name=now_answers.name,
        provider=now_answers.provider,
        model_name=now_answers.model[:255],
        previous_id=before.pk if before else None,
        previous_name=before.name if before else "",
        by_id=by.user_id,
        by_name=by.name[:200],
        force_reason=force_reason,
        at=timezone.now(),
    )
    return activation


def roll_back_target(now: Answering | None = None) -> Answering:
    """What answered last before `now` (what answers now) and is still there. Raises NothingToRollBackTo."""
    now_id = (now or answering_now()).config_id
    seen = Activation.objects.values_list("config_id", "previous_id")[:_LOOKS_BACK]
    ids = [each for pair in seen for each in pair if each != now_id]
    rows = LLMConfig.objects.in_bulk({each for each in ids if each is not None})
    for each in ids:
        if each is None:
            return ENVIRONMENT
        if each in rows:
            return Answering(rows[each])
    raise NothingToRollBackTo
