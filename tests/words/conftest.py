"""A real server, for pages that talk with a model, and a key for jobs."""

from __future__ import annotations

from tests.generation.conftest import key  # noqa: F401
from tests.web.conftest import activate, runner, server_url, visit_as  # noqa: F401
