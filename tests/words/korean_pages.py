"""The pages that a person sees, filled, and what of them is not Korean.

A new page goes into PAGES; where it shows a row, that row is made in `fill`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.urls import reverse

from apikeys import issuing
from audit import trail
from audit.actions import Action
from audit.models import AuditEvent
from generation.models import JobStatus
from llmbackends.registry import providers
from llmconfigs.models import LLMConfig
from tests.epochs.test_reporting import stored
from tests.generation.jobs import queue_job
from tests.usage.entries import entry
from usage.models import UsageRecord
from usage.records import store

LANGUAGE = "ko"

# The names of pages; those of one row are given it.
PAGES = (
    "admin:index",
    "web:password_change",
    *(f"admin:llmconfigs_llmconfig_{each}" for each in ("changelist", "add", "change", "history", "delete")),
    *(f"admin:apikeys_apikey_{each}" for each in ("changelist", "add", "change", "history", "delete")),
    *(f"admin:generation_generationjob_{each}" for each in ("changelist", "change", "history")),
    *(f"admin:usage_usagerecord_{each}" for each in ("changelist", "change", "history")),
    *(f"admin:audit_auditevent_{each}" for each in ("changelist", "change", "history")),
    *(f"admin:epochs_process_{each}" for each in ("changelist", "change", "history")),
    # Not where permissions are listed: Django stores their names, in English.
    *(f"admin:auth_user_{each}" for each in ("changelist", "add", "history", "delete")),
    *(f"admin:auth_group_{each}" for each in ("changelist", "history", "delete")),
    "admin:auth_user_password_change",
)
PAGES_OF_STRANGERS = ("web:login",)
# They answer with no text of their own.
NO_PAGES = ("web:start", "web:logout", "web:language")

# What is sent, and the page that answers in the end shows errors or messages.
CONFIG = {
    "name": "새 설정",
    "parameters": "{}",
    "client_parameters": "{}",
    "options": "{}",
    "timeout_seconds": "120",
    "max_retries": "2",
}
WRONG_CONFIG = {
    "parameters": '{"temperature": 900, "max_tokens": "x", "no_such_name": 1}',
    "client_parameters": "[]",
    "options": '{"no_such_name": 1}',
    "api_key": "키 1",
    "endpoint_url": "http://user:x@localhost:1?a=1",
    "timeout_seconds": "1",
}
POSTS: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("admin:llmconfigs_llmconfig_add", {"provider": each.id} | WRONG_CONFIG) for each in providers()),
    *(("admin:llmconfigs_llmconfig_add", CONFIG | {"provider": each.id}) for each in providers()),
    ("admin:llmconfigs_llmconfig_add", {}),
    ("admin:llmconfigs_llmconfig_add", CONFIG | {"provider": "dummy", "parameters": "{"}),
    *(
        ("admin:llmconfigs_llmconfig_changelist", {"action": each})
        for each in ("activate", "deactivate", "test_connection", "delete_selected")
    ),
    ("admin:apikeys_apikey_add", {}),
    ("admin:apikeys_apikey_add", {"name": "수신", "scopes": ["read"]}),
    ("admin:apikeys_apikey_add", {"name": "수신", "scopes": ["no_such"], "expires_at_0": "2001-01-01"}),
    *(("admin:apikeys_apikey_changelist", {"action": each}) for each in ("revoke", "delete_selected")),
    ("admin:generation_generationjob_changelist", {"action": "cancel"}),
)

_PRODUCTS = ("Changeover", "Anthropic", "Groq", "Ollama", "OpenAI", "OpenRouter", "vLLM", "llama.cpp", "Mac")
_TERMS = ("API", "ASCII", "Fernet", "HTTP", "ID", "Id", "JSON", "LDAP", "LLM", "Single Sign-On", "URL", "UTC")
# The icons of yes and no have these names in Django's own markup.
_ICONS = ("True", "False", "None")
_OF_ROWS = ("dummy", "elsewhere", "generate", "manage", "ollama", "read", "chat.completions")
# The same in Korean.
NAMES = frozenset(" ".join([*_PRODUCTS, *_TERMS, *_ICONS, *_OF_ROWS]).split())
_WORD = re.compile(r"[A-Za-z][\w.:/@+-]*[A-Za-z0-9_/]|[A-Za-z]")
_CODE = re.compile(r"[\d_:/@]")
_QUOTED_WORD = re.compile(r'"\w+"')


def english_in(texts: list[str]) -> list[str]:
    """The texts with a word in it that is neither a name nor the code of something."""
    codes = _words_of_providers()
    return [text for text in texts if any(_is_english(word, codes) for word in _words_in(text))]


def _words_in(text: str) -> list[str]:
    return _WORD.findall(_QUOTED_WORD.sub("", text))


def _is_english(word: str, codes: set[str]) -> bool:
    return not (word in NAMES or word in codes or _CODE.search(word))


def _words_of_providers() -> set[str]:
    """Their ids, their models, and the parameters and options that a form lists for those who write JSON."""
    schemas = json.dumps([(each.parameters, each.options) for each in providers()])
    return {*_WORD.findall(schemas), *(each.id for each in providers()), "codellama"}


def fill() -> Mapping[str, Model]:
    """A row of each kind, by the label of its model."""
    config = LLMConfig.objects.create(name="기본", provider="dummy")
    key = issuing.issue(name="수신 업무", scopes=["generate", "read", "manage"]).key
    job = queue_job(key, status=JobStatus.FAILED, config=config, request_digest="e3b0c442")
    user = User.objects.create_user("상담원", is_staff=True)
    Group.objects.all().delete()  # those of the migration: their names are data, in English
    group = Group.objects.create(name="수신팀")
    for action in Action:
        trail.record_alone(action, trail.Subject("llmconfig", str(config.pk), config.name))
    store([entry(key, config_name=config.name)])
    rows = [config, key, job, user, group, stored(), UsageRecord.objects.get(), AuditEvent.objects.last()]
    return {row._meta.label_lower: row for row in rows if row is not None}


def url_of(page: str, rows: Mapping[str, Model]) -> str:
    shows_a_row = page.count("_") > 1 and page.endswith(("_change", "_history", "_delete"))
    return reverse(page, args=[row_of(page, rows).pk] if shows_a_row else [])


def row_of(page: str, rows: Mapping[str, Model]) -> Model:
    """The one that an admin page is about."""
    app, model = page.partition(":")[2].split("_")[:2]
    return rows[f"{app}.{model}"]
