"""The recipes ask what their titles say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.template.loader import render_to_string

from cohorts.criteria import parse
from cohorts.customer_rows import read_rows
from cohorts.evaluation import clock_at
from cohorts.lookup import Order, look_up
from cohorts.recipes import RECIPES, recipes_for
from ingest.columns import open_columns
from ingest.models import CustomerKind
from tests.factories import NOON, make_company, make_event, make_user

BY_KEY = {recipe.key: recipe for recipe in RECIPES}
CASES = [(kind, offer.recipe.key) for kind in CustomerKind for offer in recipes_for(kind)]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def calls(customer, count, ago, **fields):
    owner = {"user": customer} if customer.kind == "user" else {"company": customer}
    for _ in range(count):
        make_event(**owner, time=NOON - ago, **fields)


def set_the_scene(kind, key):
    """Somebody who matches, `wanted`, and others who nearly do."""
    make = make_user if kind == CustomerKind.USER else make_company
    bad, good = {"response": {"status": 400}}, {"response": {"status": 200}}
    if key == "first-call-today":
        wanted, older = make("wanted", NOON - 3 * DAY), make("older")
        calls(wanted, 1, 2 * DAY, type="action")
        calls(wanted, 1, HOUR)
        calls(older, 1, 2 * DAY)
        calls(older, 1, HOUR)
        calls(make("acts only"), 1, HOUR, type="action")
    elif key == "first-call-today-400":
        calls(make("wanted"), 1, HOUR, **bad)
        calls(make("no fault"), 1, HOUR, **good)
        older = make("older")
        calls(older, 1, 2 * DAY, **good)
        calls(older, 1, HOUR, **bad)
    elif key == "never-called":
        make("wanted", NOON - 10 * DAY)
        make("too new", NOON - 2 * DAY)
        make("long gone", NOON - 40 * DAY)
        calls(make("called", NOON - 10 * DAY), 1, 9 * DAY)
    elif key == "went-quiet":
        calls(make("wanted"), 10, 8 * DAY)
        calls(make("few"), 9, 8 * DAY)
        back = make("back")
        calls(back, 10, 8 * DAY)
        calls(back, 1, HOUR)
    elif key == "error-rate":
        wanted, fifth, few = make("wanted"), make("a fifth"), make("few")
        for customer, failed, worked in ((wanted, 5, 16), (fifth, 4, 16), (few, 10, 9)):
            calls(customer, failed, HOUR, **bad)
            calls(customer, worked, HOUR, **good)
    elif key == "heavy-on-free":
        make_event(**{kind.value: make("wanted", metadata={"plan": "free"})}, weight=1000, time=NOON - HOUR)
        make_event(**{kind.value: make("pays", metadata={"plan": "pro"})}, weight=1000, time=NOON - HOUR)
        make_event(**{kind.value: make("light", metadata={"plan": "free"})}, weight=999, time=NOON - HOUR)


@pytest.mark.django_db
@pytest.mark.parametrize(("kind", "key"), CASES)
def test_a_recipe_finds_whom_its_title_names(kind, key):
    set_the_scene(kind, key)
    open_columns().seal(NOON)
    criteria = parse(BY_KEY[key].document, kind)
    found = look_up(criteria, kind, clock_at(NOON, "UTC", 1), Order(f"{kind.value}_id"))
    assert found.of > 1
    assert [row.customer.external_id for row in read_rows(found.facts)] == ["wanted"]


@pytest.mark.parametrize("kind", CustomerKind)
def test_every_recipe_is_shown_and_opens_the_look_up_with_its_criteria(kind, client):
    text = render_to_string("cohorts/recipes.html", {"recipes": recipes_for(kind)})
    for offer in recipes_for(kind):
        assert offer.recipe.title in text
        assert offer.address in text.replace("&amp;", "&")
    assert len(recipes_for(kind)) == len(RECIPES) == 6


@pytest.mark.django_db
@pytest.mark.parametrize(("kind", "key"), CASES)
def test_the_address_of_a_recipe_holds_its_criteria(kind, key, admin_client):
    [address] = [offer.address for offer in recipes_for(kind) if offer.recipe.key == key]
    page = admin_client.get(address)
    assert page.context["asked"].criteria.document == BY_KEY[key].document
