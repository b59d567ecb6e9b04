"""All settings. This module alone reads the environment; a wrong value stops the start with its name.

The exception are the LLM_* variables that describe the fallback model. They promise to give way to their
defaults with a warning, so they are taken as text here and read in llmconfigs/environment.py.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from llmbackends.zone_setting import parse_zones

from .environment import Environment, own_ports

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment(Path(os.environ.get("CHANGEOVER_DOTENV", BASE_DIR / ".env")))

VERSION = "0.1.0"

# --- What kind of installation this is

ENVIRONMENT = env.choice("CHANGEOVER_ENV", ("production", "development", "test"), default="production")
IS_PRODUCTION = ENVIRONMENT == "production"
DEBUG = env.flag("DEBUG", default=False)
if DEBUG and IS_PRODUCTION:
    raise ImproperlyConfigured("DEBUG must be off in production: its error pages show settings and source.")
DATA_DIR = Path(env.text("CHANGEOVER_DATA_DIR", default=str(BASE_DIR / "var")))

# --- Secrets. Each also reads from a file named by NAME_FILE.

SECRET_KEY = env.secret("SECRET_KEY")
FIELD_ENCRYPTION_KEYS = env.secrets("FIELD_ENCRYPTION_KEYS")
API_KEY_PEPPER = env.secret("API_KEY_PEPPER")

# --- Django

ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", default=[])
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DEFAULT_EXCEPTION_REPORTER_FILTER = "config.debug_page.SettingsFilter"

INSTALLED_APPS = [
    "config",
    "epochs",
    "audit",
    "accounts",
    "apikeys",
    "llmconfigs",
    "usage",
    "generators",
    "generation",
    "webhooks",
    "api",
    "web",
    "axes",
    "ninja",
    "django_htmx",
    "csp",
    "web.apps.DeskConfig",  # django.contrib.admin
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.middleware.HeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.RequestIdMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "accounts.sessions.SessionExpiryMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "audit.middleware.OriginMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "web.htmx.LoginRedirectMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",  # the last: it replaces the answer to a login that is locked
]

# The API's paths are served without the browser's middleware, see config/asgi.py.
API_MIDDLEWARE = [
    "config.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.ApiHeadersMiddleware",
    "config.middleware.AllowedHostMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# --- Logins and sessions

LOGIN_URL = LOGOUT_REDIRECT_URL = "web:login"
LOGIN_REDIRECT_URL = "web:start"
CSRF_FAILURE_VIEW = "web.errors.csrf_failure"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
LOGIN_ATTEMPTS = env.whole_number("LOGIN_ATTEMPTS", default=5, least=1)
# Of all names together, from one address; 0 is no limit.
LOGIN_ATTEMPTS_PER_ADDRESS = env.whole_number("LOGIN_ATTEMPTS_PER_ADDRESS", default=50)
LOGIN_COOL_OFF_S = env.number("LOGIN_COOL_OFF_S", default=900, least=1)
# How many proxies of one's own append to X-Forwarded-For; 0: the header is not believed.
TRUSTED_PROXY_COUNT = env.whole_number("TRUSTED_PROXY_COUNT", default=0)

AXES_HANDLER = "accounts.lockout.TwoLimits"
AXES_FAILURE_LIMIT = LOGIN_ATTEMPTS
AXES_COOLOFF_TIME = timedelta(seconds=LOGIN_COOL_OFF_S)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "accounts.lockout.counted_name"
AXES_LOCKOUT_CALLABLE = "accounts.lockout.locked_out"
AXES_CLIENT_IP_CALLABLE = "audit.addresses.client_address"
AXES_RESET_ON_SUCCESS = True
# Else who goes on trying would lock the user out for ever, and fill the table.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True  # the audit trail has it
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

SESSION_IDLE_S = env.number("SESSION_IDLE_S", default=1800, least=60)
SESSION_MAX_S = env.whole_number("SESSION_MAX_S", default=12 * 3600, least=60)
SESSION_COOKIE_AGE = SESSION_MAX_S
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = IS_PRODUCTION

# --- Language and time

LANGUAGE_CODE = env.text("LANGUAGE_CODE", default="en")
LANGUAGES = [("en", _("English")), ("ko", _("Korean"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "config.formats"
TIME_ZONE = env.text("TIME_ZONE", default="UTC")
USE_I18N = True
USE_TZ = True

# --- Static files

STATIC_URL = "static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", default=str(DATA_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if IS_PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage",
    },
}
# Outside production files are served from where they lie; in production from STATIC_ROOT alone.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not IS_PRODUCTION

# --- Behind HTTPS in production

SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", default=IS_PRODUCTION)
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]  # asked from inside, where there is no TLS
SECURE_HSTS_SECONDS = env.whole_number("SECURE_HSTS_SECONDS", default=31_536_000 if IS_PRODUCTION else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_PRODUCTION
if env.flag("TRUST_X_FORWARDED_PROTO", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

# --- What a browser may do with our pages: nothing that comes from elsewhere, nothing inline

_SELF, _NOBODY = ["'self'"], ["'none'"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": _NOBODY,
        "script-src": _SELF,
        "style-src": _SELF,
        "img-src": [*_SELF, "data:"],
        "font-src": _SELF,
        "connect-src": _SELF,
        "form-action": _SELF,
        "base-uri": _NOBODY,
        "frame-ancestors": _NOBODY,
        "object-src": _NOBODY,
    }
}
RESPONSE_HEADERS = {
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
API_CONTENT_SECURITY_POLICY = "default-src 'none'; frame-ancestors 'none'"

# --- Database and broker

SQLITE_URL = f"sqlite:///{quote(str(DATA_DIR / 'changeover.sqlite3'))}"
DATABASES = {"default": env.database("DATABASE_URL", default=SQLITE_URL)}
REDIS_URL = env.secret("REDIS_URL", default="")

# --- Where calls may go. With LLM_ALLOW_REMOTE the internet is a zone of its own.

_LOOPBACK = "loopback=127.0.0.0/8, ::1, localhost"
OUTGOING_ZONES = env.parsed("OUTGOING_ZONES", parse_zones, default=_LOOPBACK)
WEBHOOK_ZONES = env.parsed(
    "WEBHOOK_ZONES", parse_zones, default=env.text("OUTGOING_ZONES", default=_LOOPBACK)
)
OWN_PORTS = own_ports(DATABASES["default"], REDIS_URL)

# --- Never stale: what a process knows of the configurations and keys

EPOCH_GRACE_S = env.number("EPOCH_GRACE_S", default=60, least=0)
# A process counts as gone after a minute without a report.
PROCESS_REPORT_INTERVAL_S = env.number("PROCESS_REPORT_INTERVAL_S", default=5, least=0, most=20)

# --- The audit trail

AUDIT_SIGNING_KEY = env.key("AUDIT_SIGNING_KEY")
AUDIT_TRUSTED_KEYS = env.public_keys("AUDIT_TRUSTED_KEYS")
AUDIT_CHECKPOINT_EVERY = env.whole_number("AUDIT_CHECKPOINT_EVERY", default=100, least=1)

# --- The fallback when no configuration is active

LLM_ENVIRONMENT = env.starting_with("LLM_") | {"LLM_API_KEY": env.secret("LLM_API_KEY", default="")}
LLM_ALLOW_REMOTE = env.flag("LLM_ALLOW_REMOTE", default=not IS_PRODUCTION)
LLM_HEALTH_CHECK_TTL_S = env.number("LLM_HEALTH_CHECK_TTL_S", default=5.0, least=0)

# --- The administrator's desk

ACTIVATION_NEEDS_TWO = env.flag("ACTIVATION_NEEDS_TWO", default=False)
ACTIVATION_REQUEST_TTL_S = env.number("ACTIVATION_REQUEST_TTL_S", default=86_400, least=60)
PROBES_PER_MINUTE = env.whole_number("PROBES_PER_MINUTE", default=10, least=1)
HEALTH_NOTE_INTERVAL_S = env.number("HEALTH_NOTE_INTERVAL_S", default=30, least=0)

# --- Generation jobs

GENERATION_EMBEDDED_RUNNER = env.flag("GENERATION_EMBEDDED_RUNNER", default=not REDIS_URL)
GENERATION_CONCURRENCY = env.whole_number("GENERATION_CONCURRENCY", default=8, least=1)
GENERATION_DEADLINE_S = env.number("GENERATION_DEADLINE_S", default=600, least=1)
GENERATION_LONGEST_DEADLINE_S = env.number(
    "GENERATION_LONGEST_DEADLINE_S", default=max(86_400, GENERATION_DEADLINE_S), least=GENERATION_DEADLINE_S
)
GENERATION_AGING_S = env.number("GENERATION_AGING_S", default=60, least=1)
GENERATION_RESULT_RETENTION_S = env.number("GENERATION_RESULT_RETENTION_S", default=0, least=0)
GENERATION_BREAKER_FAILURES = env.whole_number("GENERATION_BREAKER_FAILURES", default=5)
GENERATION_BREAKER_PROBE_S = env.number("GENERATION_BREAKER_PROBE_S", default=5, least=0.1)
GENERATION_MAX_ATTEMPTS = env.whole_number("GENERATION_MAX_ATTEMPTS", default=5, least=1)
GENERATION_LEASE_S = env.number("GENERATION_LEASE_S", default=30, least=2)
GENERATION_POLL_INTERVAL_S = env.number("GENERATION_POLL_INTERVAL_S", default=1.0, least=0.05)
GENERATION_SHUTDOWN_S = env.number("GENERATION_SHUTDOWN_S", default=20, least=0)

# --- Webhooks

WEBHOOK_TIMEOUT_S = env.number("WEBHOOK_TIMEOUT_S", default=15, least=1, most=300)
WEBHOOK_RETRY_FOR_S = env.number("WEBHOOK_RETRY_FOR_S", default=3 * 86_400, least=0)
WEBHOOK_DISABLE_AFTER_S = env.number("WEBHOOK_DISABLE_AFTER_S", default=5 * 86_400, least=60)
WEBHOOK_RETENTION_S = env.number("WEBHOOK_RETENTION_S", default=30 * 86_400, least=0)
WEBHOOK_ENDPOINTS_PER_KEY = env.whole_number("WEBHOOK_ENDPOINTS_PER_KEY", default=5)

# --- The API

API_MAX_BODY_BYTES = env.whole_number("API_MAX_BODY_BYTES", default=10_000_000, least=1024)
# Of keys that have no number of their own; 0 is no limit.
API_REQUESTS_PER_MINUTE = env.whole_number("API_REQUESTS_PER_MINUTE", default=0)
API_CONCURRENT_REQUESTS = env.whole_number("API_CONCURRENT_REQUESTS", default=0)
API_MODEL_ALIAS = env.text("API_MODEL_ALIAS", default="default")
# Within GENERATION_SHUTDOWN_S, after which the server ends answers without a word, and with time to say it.
API_DRAIN_S = env.number("API_DRAIN_S", default=min(10, GENERATION_SHUTDOWN_S / 2), least=0)
if max(GENERATION_SHUTDOWN_S - 2, GENERATION_SHUTDOWN_S / 2) < API_DRAIN_S:
    raise ImproperlyConfigured(
        f"API_DRAIN_S must be 2 seconds less than GENERATION_SHUTDOWN_S, which is {GENERATION_SHUTDOWN_S:g}, "
        f"not {API_DRAIN_S:g}."
    )
DATA_UPLOAD_MAX_MEMORY_SIZE = API_MAX_BODY_BYTES

# --- Logs

LOG_LEVEL = env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO")
LOG_FORMAT = env.choice("LOG_FORMAT", ("json", "console"), default="json" if IS_PRODUCTION else "console")
LOGGING_CONFIG = "config.logs.configure"
LOGGING = {"level": LOG_LEVEL, "format": LOG_FORMAT}
