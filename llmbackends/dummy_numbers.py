"""The numbers that the dummy makes up: the same for the same text, in every process."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator

from .types import EmbeddingRequest, EmbeddingResult, LikelyToken, TokenLogprob

_DIMENSIONS = 16
_SCALE = 2**32


def token_logprob(token: str, position: int, top: int) -> TokenLogprob:
    """The token itself is the likeliest; each of the others has half the probability that is left."""
    seed = f"{position} {token}"
    probability = 0.5 + 0.49 * next(_fractions(seed, 1))
    chosen = _likely(token, probability)
    return TokenLogprob(chosen, (chosen, *_others(seed, 1.0 - probability, top - 1))[:top])


def _others(seed: str, probability: float, count: int) -> Iterator[LikelyToken]:
    for number, fraction in enumerate(_fractions(seed, max(count, 0)), start=1):
        probability /= 2
        yield _likely(f" word{number}-{int(fraction * 1000)}", probability)


def _likely(token: str, probability: float) -> LikelyToken:
    return LikelyToken(token, math.log(probability), token.encode(errors="replace"))


def embedding_result(request: EmbeddingRequest, prompt_tokens: int) -> EmbeddingResult:
    """Vectors of the length 1, with as many numbers as asked for."""
    dimensions = request.dimensions or _DIMENSIONS
    return EmbeddingResult(tuple(_vector(text, dimensions) for text in request.texts), prompt_tokens)


def _vector(text: str, dimensions: int) -> tuple[float, ...]:
    numbers = [2.0 * fraction - 1.0 for fraction in _fractions(text, dimensions)]
    length = math.hypot(*numbers) or 1.0
    return tuple(number / length for number in numbers)


def _fractions(seed: str, count: int) -> Iterator[float]:
    """Numbers from 0 up to 1, never quite 0."""
    digest = hashlib.shake_256(seed.encode(errors="surrogatepass")).digest(4 * count)
    return ((number + 0.5) / _SCALE for (number,) in struct.iter_unpack(">I", digest))
