"""A real server, for pages that talk with a model."""

from __future__ import annotations

from tests.web.conftest import activate, runner, server_url, visit_as  # noqa: F401
