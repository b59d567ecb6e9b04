"""How long one request took and what it used: from the first look at it to its usage record."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from llmbackends.types import (
    ChatChunk,
    ChatRequest,
    ChatResult,
    EmbeddingRequest,
    EmbeddingResult,
    TokenUsage,
)
from usage import estimates, writer
from usage.entries import Outcome, UsageEntry

from ..failures import PublicError
from .completions import Completion

_USES = (Outcome.COMPLETED, Outcome.CANCELLED)
"""The model has read the prompt. Of what failed that is not known unless something came back."""


class Meter:
    """Counts what one client's request uses. `end` writes the record; the first call of it counts.

    The client is a key or, on a page, a user: `user` is their id and name.

    Tokens are the backend's own count where it gave one for every choice, else estimated.
    """

    __slots__ = (
        "_at", "_began_at", "_characters", "_completion", "_counts", "_first_token_s",
        "_has_ended", "_is_streamed", "_key_id", "_request_id", "_requests", "_route", "_user",
    )  # fmt: skip

    def __init__(
        self, *, key_id: int | None, request_id: str, route: str, user: tuple[int | None, str] = (None, "")
    ) -> None:
        self._at = datetime.now(UTC)
        self._began_at = time.perf_counter()
        self._key_id = key_id
        self._user = user
        self._request_id = request_id
        self._route = route
        self._is_streamed = False
        self._requests: Sequence[ChatRequest | EmbeddingRequest] = ()
        self._completion: Completion | None = None
        self._characters = 0
        self._counts: list[TokenUsage] = []
        self._first_token_s: float | None = None
        self._has_ended = False

    def asked(self, requests: Sequence[ChatRequest | EmbeddingRequest], *, is_streamed: bool = False) -> None:
        self._requests = requests
        self._is_streamed = is_streamed

    def answered_by(self, completion: Completion) -> None:
        self._completion = completion

    def add_chunk(self, chunk: ChatChunk) -> None:
        if self._first_token_s is None:
            self._first_token_s = time.perf_counter() - self._began_at
        self._characters += len(chunk.text) + len(chunk.reasoning)
        for call in chunk.tool_calls:
            self._characters += len(call.name or "") + len(call.arguments)
        if chunk.usage is not None:
            self._counts.append(chunk.usage)

    def add_result(self, result: ChatResult) -> None:
        self._characters += len(result.text) + len(result.reasoning)
        for call in result.tool_calls:
            self._characters += len(call.name) + len(call.arguments)
        if result.usage is not None:
            self._counts.append(result.usage)

    def add_embeddings(self, result: EmbeddingResult) -> None:
        if result.prompt_tokens is not None:
            self._counts.append(TokenUsage(result.prompt_tokens, 0))

    @property
    def is_estimated(self) -> bool:
        return len(self._counts) < len(self._requests)

    @property
    def usage(self) -> TokenUsage:
        """Of all choices together, each of which has read the prompt."""
        if self.is_estimated:
            return estimates.estimate(self._requests, answered_characters=self._characters)
        if len(self._counts) == 1:
            return self._counts[0]
        return TokenUsage(
            sum(count.prompt_tokens for count in self._counts),
            sum(count.completion_tokens for count in self._counts),
        )

    def fail(self, error: PublicError, *, was_sent: bool = True) -> None:
        """Ends it. A request that no model was asked counts as turned away if it was the client's fault.

        was_sent: whether the model was asked, if there was one.
        """
        reached_nobody = self._completion is None or not was_sent
        is_refused = reached_nobody and error.status < 500
        self.end(Outcome.REFUSED if is_refused else Outcome.FAILED, error.code)

    def end(self, outcome: Outcome, error_code: str = "") -> None:
        if self._has_ended:
            return
        self._has_ended = True
        active = self._completion.active if self._completion is not None else None
        has_used = active is not None and (outcome in _USES or bool(self._characters))
        used = self.usage if has_used else TokenUsage(0, 0)
        writer.record(
            UsageEntry(
                at=self._at,
                request_id=self._request_id,
                api_key_id=self._key_id,
                route=self._route,
                is_streamed=self._is_streamed,
                outcome=outcome,
                error_code=error_code,
                config_id=active.config_id if active else None,
                config_name=active.config_name if active else "",
                provider=active.spec.provider if active else "",
                model_name=active.spec.model if active else "",
                prompt_tokens=used.prompt_tokens,
                completion_tokens=used.completion_tokens,
                is_estimated=has_used and self.is_estimated,
                duration_s=time.perf_counter() - self._began_at,
                first_token_s=self._first_token_s,
                user_id=self._user[0],
                user_name=self._user[1],
            )
        )
