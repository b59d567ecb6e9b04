"""Who acts in the tests of the services. Of a user's pages see conftest.client_with."""

from __future__ import annotations

from audit.context import Actor

KIM = Actor(101, "kim")
LEE = Actor(102, "lee")
PARK = Actor(103, "park")
