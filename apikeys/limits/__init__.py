"""How much one key may ask for: requests a minute, and requests at the same time.

`admit()` lets a request in or raises RateLimited; what it returns is released when the request is over. The
numbers are the key's own, else the settings'; 0 is no limit. With REDIS_URL they hold over all processes,
without it (or while Redis is away) each process counts for itself.
"""

from .admission import NO_LIMIT, Admission, admit, admit_as, close, is_limited

__all__ = ["NO_LIMIT", "Admission", "admit", "admit_as", "close", "is_limited"]
