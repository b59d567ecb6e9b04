"""Those who visit the pages of a real server."""

from __future__ import annotations

from typing import Any

import httpx
from django.conf import settings
from django.contrib.auth.models import User
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client

from tests.people import user_with


class Visitor(httpx.Client):
    """A client with the cookies of a user who has logged in."""

    def __init__(self, base_url: str, *permissions: str, name: str, **fields: Any) -> None:
        self.user: User = user_with(*permissions, name=name, **fields)
        browser = Client()
        browser.force_login(self.user)
        token = _get_new_csrf_string()
        cookies = {
            settings.SESSION_COOKIE_NAME: browser.cookies[settings.SESSION_COOKIE_NAME].value,
            settings.CSRF_COOKIE_NAME: token,
        }
        super().__init__(base_url=base_url, cookies=cookies, headers={"X-CSRFToken": token}, timeout=30)
