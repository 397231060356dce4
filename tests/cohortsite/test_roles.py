from __future__ import annotations

from itertools import pairwise

import pytest
from django.contrib.auth.models import Group, Permission

from cohortsite.roles import ADMINISTRATOR, ANALYST, OPERATOR, ROLES, VIEWER, make_roles
from tests.factories import make_person

pytestmark = pytest.mark.django_db


def permissions_of(role):
    names = Group.objects.get(name=role).permissions.values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in names}


def test_the_four_roles_exist_after_migrating():
    assert set(Group.objects.values_list("name", flat=True)) == set(ROLES)


def test_each_role_may_do_what_the_one_before_may_and_more():
    for less, more in pairwise(ROLES):
        assert permissions_of(less) < permissions_of(more)


@pytest.mark.parametrize(
    ("permission", "allowed"),
    [
        ("cohorts.view_cohort", {VIEWER, ANALYST, OPERATOR, ADMINISTRATOR}),
        ("ingest.view_customer", {VIEWER, ANALYST, OPERATOR, ADMINISTRATOR}),
        ("cohorts.change_cohort", {ANALYST, OPERATOR, ADMINISTRATOR}),
        ("notifications.add_subscription", {ANALYST, OPERATOR, ADMINISTRATOR}),
        ("notifications.add_channel", {OPERATOR, ADMINISTRATOR}),
        ("notifications.change_delivery", {OPERATOR, ADMINISTRATOR}),
        ("ingest.add_apikey", {ADMINISTRATOR}),
        ("ingest.delete_customer", {ADMINISTRATOR}),
        ("auth.change_user", {ADMINISTRATOR}),
    ],
)
def test_who_may(permission, allowed):
    assert {role for role in ROLES if permission in permissions_of(role)} == allowed


def test_making_them_again_restores_them_and_leaves_people_and_other_groups_alone():
    person = make_person(superuser=False)
    person.groups.add(Group.objects.get(name=VIEWER))
    Group.objects.get(name=VIEWER).permissions.add(Permission.objects.get(codename="delete_cohort"))
    Group.objects.get(name=ANALYST).permissions.clear()
    extra = Group.objects.create(name="Deletes")
    extra.permissions.add(Permission.objects.get(codename="delete_cohort"))
    make_roles()
    assert person.groups.get().name == VIEWER
    assert "cohorts.delete_cohort" not in permissions_of(VIEWER)
    assert "cohorts.change_cohort" in permissions_of(ANALYST)
    assert permissions_of("Deletes") == {"cohorts.delete_cohort"}
