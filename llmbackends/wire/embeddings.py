"""Reading vectors, for the languages that have embeddings."""

from __future__ import annotations

import math
from typing import Any

from ..errors import BadAnswer, UnsupportedFeature
from ..texts import Sentence, gettext_noop
from ..types import EmbeddingRequest, EmbeddingResult
from .payload import as_list

_NUMBERS = frozenset({int, float})  # and not bool
_LARGEST = 3.4028234663852886e38
"""Of a 32-bit float, as which clients get the numbers."""


def embedding_result(
    request: EmbeddingRequest, vectors: list[Any], *, prompt_tokens: int | None
) -> EmbeddingResult:
    """`vectors`: what the service sent, in the order of the texts.

    Raises BadAnswer unless there is one for each text and all are of one length and of finite 32-bit floats;
    UnsupportedFeature if that is not the length asked for: llama.cpp's server reads over `dimensions`.
    """
    if len(vectors) != len(request.texts):
        raise BadAnswer(
            Sentence(
                gettext_noop("The provider answered %(texts)s texts with %(vectors)s embeddings."),
                texts=len(request.texts),
                vectors=len(vectors),
            )
        )
    read = tuple(map(_vector, vectors))
    size = len(read[0])
    if any(len(vector) != size for vector in read):
        raise BadAnswer(Sentence(gettext_noop("The provider's embeddings are not all of the same length.")))
    if request.dimensions not in (None, size):
        raise UnsupportedFeature(
            Sentence(
                gettext_noop("The model's embeddings have %(size)s numbers, not %(dimensions)s."),
                size=size,
                dimensions=request.dimensions,
            ),
            details={"unsupported": ["dimensions"]},
        )
    return EmbeddingResult(read, prompt_tokens)


def _vector(value: Any) -> tuple[float, ...]:
    numbers = as_list(value, "embedding")
    if not numbers or not set(map(type, numbers)) <= _NUMBERS:
        raise BadAnswer(
            Sentence(gettext_noop("The provider's answer has an embedding that is not a list of numbers."))
        )
    try:
        vector = tuple(map(float, numbers))
    except OverflowError as error:
        raise BadAnswer(
            Sentence(gettext_noop("The provider's answer has an embedding with a number too large."))
        ) from error
    if not all(map(math.isfinite, vector)):
        raise BadAnswer(
            Sentence(gettext_noop("The provider's answer has an embedding with a number that is not finite."))
        )
    if max(map(abs, vector)) > _LARGEST:
        raise BadAnswer(
            Sentence(gettext_noop("The provider's answer has an embedding with a number too large."))
        )
    return vector
