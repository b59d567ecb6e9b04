"""What the administrator's pages of generators have in common."""

from __future__ import annotations

from django.http import HttpRequest

from adminlists.own_pages import OwnPages

from ..models import Generator


class GeneratorPages(OwnPages):
    def has_publish_permission(self, request: HttpRequest, obj: Generator | None = None) -> bool:
        """Publishing, choosing the current version, retiring and bringing back."""
        return request.user.has_perm("generators.publish_generator")

    def generator_or_404(self, request: HttpRequest, object_id: str) -> Generator:
        generator: Generator = self.row_or_404(request, object_id)
        return generator
