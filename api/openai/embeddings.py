"""POST /v1/embeddings: https://platform.openai.com/docs/api-reference/embeddings"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.json import Decoder

from llmbackends.types import EmbeddingRequest, EmbeddingResult, TokenUsage

from ..frontdoor.bodies import decode
from ..frontdoor.dialect import Stamp
from . import schema

MAX_TEXTS = 2048


class EmbeddingBody(Struct):
    model: schema.Name
    input: schema.NotEmpty | Annotated[list[schema.NotEmpty], Meta(min_length=1, max_length=MAX_TEXTS)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: schema.Positive | None = None


@dataclass(frozen=True, slots=True)
class EmbeddingAsk:
    model: str
    request: EmbeddingRequest
    as_base64: bool


_decoder = Decoder(EmbeddingBody)


def read(body: bytes) -> EmbeddingAsk:
    """Raises ApiError. Texts only: what token numbers mean depends on the model, which no client knows."""
    asked = decode(_decoder, body)
    texts = (asked.input,) if isinstance(asked.input, str) else tuple(asked.input)
    return EmbeddingAsk(
        asked.model, EmbeddingRequest(texts, asked.dimensions), asked.encoding_format == "base64"
    )


def answer(ask: EmbeddingAsk, result: EmbeddingResult, usage: TokenUsage, stamp: Stamp) -> bytes:
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if ask.as_base64 else vector}
        for index, vector in enumerate(result.vectors)
    ]
    used = {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.prompt_tokens}
    whole: dict[str, Any] = {"object": "list", "data": data, "model": stamp.model, "usage": used}
    return msgspec.json.encode(whole)


def _packed(vector: tuple[float, ...]) -> str:
    """Little-endian 32-bit floats, as OpenAI's own clients ask for them."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
