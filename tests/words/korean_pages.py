"""The pages that a person sees, filled, and what of them is not Korean.

A new page goes into PAGES, one that is only posted to into POSTS; where it shows a row, `fill` makes that.

A page is its name, then what its address needs (rows by their name in `fill`, other words as they are) and a
query: "web:job@generation.generationjob", "admin:index?health". Pages of the admin that are about one row are
given that by themselves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone

from apikeys import issuing
from apikeys.models import ApiKey
from audit import trail
from audit.actions import Action
from audit.context import ANONYMOUS, Actor, Origin, acting, user_actor
from audit.models import AuditEvent
from epochs.models import Role
from generation.failures import API_ERRORS
from generation.models import AttemptOutcome, Breaker, GenerationJob, JobAttempt, JobStatus
from generators.models import Generator
from llmbackends.errors import BackendUnavailable
from llmbackends.registry import providers
from llmbackends.texts import Sentence
from llmconfigs import activation, requests, wording
from llmconfigs.health_notes import Health, note
from llmconfigs.models import ActivationRequest, LLMConfig
from tests.epochs.support import stored
from tests.generation.jobs import queue_job
from tests.usage.entries import entry
from usage.entries import Outcome
from usage.models import UsageRecord
from usage.records import store
from web.dashboard.health import health_now
from web.dashboard.usage_now import usage_now
from webhooks.models import (
    AttemptOutcome as SendingOutcome,
)
from webhooks.models import (
    DeliveryStatus,
    DisabledBecause,
    Event,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)

LANGUAGE = "ko"

_CONFIG = "admin:llmconfigs_llmconfig_"
_HOOK = "admin:webhooks_webhookendpoint_"
_GENERATOR = "admin:generators_generator_"
PAGES = (
    "admin:index",
    "admin:index?health",
    "admin:app_list@llmconfigs",
    "admin:desk",
    "admin:desk_health",
    "web:password_change",
    "web:playground",
    "web:jobs",
    "web:jobs?status=in_progress",
    "web:jobs?status=cancelled",
    "web:job@generation.generationjob",
    "web:keys",
    "web:key-create",
    *(f"{_CONFIG}{each}" for each in ("changelist", "add", "roll_back", "switched", "processes", "requests")),
    *(f"{_CONFIG}{each}" for each in ("change", "history", "delete")),
    *(f"{_CONFIG}{each}@llmconfigs.llmconfig" for each in ("activate", "clone")),
    f"{_CONFIG}request@sick",
    *(f"{_CONFIG}{each}@active" for each in ("change", "history", "delete", "deactivate")),
    *(f"{_CONFIG}decide@{each}" for each in ("wanted_here", "wanted_elsewhere", "decided")),
    *(f"{_GENERATOR}{each}" for each in ("changelist", "add", "change", "history", "delete")),
    *(f"{_GENERATOR}{each}@generators.generator" for each in ("publish", "next")),
    *(f"{_GENERATOR}{each}@active_version" for each in ("change", "make_current", "retire")),
    *(f"{_GENERATOR}{each}@current_version" for each in ("change", "retire")),
    *(f"{_GENERATOR}{each}@retired_version" for each in ("change", "restore")),
    *(f"admin:apikeys_apikey_{each}" for each in ("changelist", "add", "change", "history", "delete")),
    *(f"admin:generation_generationjob_{each}" for each in ("changelist", "change", "history")),
    *(f"admin:generation_breaker_{each}" for each in ("changelist", "change", "history")),
    *(f"admin:webhooks_webhookendpoint_{each}" for each in ("changelist", "change", "history")),
    "admin:webhooks_webhookendpoint_new_secret@webhooks.webhookendpoint",
    *(f"admin:webhooks_webhookdelivery_{each}" for each in ("changelist", "change", "history")),
    *(f"admin:usage_usagerecord_{each}" for each in ("changelist", "change", "history")),
    *(f"admin:audit_auditevent_{each}" for each in ("changelist", "change", "history")),
    "admin:audit_auditevent_changelist?subject=job:5&since=2026-01-01",
    *(f"admin:epochs_process_{each}" for each in ("changelist", "change", "history")),
    *(f"admin:auth_user_{each}" for each in ("changelist", "add", "change", "history", "delete")),
    *(f"admin:auth_group_{each}" for each in ("changelist", "add", "change", "history", "delete")),
    "admin:auth_user_password_change",
)
PAGES_UNDER_TWO = (
    *(f"{_CONFIG}{each}" for each in ("changelist", "change", "change@active", "requests", "request@sick")),
    *(f"{_CONFIG}decide@{each}" for each in ("wanted_here", "wanted_elsewhere")),
)
PAGES_OF_STRANGERS = ("web:login",)
# For who has nothing yet and may do little.
PAGES_WITH_NOTHING = ("web:jobs", "web:keys")
# They answer with no text of their own, or not with a page.
NO_PAGES = (
    *("web:start", "web:logout", "web:language", "web:playground-stream", "web:job-events"),
    "web:tryout-stream",
    *("admin:jsi18n", "admin:autocomplete", "admin:view_on_site"),
)

# What is sent, and the page that answers in the end shows errors or messages. SEEN: what the page asks back.
SEEN = {"seen": ""}
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
NOBODY_THERE = CONFIG | {
    "provider": "vllm",
    "model_name": "m",
    "endpoint_url": "http://127.0.0.1:9",
}
_AWAY = wording.explained(BackendUnavailable(Sentence("The dummy plays a service that is down.")))
GENERATOR = {
    "name": "form1",
    "prompt_template": "{{prompt}}",
    "input_schema": '{"type": "object", "properties": {"prompt": {"type": "string"}}}',
    "output_kind": "text",
    "max_input_chars": "100",
    "max_output_chars": "100",
    "sample": '{"prompt": "물"}',
}
WRONG_GENERATORS: tuple[dict[str, str], ...] = (
    {},
    GENERATOR | {"input_schema": "{", "output_schema": "NaN", "temperature": "3"},
    GENERATOR | {"prompt_template": "{{#prompt}}", "input_schema": '{"type": "number"}'},
    GENERATOR | {"output_kind": "fenced", "output_schema": "{}"},
    GENERATOR | {"fence_language": "html"},
    GENERATOR | {"input_schema": '{"type": "nosuch"}'},
    GENERATOR | {"input_schema": '{"type": "object", "properties": {"prompt": {"minLength": "5"}}}'},
    GENERATOR | {"input_schema": '{"type": "object", "properties": {"prompt": {"pattern": "("}}}'},
)
POSTS: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("admin:llmconfigs_llmconfig_add", {"provider": each.id} | WRONG_CONFIG) for each in providers()),
    *(("admin:llmconfigs_llmconfig_add", CONFIG | {"provider": each.id}) for each in providers()),
    ("admin:llmconfigs_llmconfig_add", {}),
    ("admin:llmconfigs_llmconfig_add", CONFIG | {"provider": "dummy", "parameters": "{"}),
    *(
        ("admin:llmconfigs_llmconfig_changelist", {"action": each})
        for each in ("activate", "deactivate", "test_connection", "delete_selected")
    ),
    (f"{_CONFIG}changelist@sick", {"action": "test_connection"}),
    *((f"{_CONFIG}activate@{each}", SEEN) for each in ("llmconfigs.llmconfig", "sick", "unusable")),
    (f"{_CONFIG}activate@llmconfigs.llmconfig", {"seen": "1"}),
    (f"{_CONFIG}deactivate@active", SEEN),
    (f"{_CONFIG}deactivate@sick", {}),
    (f"{_CONFIG}roll_back", SEEN),
    (f"{_CONFIG}clone@active", {"name": "사본"}),
    (f"{_CONFIG}clone@active", {"name": "기본"}),
    (f"{_CONFIG}clone@active", {}),
    (f"{_CONFIG}request@sick", SEEN),
    (f"{_CONFIG}request@sick", {}),
    *(
        (f"{_CONFIG}decide@wanted_elsewhere", {"decision": each})
        for each in ("approve", "reject", "withdraw")
    ),
    *((f"{_CONFIG}decide@wanted_here", {"decision": each}) for each in ("approve", "reject", "withdraw")),
    *((f"{_CONFIG}decide@decided", {"decision": each}) for each in ("approve", "reject")),
    *((f"{_CONFIG}try_new@{each}", WRONG_CONFIG | {"provider": "groq"}) for each in ("test", "models")),
    *((f"{_CONFIG}try_new@{each}", CONFIG | {"provider": "dummy"}) for each in ("test", "models")),
    *((f"{_CONFIG}try_new@{each}", NOBODY_THERE) for each in ("test", "models")),
    (f"{_CONFIG}try@sick/test", CONFIG | {"provider": "dummy", "option_dummy_fail": "bad_answer"}),
    (f"{_CONFIG}change@active", CONFIG | {"provider": "dummy"}),
    ("admin:apikeys_apikey_add", {}),
    ("admin:apikeys_apikey_add", {"name": "수신", "scopes": ["read"]}),
    ("admin:apikeys_apikey_add", {"name": "수신", "scopes": ["no_such"], "expires_at_0": "2001-01-01"}),
    *(("admin:apikeys_apikey_changelist", {"action": each}) for each in ("revoke", "delete_selected")),
    ("admin:generation_generationjob_changelist", {"action": "cancel"}),
    *((f"{_HOOK}changelist", {"action": each}) for each in ("switch_off", "switch_on", "put_notices_away")),
    *((f"{_HOOK}changelist", {"action": each}) for each in ("send_test", "redeliver_failed")),
    ("admin:webhooks_webhookdelivery_changelist", {"action": "redeliver"}),
    (f"{_HOOK}new_secret@webhooks.webhookendpoint", {"keep_old_for_s": "7"}),
    *((f"{_HOOK}new_secret@webhooks.webhookendpoint", {"keep_old_for_s": "3600"}) for _each in range(2)),
    (f"{_HOOK}put_notice_away@webhooks.webhookendpoint", {}),
    *((f"{_GENERATOR}add", each) for each in (*WRONG_GENERATORS, GENERATOR)),
    (f"{_GENERATOR}change", GENERATOR | {"seen": "sha256:0"}),
    (f"{_GENERATOR}publish@generators.generator", SEEN),
    (f"{_GENERATOR}publish@generators.generator", {}),
    (f"{_GENERATOR}publish@active_version", {}),
    *((f"{_GENERATOR}{each}@active_version", SEEN) for each in ("make_current", "retire")),
    (f"{_GENERATOR}retire@current_version", SEEN),
    (f"{_GENERATOR}restore@retired_version", SEEN),
    (f"{_GENERATOR}next@current_version", {}),
    *((f"{_GENERATOR}changelist{of}", {"action": "delete_selected"}) for of in ("", "@active_version")),
    *(("web:tryout", each) for each in (*WRONG_GENERATORS, GENERATOR)),
    ("web:tryout", GENERATOR | {"sample": "["}),
    ("web:tryout", GENERATOR | {"sample": "[]"}),
    *(("web:tryout", GENERATOR | {"sample": each}) for each in ('{"prompt": 5}', '{"prompt": "\\u0000"}')),
    ("web:tryout", GENERATOR | {"sample": json.dumps({"prompt": "물" * 101})}),
    ("web:tryout", GENERATOR | {"prompt_template": "{{other}}"}),
    ("web:tryout", GENERATOR | {"output_kind": "fenced", "fence_language": "html"}),
    (
        "web:tryout",
        GENERATOR | {"output_kind": "json", "output_schema": '{"pattern": "^가$", "type": "string"}'},
    ),
    ("web:tryout", GENERATOR | {"max_output_chars": "1"}),
    ("web:tryout", GENERATOR | {"config": "0"}),
    ("web:tryout", GENERATOR | {"generator": "0"}),
    ("web:tryout", GENERATOR | {"output_kind": "json"}),
    ("web:tryout", GENERATOR | {"output_kind": "json", "allows_partial": "on"}),
    ("admin:audit_auditevent_export", {"since": "yesterday"}),
    ("web:password_change", {"new_password1": "1", "new_password2": "2"}),
    ("web:playground-ask", {}),
    ("web:playground-ask", {"message": "가" * 200_001}),
    ("web:playground-ask", {"message": "가", "turns": "{"}),
    ("web:playground-ask", {"message": "가", "turns": json.dumps([{"role": "user", "text": "가"}] * 201)}),
    ("web:playground-ask", {"message": "가", "generator": "0"}),
    ("web:playground-ask", {"message": "가", "config": "0"}),
    ("web:key-create", {}),
    ("web:key-create", {"name": "수신", "scopes": ["no_such"], "requests_per_minute": "-1"}),
    ("web:key-create", {"name": "수신", "scopes": ["read"], "expires_in_days": "30"}),
    ("web:key-revoke@apikeys.apikey", {}),
    ("web:job-cancel@generation.generationjob", {}),
)

_PRODUCTS = ("Changeover", "Anthropic", "Groq", "Ollama", "OpenAI", "OpenRouter", "vLLM", "llama.cpp", "Mac")
_TERMS = (
    *("API", "ASCII", "Fernet", "GPU", "HTTP", "ID", "Id", "JSON", "LDAP", "LLM", "Single Sign-On", "TLS"),
    *("Control", "Command", "NaN", "URL", "UTC", "ms", "webhook-id", "Top p", "Top k", "Min p"),
)
# The icons of yes and no have these names in Django's own markup.
_ICONS = ("True", "False", "None")
_OF_ROWS = ("dummy", "elsewhere", "generate", "input", "manage", "ollama", "read", "chat.completions")
# The same in Korean.
NAMES = frozenset(" ".join([*_PRODUCTS, *_TERMS, *_ICONS, *_OF_ROWS]).split())
# What a migration says of the generators it brings is data, in English, and published: it stays.
_OF_SHIPPED = frozenset(
    each["description"] for each in import_module("generators.migrations.0002_shipped")._SHIPPED
)
_WORD = re.compile(r"(?<![A-Za-z0-9])(?:[A-Za-z][\w.:/@+-]*[A-Za-z0-9_/]|[A-Za-z])")
_CODE = re.compile(r"[\d_:/@]|\w\.\w")
_QUOTED_WORD = re.compile(r'"\w+"|\{\{.*?\}\}|```\w*')  # and the examples of templates and of blocks


def english_in(texts: list[str]) -> list[str]:
    """The texts with a word in it that is neither a name nor the code of something."""
    codes = _words_of_providers()
    return [
        text
        for text in texts
        if text not in _OF_SHIPPED and any(_is_english(word, codes) for word in _words_in(text))
    ]


def _words_in(text: str) -> list[str]:
    return _WORD.findall(_QUOTED_WORD.sub("", text))


def _is_english(word: str, codes: set[str]) -> bool:
    return not (word in NAMES or word in codes or _CODE.search(word))


def _words_of_providers() -> set[str]:
    """Their ids, their models, and the parameters and options that a form lists for those who write JSON."""
    schemas = json.dumps([(each.parameters, each.options) for each in providers()])
    return {*_WORD.findall(schemas), *(each.id for each in providers()), "codellama"}


def fill(owner: User) -> Mapping[str, Model]:
    """A row of each kind, by the label of its model, and some more. owner: who looks at the pages."""
    user = User.objects.create_user("상담원", is_staff=True)
    for each in Group.objects.all():  # those of the migration: their names are data, in English
        Group.objects.filter(pk=each.pk).update(name=f"그룹 {each.pk}")
    group = Group.objects.create(name="수신팀")
    configs = _configs(user_actor(owner))
    config = configs["llmconfigs.llmconfig"]
    key = issuing.issue(name="수신 업무", scopes=["generate", "read", "manage"], owner=owner).key
    jobs = {status: job_with(key, status, config) for status in JobStatus}
    _record_events(config)
    hooks = _webhooks(key, jobs[JobStatus.FAILED])
    rows = [*hooks, key, jobs[JobStatus.FAILED], user, group, _breaker(), _processes(), _usage(key, config)]
    last_event = AuditEvent.objects.latest("number")
    by_label = {row._meta.label_lower: row for row in [*rows, last_event]}
    return (
        configs
        | _generators()
        | _requests(configs, here=user_actor(owner), elsewhere=user_actor(user))
        | by_label
    )


def _configs(by: Actor) -> dict[str, Any]:
    """One is active, and there is one to roll back to; one fails and one cannot even be built."""
    active = LLMConfig.objects.create(name="운영", provider="dummy")
    for each in (LLMConfig.objects.create(name="이전", provider="dummy"), active):
        activation.activate(each, by=by)
    sick = LLMConfig.objects.create(name="장애", provider="dummy", options={"fail": "unavailable"})
    note(Health(active.pk, True, "", 0.1))
    note(Health(sick.pk, False, ""))
    return {
        "llmconfigs.llmconfig": LLMConfig.objects.create(name="기본", provider="dummy"),
        "active": active,
        "sick": sick,
        "unusable": LLMConfig.objects.create(name="미완", provider="vllm"),
    }


def _requests(configs: dict[str, Any], *, here: Actor, elsewhere: Actor) -> dict[str, Model]:
    """The configuration of the one that has been decided may be requested again."""

    def made(config: LLMConfig, by: Actor) -> ActivationRequest:
        return requests.make(config, by=by, reason="점검 완료")

    decided = made(configs["sick"], elsewhere)
    requests.reject(decided, by=here, reason="장애")
    return {
        "decided": decided,
        "wanted_here": made(configs["active"], here),
        "wanted_elsewhere": made(configs["llmconfigs.llmconfig"], elsewhere),
    }


def _generators() -> dict[str, Model]:
    """A draft, and three versions that are published."""
    said = {"name": "form1", "description": "표에서 양식을 만듭니다.", "published_at": timezone.now()}
    return {
        "active_version": Generator.objects.create(version=1, is_active=True, **said),
        "current_version": Generator.objects.create(version=2, is_active=True, is_current=True, **said),
        "retired_version": Generator.objects.create(version=3, **said),
        "generators.generator": Generator.objects.create(version=4, **(said | {"published_at": None})),
    }


_IMAGE = {"type": "image", "media_type": "image/png", "data": "aW1hZ2U="}


def job_with(key: ApiKey, status: JobStatus, config: LLMConfig) -> GenerationJob:
    """With all that a job may show; one in progress is being cancelled."""
    now = timezone.now()
    said = [
        {"role": "system", "content": "짧게 답하십시오."},
        {"role": "user", "content": [{"type": "text", "text": "가" * 20_001}, _IMAGE]},
        {"role": "assistant", "content": "네."},
    ]
    has_begun, has_ended = status != JobStatus.QUEUED, status not in (JobStatus.QUEUED, JobStatus.IN_PROGRESS)
    job = queue_job(
        key,
        status=status,
        request={"messages": said},
        request_digest="e3b0c442",
        metadata={"업무": "수신"},
        text="답변" if has_begun else "",
        tool_calls=[{"id": "1", "name": "조회", "arguments": "{}"}] if has_ended else [],
        error_code="backend_error" if status == JobStatus.FAILED else "",
        error_message=API_ERRORS["backend_error"].message if status == JobStatus.FAILED else "",
        failure_detail=_AWAY if status == JobStatus.FAILED else "",
        started_at=now if has_begun else None,
        finished_at=now if has_ended else None,
        cancel_requested_at=now if status == JobStatus.IN_PROGRESS else None,
        prompt_tokens=3 if has_ended else None,
        first_chunk_s=0.5 if has_begun else None,
        duration_s=1.5 if has_ended else None,
        config=config,
        config_name=config.name,
        provider="dummy",
    )
    for number, outcome in enumerate(AttemptOutcome):
        JobAttempt.objects.create(
            job=job, number=number, outcome=outcome, reason=_AWAY, started_at=now, ended_at=now
        )
    return job


def _webhooks(key: ApiKey, job: GenerationJob) -> list[Model]:
    """Endpoints in each state, and deliveries that ended in each way; the first of each, for their pages."""
    now = timezone.now()
    url = "https://app.example.com/hooks"
    first = WebhookEndpoint.objects.create(
        key=key, url=url, description="수신", disabled_at=now, disabled_because=DisabledBecause.FAILING
    )
    WebhookEndpoint.objects.create(key=key, url=f"{url}/1", failing_since=now)
    for because in DisabledBecause:
        WebhookEndpoint.objects.create(
            key=key, url=f"{url}/{because}", disabled_at=now, disabled_because=because
        )
    fields = {"endpoint": first, "job_id": job.pk, "created_at": now, "round_began_at": now}
    failed = WebhookDelivery.objects.create(
        **fields, event=Event.FAILED, status=DeliveryStatus.FAILED, finished_at=now
    )
    for number, outcome in enumerate(SendingOutcome):
        WebhookAttempt.objects.create(
            delivery=failed, number=number, outcome=outcome, reason=_AWAY, started_at=now, duration_s=0.5
        )
    for event in Event:
        WebhookDelivery.objects.create(**fields, event=event, next_attempt_at=now)
    return [first, failed]


def _breaker() -> Model:
    now = timezone.now()
    fields = {"failures": 3, "failed_at": now, "opened_at": now, "probe_at": now}
    return Breaker.objects.create(backend="1:1", reason=_AWAY, **fields)


def _record_events(config: LLMConfig) -> None:
    for action in Action:
        trail.record_alone(action, trail.Subject("llmconfig", str(config.pk), config.name))
    with acting(Origin(ANONYMOUS)):
        trail.record_alone(Action.LOGIN_FAILED, trail.Subject("job", "5", ""))
    changes = {"name": {"from": "가", "to": "나"}, "api_key": "changed"}
    trail.record_alone(Action.CONFIG_CHANGED, trail.NOTHING, details={"changes": changes, "failures": 5})


def _processes() -> Model:
    """Two, of which one is behind."""
    stored(configs_epoch=-1, role=Role.WEB)
    return stored()


def _usage(key: ApiKey, config: LLMConfig) -> Model:
    now = timezone.now()
    for number, outcome in enumerate(Outcome):
        fields = {"outcome": outcome, "duration_s": 10.0**number / 10}
        store([entry(key, config_name=config.name, request_id=f"r-{number}", at=now, **fields)])
    usage_now.forget()
    health_now.forget()
    return UsageRecord.objects.latest("pk")


def url_of(page: str, rows: Mapping[str, Model]) -> str:
    name, words, query = _parts(page)
    if name.endswith("_changelist"):
        words = []
    elif name.count("_") > 1 and name.endswith(("_change", "_history", "_delete")):
        words = words or [label_of(name)]
    return f"{reverse(name, args=[rows[each].pk if each in rows else each for each in words])}?{query}"


def row_of(page: str, rows: Mapping[str, Model]) -> Model:
    """The one that a page of the admin is about."""
    name, words, _query = _parts(page)
    return rows[words[0] if words else label_of(name)]


def label_of(name: str) -> str:
    """Of the model, from the name of its page."""
    return ".".join(name.partition(":")[2].split("_")[:2])


def name_of(page: str) -> str:
    return _parts(page)[0]


def _parts(page: str) -> tuple[str, list[str], str]:
    address, _mark, query = page.partition("?")
    name, _at, words = address.partition("@")
    return name, words.split("/") if words else [], query
