"""The look-up's pages: what their addresses mean, what they show, who may see them."""

from __future__ import annotations

import csv
import io
import json
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from ingest.columns import open_columns
from ingest.models import Segment
from tests.factories import NOON, ON_PRO, make_company, make_event, make_person, make_user, name_customer

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script> {{7*7}} \u202egnp"


@pytest.fixture
def web(client):
    client.force_login(make_person())
    return client


@pytest.fixture
def people():
    ada = make_user("ada", metadata={"plan": "pro", "email": "ada@x.test"}, company=make_company("acme"))
    make_user("bob", metadata={"plan": "free"})
    make_event(ada)
    open_columns().seal(NOON)


def as_role(client, role):
    person = make_person(staff=False, superuser=False)
    person.groups.add(Group.objects.get(name=role))
    client.force_login(person)
    return client


def query(criteria=None, **others):
    return urlencode({**({"criteria": json.dumps(criteria)} if criteria else {}), **others}, doseq=True)


def results(client, criteria=None, **others):
    return client.get(f"/users/results/?{query(criteria, **others)}")


def ids(response):
    return [row["id"] for row in response.context["rows"]]


def test_the_page_counts_by_itself_and_keeps_what_the_address_asks_for(web, people):
    page = web.get(f"/users/?{query(ON_PRO, sort='email', page=1)}")
    assert page.status_code == 200
    [loads] = [line for line in page.content.decode().splitlines() if 'hx-trigger="load"' in line]
    for part in ("/users/results/?", "metadata.plan", "sort=email"):
        assert part in loads


def test_results_count_and_list_who_matches(web, people):
    text = results(web, ON_PRO).content.decode()
    assert '<span class="lookup-number">1</span> user found <span class="lookup-of">of 2</span>' in text
    assert "ada@x.test" in text
    assert 'href="/customers/user/ada/"' in text
    assert 'href="/customers/company/acme/"' in text
    assert "bob" not in text


def test_the_address_bar_gets_the_shortest_link_that_reproduces_the_look_up(web, people):
    assert results(web).headers["HX-Replace-Url"] == "/users/"
    usual = results(web, ON_PRO, time_zone="UTC", week_starts_on="1", sort="-last_seen_time", page="1")
    compact = urlencode({"criteria": json.dumps(ON_PRO, separators=(",", ":"))})
    assert usual.headers["HX-Replace-Url"] == f"/users/?{compact}"
    other = results(web, time_zone="Europe/Berlin", columns=["", "metadata.plan"], sort="metadata.plan", page="2")
    expected = query(time_zone="Europe/Berlin", columns=["metadata.plan"], sort="metadata.plan", page="2")
    assert other.headers["HX-Replace-Url"] == f"/users/?{expected}"


def test_a_link_for_sorting_or_paging_answers_the_results_alone(web, people):
    boosted = web.get("/users/?sort=user_id", headers={"HX-Boosted": "true"})
    assert "<html" not in boosted.content.decode()
    assert ids(boosted) == ["ada", "bob"]
    assert "HX-Boosted" in boosted.headers["Vary"]
    assert "HX-Replace-Url" not in boosted.headers


def test_every_column_shown_can_be_sorted_by(web, people):
    shown = results(web)
    columns = ["user_id", *(column.name for column in shown.context["asked"].columns)]
    assert columns == ["user_id", "email", "name", "company_id", "first_seen_time", "last_seen_time", "created"]
    for column in columns:
        for sort in (column, f"-{column}"):
            assert sorted(ids(results(web, sort=sort))) == ["ada", "bob"]
            assert f"sort={'-' if sort == column else ''}{column}" in results(web, sort=sort).content.decode()


@pytest.mark.parametrize("sort", ["metadata.plan", "nonsense", "--email", "customer; DROP TABLE x"])
def test_an_order_that_no_shown_column_has_is_not_followed(web, people, sort):
    assert results(web, sort=sort).context["asked"].sort == "-last_seen_time"


def test_columns_are_chosen_and_what_is_no_field_is_left_out(web, people):
    shown = results(web, columns=["", "metadata.plan", "metadata.plan", "nonsense", "user_id"])
    assert [column.name for column in shown.context["asked"].columns] == ["metadata.plan"]
    assert "free" in shown.content.decode()
    assert results(web, columns=[""]).context["asked"].columns == []


def test_the_column_chooser_ticks_what_is_shown_and_offers_what_was_seen(web, people):
    text = web.get(f"/users/columns/?{query(columns=['email', 'metadata.gone'])}").content.decode()
    ticked = [line.split('value="')[1].split('"')[0] for line in text.split("<label") if " checked" in line]
    assert ticked == ["email", "metadata.gone"]
    assert 'value="metadata.plan"' in text
    assert 'value="last_seen_time"' in text


def test_pages_of_fifty_are_cut_without_losing_anybody(web):
    for number in range(55):
        make_user(f"user{number:02}")
    open_columns().seal(NOON)
    first, second = results(web, sort="user_id"), results(web, sort="user_id", page="2")
    assert ids(first) + ids(second) == [f"user{number:02}" for number in range(55)]
    assert "51–55 of 55 users" in second.content.decode()
    beyond = results(web, page="9")
    assert "The list ends before this page" in beyond.content.decode()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"criteria": "{"}, "not JSON"),
        ({"criteria": '{"version":1,"match":{"field":"email","op":"resembles","value":"a"}}'}, "match.op"),
        ({"time_zone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"week_starts_on": "9"}, "day of the week"),
    ],
)
def test_a_wrong_address_is_explained_and_left_as_it_is(web, people, given, said):
    answer = web.get(f"/users/results/?{urlencode(given)}")
    assert answer.status_code == 200
    assert "These criteria cannot be looked up" in answer.content.decode()
    assert said in answer.content.decode()
    assert "HX-Replace-Url" not in answer.headers
    assert web.get(f"/users/?{urlencode(given)}").status_code == 200
    assert web.get(f"/users/export/?{urlencode(given)}").status_code == 400


