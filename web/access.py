"""Who may call a page.

Each view of this package declares it; tests/web/test_access.py finds one that does not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.handlers.exception import response_for_exception
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from background.threads import in_thread

View = TypeVar("View", bound=Callable[..., HttpResponseBase | Awaitable[HttpResponseBase]])


@dataclass(frozen=True, slots=True)
class Access:
    """permissions: all of them are needed, by someone who is logged in. is_public: nobody needs to be."""

    is_public: bool = False
    permissions: tuple[str, ...] = ()


def public(view: View) -> View:
    """Anybody, logged in or not."""
    view.access = Access(is_public=True)  # type: ignore[attr-defined]
    return view


def logged_in(view: View) -> View:
    return _guarded(view, Access())


def needs(*permissions: str) -> Callable[[View], View]:
    """Somebody who is logged in and has all of these, such as "generation.use_playground"; else 403."""
    return lambda view: _guarded(view, Access(permissions=permissions))


def _guarded(view: View, access: Access) -> View:
    if iscoroutinefunction(view):

        @wraps(view)
        async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            user = await request.auser()
            if not user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            try:
                if not await user.ahas_perms(access.permissions):
                    raise PermissionDenied
                return await view(request, *args, **kwargs)  # type: ignore[no-any-return]
            except (PermissionDenied, Http404) as error:
                # Django would make the page in another thread, whose connection nobody gives back.
                return await in_thread(response_for_exception, request, error)

        guarded: Any = guarded_async
    else:

        @wraps(view)
        def guarded_sync(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not request.user.has_perms(access.permissions):
                raise PermissionDenied
            return view(request, *args, **kwargs)  # type: ignore[return-value]

        guarded = guarded_sync
    guarded.access = access
    return guarded  # type: ignore[no-any-return]
