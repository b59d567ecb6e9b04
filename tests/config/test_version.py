from __future__ import annotations

import tomllib

from django.conf import settings

from tests.processes import ROOT


def test_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["version"] == settings.VERSION
