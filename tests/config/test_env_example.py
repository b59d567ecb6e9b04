from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from llmconfigs import environment
from tests import servers
from tests.config.loading import settings_with
from tests.processes import ROOT

# Shown with an example: they have no default, or one that depends on the place of the checkout.
WITHOUT_DEFAULT = {"CHANGEOVER_DATA_DIR", "STATIC_ROOT", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS"}
WITHOUT_DEFAULT |= {"DATABASE_URL", "REDIS_URL", "LLM_API_KEY"}


@pytest.fixture
def defaults() -> dict[str, str]:
    shown = dict(re.findall(r"^#([A-Z_]+)=(.*)$", servers.ENV_EXAMPLE.read_text(), re.MULTILINE))
    return {name: value for name, value in shown.items() if name not in WITHOUT_DEFAULT}


def test_env_example_has_every_variable_and_no_other() -> None:
    read = re.findall(r'env\.\w+\(\s*"([A-Z_]+[A-Z])"', (ROOT / "config" / "settings.py").read_text())
    read += re.findall(r'"(LLM_[A-Z_]+)"', Path(environment.__file__).read_text())

    assert sorted(servers.documented_variables()) == sorted(set(read))


def test_env_example_shows_the_defaults_of_production(defaults: dict[str, str]) -> None:
    def shown(variables: dict[str, str]) -> dict[str, Any]:
        settings = settings_with(CHANGEOVER_ENV="production", **variables)
        del settings["LLM_ENVIRONMENT"]  # as text; the next test reads it
        return settings

    assert shown(defaults) == shown({})


def test_env_example_shows_the_defaults_of_the_fallback(defaults: dict[str, str]) -> None:
    shown = environment.read_environment(defaults)
    of_a_file = environment.read_environment(defaults | {"LLM_PROVIDER": "local-llm", "LLM_ENDPOINT": ""})

    assert shown.spec == environment.read_environment({}).spec
    without = environment.read_environment({"LLM_PROVIDER": "local-llm"}).spec
    assert of_a_file.spec.options == without.options
    assert json.loads(defaults["LLM_OPTIONS"]) == {}
