"""Who may open and do what: every address by role."""

from __future__ import annotations

import re

import pytest
from django.db import transaction
from django.urls import reverse

from cohortsite.roles import ADMINISTRATOR, ROLES
from tests.cohortsite.permissions.addresses import addresses, arguments_of
from tests.cohortsite.permissions.rules import ANONYMOUS, ANYBODY, EVERYBODY, NO_ROLE, NOBODY, RANKS, RULES, may

pytestmark = pytest.mark.django_db


def test_every_address_of_a_page_stands_in_the_matrix_and_nothing_else():
    assert set(addresses()) == set(RULES), "complete tests/cohortsite/permissions/rules.py"


@pytest.mark.parametrize("name", RULES)
def test_the_matrix_holds(client_as, world, name):
    address = reverse(name, kwargs=arguments_of(name, world))
    for method in ("GET", "POST"):
        for role in EVERYBODY:
            client = client_as(role)
            with transaction.atomic():
                answer = getattr(client, method.lower())(address)
                transaction.set_rollback(True)
            assert is_as_ruled(answer, role, method, name), f"{role} {method} {address}: {answer.status_code}"


def is_as_ruled(answer, role: str, method: str, name: str) -> bool:
    """Whether the role was answered as RULES have it."""
    least = RULES[name][method == "POST"]
    if role == ANONYMOUS and least != ANYBODY:
        return is_shown_the_door(answer) or (ANYBODY in RULES[name] and answer.status_code == 405)
    if least == NOBODY:
        return answer.status_code == 405 or (answer.status_code == 403 and role != ADMINISTRATOR)
    if not may(role, method, name):
        return answer.status_code == 403
    is_open = least == ANYBODY or not is_shown_the_door(answer)
    return answer.status_code in (200, 204, 302, 400, 409, 422) and is_open


def is_shown_the_door(answer) -> bool:
    return answer.status_code in (401, 403) or (answer.status_code == 302 and answer["Location"].startswith("/login/"))


@pytest.mark.parametrize("role", [NO_ROLE, *ROLES[:-1]])
def test_people_who_are_not_staff_get_into_neither_admin_nor_api(client_as, role):
    assert client_as(role).get("/admin/").status_code == 302
    for address in ("/api/cohorts/", "/api/customers/", "/api/channels/", "/api/subscriptions/", "/api/deliveries/"):
        assert client_as(role).get(address).status_code == 403, address


def test_every_rule_names_a_role_or_one_of_the_words():
    assert {least for rule in RULES.values() for least in rule} <= set(RANKS)
    assert re.fullmatch("[a-z_ A-Z,]+", ", ".join(RULES))
