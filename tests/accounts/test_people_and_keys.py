from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission, User

from apikeys import issuing
from audit import keys
from audit.stored import verify_stored
from tests.audit.beside import beside

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]

_TIMES = 10


def test_people_and_keys_that_change_at_the_same_time_wait_for_each_other_in_one_order() -> None:
    """Both move the epoch of the keys and are recorded; two orders of these two locks would be a deadlock."""
    users = [User.objects.create_user(f"user {number}") for number in range(8)]
    group = Group.objects.create(name="Operators")
    permission = Permission.objects.get(codename="use_playground")

    def work(number: int) -> None:
        for _ in range(_TIMES):
            if number % 4 == 0:
                issuing.issue(name=f"key {number}", scopes=["read"], owner=users[number])
            elif number % 4 == 1:
                users[number].is_staff = not users[number].is_staff
                users[number].save()
            elif number % 4 == 2:
                users[number].groups.set([] if users[number].groups.exists() else [group])
            else:
                group.permissions.add(permission)
                group.permissions.remove(permission)

    beside(work)

    assert verify_stored(keys.trusted()).faults == []
