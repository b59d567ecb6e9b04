from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse
from django.utils import translation

from accounts.permissions import label_of, name_of
from tests.people import permission

pytestmark = pytest.mark.django_db


def test_label_has_the_application_the_model_and_what_it_allows() -> None:
    label = label_of(permission("generation.use_playground"))

    assert label == "Generation | generation job | Can use the playground"


@pytest.mark.parametrize(
    ("name", "english"),
    [
        ("generation.use_playground", "Can use the playground"),
        ("apikeys.view_apikey", "Can view API key"),
        ("auth.delete_group", "Can delete group"),
        ("axes.add_accessattempt", "Can add access attempt"),
    ],
)
def test_name_is_in_the_language_of_the_reader(name: str, english: str) -> None:
    assert name_of(permission(name)) == english
    with translation.override("ko"):
        korean = name_of(permission(name))
        assert not any(word in korean for word in english.split() if word != "API")


def test_name_is_that_of_the_model_where_the_stored_one_is_old() -> None:
    Permission.objects.filter(codename="use_playground").update(name="May play")

    assert name_of(permission("generation.use_playground")) == "Can use the playground"


@pytest.mark.parametrize(
    ("model", "codename"),
    [
        ("generationjob", "rerun"),
        ("generationjob", "view_other"),
        ("generationjob", "x_generationjob"),
        ("x", "a"),
    ],
)
def test_name_of_what_no_model_knows_is_the_stored_one(model: str, codename: str) -> None:
    content_type, _ = ContentType.objects.get_or_create(app_label="generation", model=model)
    unknown = Permission.objects.create(content_type=content_type, codename=codename, name="An old one")

    assert name_of(unknown) == "An old one"


@pytest.mark.parametrize("kind", ["user", "group"])
def test_form_offers_permissions_by_their_names(kind: str, admin_client: Client) -> None:
    rows = {"user": User.objects.create_user("kim"), "group": Group.objects.create(name="Operators")}
    url = reverse(f"admin:auth_{kind}_change", args=[rows[kind].pk])

    html = admin_client.get(url, headers={"accept-language": "ko"}).text

    with translation.override("ko"):
        assert label_of(permission("generation.use_playground")) in html


def test_form_stores_what_is_chosen(admin_client: Client) -> None:
    group = Group.objects.create(name="Operators")
    chosen = permission("generation.use_playground")

    admin_client.post(
        reverse("admin:auth_group_change", args=[group.pk]), {"name": "Operators", "permissions": [chosen.pk]}
    )

    assert list(group.permissions.all()) == [chosen]
