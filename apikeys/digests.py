"""The keyed hash under which a secret is stored."""

from __future__ import annotations

import hmac

from django.conf import settings


def digest(secret: str) -> str:
    """HMAC-SHA256 of the whole key with the server's pepper, in hexadecimal.

    A slow password hash would buy nothing: the secret has 256 random bits. The pepper keeps a stolen table
    from being of use even to someone who can try keys against it.
    """
    # Header values can hold anything: a lone surrogate must give a wrong digest, not an exception.
    return hmac.digest(
        settings.API_KEY_PEPPER.encode(), secret.encode(errors="surrogatepass"), "sha256"
    ).hex()
