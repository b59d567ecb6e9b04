from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from . import accounts, jobs, keys
from .playground import views as playground
from .tryout import views as tryout

app_name = "web"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", accounts.start, name="start"),
    path("login/", accounts.login, name="login"),
    path("logout/", accounts.logout, name="logout"),
    path("password/", accounts.password_change, name="password_change"),
    path("playground/", playground.playground, name="playground"),
    path("playground/ask/", playground.ask, name="playground-ask"),
    path("playground/stream/", playground.stream, name="playground-stream"),
    path("tryout/", tryout.tryout, name="tryout"),
    path("tryout/stream/", tryout.stream, name="tryout-stream"),
    path("jobs/", jobs.jobs, name="jobs"),
    path("jobs/<uuid:job_id>/", jobs.job, name="job"),
    path("jobs/<uuid:job_id>/cancel/", jobs.cancel, name="job-cancel"),
    path("jobs/<uuid:job_id>/events/", jobs.job_events, name="job-events"),
    path("keys/", keys.keys, name="keys"),
    path("keys/new/", keys.create, name="key-create"),
    path("keys/<int:key_id>/revoke/", keys.revoke, name="key-revoke"),
    path("language/", accounts.language, name="language"),
]
