"""The endpoints of the criteria builder."""

from __future__ import annotations

import json

import pytest
from django.conf import settings as site
from django.test import Client

from ingest.columns import open_columns
from tests.cohorts.builder.forms import inputs_of, of
from tests.factories import NOON, make_person, make_user

pytestmark = pytest.mark.django_db
GOOD = {"field": "email", "op": "is", "value": "a@acme.test"}


@pytest.fixture
def person():
    client = Client()
    client.force_login(make_person())
    return client


def post(person, inputs, address="/builder/user/", **others):
    changed = [(name, others.pop(name) if name in others else value) for name, value in inputs]
    data: dict[str, list[str]] = {}
    for name, value in [*changed, *others.items()]:
        data.setdefault(name, []).append(value)
    return person.post(address, data)


def events(response):
    return json.loads(response["HX-Trigger-After-Swap"])


def test_typing_answers_what_follows_from_it_and_not_the_inputs(person):
    response = post(person, inputs_of(of(GOOD)), "/builder/user/?typed=1", **{"match.value": "b@acme.test"})
    assert "email is b@acme.test" in response.content.decode()
    assert 'name="match.value"' not in response.content.decode()
    assert "definition-changed" in events(response)


def test_choosing_answers_the_rows_anew(person):
    response = post(person, inputs_of(of(GOOD)), **{"match.op": "contains"})
    assert 'name="match.value"' in response.content.decode()
    assert "email contains a@acme.test" in response.content.decode()


def test_an_answer_that_changes_nothing_says_so(person):
    assert "definition-changed" not in events(post(person, inputs_of(of(GOOD))))


def test_a_fault_is_told_with_its_place_and_changes_nothing(person):
    told = events(post(person, inputs_of(of(GOOD)), "/builder/user/?typed=1", **{"match.value": ""}))
    assert told == {"builder-fault": {"id": "b-match-value", "text": "Fill this in.", "open": True}}


def test_a_button_edits_and_tells_where_to_go_on(person):
    response = post(person, inputs_of(of(GOOD)), edit="add match field")
    assert events(response)["builder-go-on"] == {"id": "b-match-all-1"}
    assert 'name="match.all[1].field:field"' in response.content.decode()


def test_the_last_row_removed_leaves_everybody(person):
    response = post(person, inputs_of(of(GOOD)), edit="remove match")
    assert "everybody" in response.content.decode()
    assert "definition-changed" in events(response)


def test_an_edit_that_does_not_fit_changes_nothing(person):
    response = post(person, inputs_of(of(GOOD)), edit="remove match.all[4]")
    assert response.status_code == 200
    assert "definition-changed" not in events(response)


def test_a_form_that_is_too_large_is_refused_in_words(person):
    many = [(f"match.all[{number}].field:field", "email") for number in range(site.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)]
    response = post(person, many)
    assert response.status_code == 204
    assert "too large" in json.loads(response["HX-Trigger"])["toast"]["text"]
    response = post(person, [("match:json", "x" * site.DATA_UPLOAD_MAX_MEMORY_SIZE)])
    assert "too large" in json.loads(response["HX-Trigger"])["toast"]["text"]


def test_the_largest_definition_fits_into_a_form(person):
    values = [f"{number}@acme.test" for number in range(8)]
    match = {"all": [{"field": "metadata.email", "op": "is", "value": values} for _ in range(100)]}
    response = post(person, inputs_of(of(match)), edit="negate match.all[0]")
    assert response.status_code == 200
    assert "definition-changed" in events(response)


def test_pickers_answer_options(person):
    make_user("u1", NOON, metadata={"plan": "<script>alert(1)</script>"})
    open_columns().seal(NOON)
    fields = person.get("/builder/user/fields/?of=customer&q=plan").content.decode()
    assert 'data-value="metadata.plan"' in fields
    values = person.get("/builder/user/values/?of=customer&field=metadata.plan").content.decode()
    assert 'data-value="&lt;script&gt;alert(1)&lt;/script&gt;"' in values
    assert "<script>" not in values


@pytest.mark.parametrize("address", ["/builder/nobody/fields/", "/builder/nobody/values/", "/builder/users/fields/"])
def test_other_kinds_of_customers_do_not_exist(person, address):
    assert person.get(address).status_code == 404


def test_nobody_gets_in_without_logging_in():
    assert Client().post("/builder/user/").status_code == 302
    assert Client().get("/builder/user/fields/").status_code == 302
