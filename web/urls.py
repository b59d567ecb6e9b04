from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from . import accounts

app_name = "web"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", accounts.start, name="start"),
    path("login/", accounts.login, name="login"),
    path("logout/", accounts.logout, name="logout"),
    path("password/", accounts.password_change, name="password_change"),
    path("language/", accounts.language, name="language"),
]
