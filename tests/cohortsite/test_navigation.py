from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.template.loader import render_to_string
from django.urls import resolve

from cohortsite.navigation import navigation
from cohortsite.roles import ROLES, VIEWER
from tests.factories import make_person

pytestmark = pytest.mark.django_db


def request_of(rf, person, address="/"):
    request = rf.get(address)
    request.user = person
    request.resolver_match = resolve(address)
    return request


def person_of(role):
    person = make_person(staff=False, superuser=False)
    person.groups.add(Group.objects.get(name=role))
    return person


def addresses(request):
    return [entry["href"] for section in navigation(request)["sections"]() for entry in section["entries"]]


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_leads_to_a_page_that_the_role_may_open(rf, client, role):
    person = person_of(role)
    client.force_login(person)
    for address in addresses(request_of(rf, person)):
        assert client.get(address)["Content-Type"].startswith("text/html"), address
        assert client.get(address).status_code == 200, address


def test_people_without_a_role_are_shown_nothing_of_customers(rf):
    assert addresses(request_of(rf, make_person(staff=False, superuser=False))) == ["/"]
    assert addresses(request_of(rf, AnonymousUser())) == ["/"]


def test_only_staff_see_the_administration(rf):
    assert "/admin/" in addresses(request_of(rf, make_person()))
    assert "/admin/" not in addresses(request_of(rf, person_of(VIEWER)))


def test_a_page_below_an_entry_lights_it_up(rf):
    request = request_of(rf, person_of(VIEWER), "/login/")
    sidebar = render_to_string("components/sidebar.html", {"place": "home"}, request)
    assert sidebar.count('aria-current="true"') == 1
    assert 'aria-current="page"' not in sidebar