def test_damaged_columns_are_told_with_what_to_do(web, people):
    Segment.objects.all().delete()
    text = results(web).content.decode()
    assert "The columns are damaged" in text
    assert "manage.py rebuild_columns" in text
    export = web.get("/users/export/")
    assert export.status_code == 503
    assert "The columns are damaged" in export.content.decode()


def test_nobody_matching_nobody_there_and_nobody_yet_are_told_apart(web):
    assert "No customers yet" in results(web).content.decode()
    name_customer("user", "waiting")
    assert "They are being taken in" in results(web).content.decode()
    make_user("bob")
    open_columns().seal(NOON)
    assert "Nobody matches right now" in results(web, ON_PRO).content.decode()


def test_hostile_values_are_shown_harmless_and_cut(web):
    name = HOSTILE + "x" * 5_000
    make_user(f"{HOSTILE}/?#", metadata={"name": name, HOSTILE: name}, company=make_company(HOSTILE))
    open_columns().seal(NOON)
    answer = results(web, columns=["name", "company_id", f"metadata.{HOSTILE}"])
    text = answer.content.decode()
    assert "<script>alert" not in text
    assert "{{7*7}}" in text
    assert "\u202e" not in text
    assert len(text) < 20_000
    assert "<script>alert" not in web.get(f"/users/columns/?{query(columns=[f'metadata.{HOSTILE}'])}").content.decode()
    assert "<script>alert" not in web.get(f"/users/?{query(columns=[f'metadata.{HOSTILE}'])}").content.decode()


def test_the_export_holds_everybody_who_matches_in_the_chosen_columns(web, people):
    answer = web.get(f"/users/export/?{query(ON_PRO, columns=['email', 'metadata.plan'])}")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="users-{timezone.now():%Y-%m-%d}.csv"'
    assert answer.streaming
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert rows == [["user_id", "email", "metadata.plan"], ["ada", "ada@x.test", "pro"]]


def test_companies_have_the_same_pages(web, people):
    shown = web.get("/companies/results/")
    assert ids(shown) == ["acme"]
    assert shown.headers["HX-Replace-Url"] == "/companies/"
    assert web.get("/companies/").status_code == web.get("/companies/columns/").status_code == 200
    assert "companies-" in web.get("/companies/export/").headers["Content-Disposition"]


def test_recipes_are_offered_as_long_as_there_are_no_criteria(web, people):
    assert "Went quiet for 7 days" in results(web).content.decode()
    assert "Went quiet for 7 days" not in results(web, ON_PRO).content.decode()


@pytest.mark.parametrize("address", ["/users/", "/users/results/", "/users/columns/", "/users/export/"])
def test_only_those_who_may_see_customers_get_in(client, address):
    assert client.get(address).status_code == 302
    client.force_login(make_person(staff=False, superuser=False))
    assert client.get(address).status_code == 403
    assert as_role(client, "Viewer").get(address).status_code == 200


@pytest.mark.parametrize(("role", "sees"), [("Viewer", False), ("Analyst", True)])
def test_the_save_button_is_there_for_those_who_may_save(client, people, role, sees):
    as_role(client, role)
    for answer in (client.get("/users/"), results(client, ON_PRO)):
        assert ("Save cohort" in answer.content.decode()) == sees


def test_saving_is_offered_once_there_are_valid_criteria(web, people):
    def button(answer):
        return answer.content.decode().partition("Save cohort</span>")[0].rpartition("<button")[2]

    assert "disabled" in button(results(web))
    assert "Set criteria to save them" in results(web).content.decode()
    assert "Mend the criteria" in web.get("/users/results/?criteria={").content.decode()
    assert "disabled" not in button(results(web, ON_PRO))
    assert "/users/cohorts/new/" in button(results(web, ON_PRO))


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_queries_does_not_grow_with_the_rows(web, django_assert_max_num_queries, count):
    for number in range(count):
        make_user(f"user{number}", company=make_company(f"company{number}"))
    open_columns().seal(NOON)
    results(web)
    with django_assert_max_num_queries(8):
        assert len(ids(results(web))) == count


@pytest.mark.parametrize(
    "odd",
    [
        {"criteria": '{"version":1,"match":{"field":"email","op":"is","value":"\\ud800"}}'},
        {"criteria": '{"version":1,"match":{"field":"email","op":"is","value":"\\u0000"}}'},
        {"criteria": "[" * 100_000},
        {"criteria": "null"},
        {"criteria": '{"version":1,"match":NaN}'},
        {"columns": "metadata.\0", "sort": "metadata.\0"},
        {"columns": "metadata.'; --", "sort": "-metadata.'; --"},
        {"columns": "metadata.a.b..c", "sort": "metadata.a.b..c"},
        {"columns": [f"metadata.{number}" for number in range(100)], "sort": "metadata.99"},
        {"page": "99999999999"},
        {"page": "9999"},
        {"page": "-1"},
        {"week_starts_on": "x"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": "UTC\0"},
    ],
)
def test_an_odd_address_is_answered(web, people, odd):
    given = urlencode(odd, doseq=True)
    for address in ("/users/", "/users/results/", "/users/columns/", "/users/cohorts/new/"):
        assert web.get(f"{address}?{given}").status_code == 200
    export = web.get(f"/users/export/?{given}")
    assert export.status_code in (200, 400)
    if export.streaming:
        assert b"user_id" in b"".join(export.streaming_content)
