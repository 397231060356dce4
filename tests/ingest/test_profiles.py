"""What is said of customers, as chains of versions, in whatever order it arrives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from ingest.models import Customer, CustomerVersion, SealQueue
from ingest.parse import parse_company, parse_user
from ingest.profiles import merge
from ingest.record import Recorded, record

START = datetime(2026, 3, 2, tzinfo=UTC)


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


def say(hour: int, **values) -> Recorded:
    return record([parse_user({"user_id": "u", **values}, at(hour))])


def versions(external_id: str = "u") -> list[tuple[int, dict, str | None]]:
    """(hour, profile, company) of each version, in order."""
    rows = CustomerVersion.objects.filter(customer__external_id=external_id).order_by("received_at", "id")
    return [
        ((row.received_at - START) // timedelta(hours=1), row.profile, row.company and row.company.external_id)
        for row in rows
    ]


@pytest.mark.parametrize(
    ("profile", "patch", "merged"),
    [
        ({}, {"metadata": {"a": 1}}, {"metadata": {"a": 1}}),
        ({"metadata": {"a": 1}}, {"metadata": {"b": 2}}, {"metadata": {"a": 1, "b": 2}}),
        ({"metadata": {"a": {"x": 1}}}, {"metadata": {"a": {"y": 2}}}, {"metadata": {"a": {"x": 1, "y": 2}}}),
        ({"metadata": {"a": {"x": 1}}}, {"metadata": {"a": 5}}, {"metadata": {"a": 5}}),
        ({"metadata": {"a": 5}}, {"metadata": {"a": {"x": 1}}}, {"metadata": {"a": {"x": 1}}}),
        ({"metadata": {"a": [1, 2]}}, {"metadata": {"a": [3]}}, {"metadata": {"a": [3]}}),
        ({"ip_address": "1"}, {"ip_address": "2"}, {"ip_address": "2"}),
        ({"campaign": {"utm_source": "a"}}, {"campaign": {"utm_source": "b", "gclid": "g"}},
         {"campaign": {"utm_source": "a", "gclid": "g"}}),
        ({"metadata": {"a": 1}}, {"company_id": "c"}, {"metadata": {"a": 1}}),
    ],
)  # fmt: skip
def test_objects_merge_all_else_replaces_and_campaigns_keep_their_first_values(profile, patch, merged):
    before = repr((profile, patch))
    assert merge(profile, patch) == merged
    assert repr((profile, patch)) == before


@pytest.mark.django_db
def test_each_update_makes_a_version_with_the_profile_that_holds_from_then():
    say(1, metadata={"plan": "free"}, company_id="c1")
    say(2, metadata={"seats": 3})
    say(3, metadata={"plan": "pro"}, company_id="c2")
    assert versions() == [
        (1, {"metadata": {"plan": "free"}}, "c1"),
        (2, {"metadata": {"plan": "free", "seats": 3}}, "c1"),
        (3, {"metadata": {"plan": "pro", "seats": 3}}, "c2"),
    ]
    user = Customer.objects.get(external_id="u")
    assert (user.profile, user.company.external_id) == ({"metadata": {"plan": "pro", "seats": 3}}, "c2")


@pytest.mark.django_db
def test_an_update_that_arrives_late_takes_its_place_and_later_versions_are_merged_again():
    say(1, metadata={"plan": "free", "a": 1}, company_id="c1")
    say(5, metadata={"plan": "pro"})
    say(7, metadata={"b": 1}, company_id="c7")
    SealQueue.objects.all().delete()
    say(3, metadata={"plan": "trial", "a": 3}, company_id="c3")
    assert versions() == [
        (1, {"metadata": {"plan": "free", "a": 1}}, "c1"),
        (3, {"metadata": {"plan": "trial", "a": 3}}, "c3"),
        (5, {"metadata": {"plan": "pro", "a": 3}}, "c3"),
        (7, {"metadata": {"plan": "pro", "a": 3, "b": 1}}, "c7"),
    ]
    assert Customer.objects.get(external_id="u").profile == {"metadata": {"plan": "pro", "a": 3, "b": 1}}
    # The new version, and those whose profile or company is another one now, are sealed (again).
    queued = SealQueue.objects.filter(source="version").values_list("row", flat=True)
    changed = CustomerVersion.objects.filter(customer__external_id="u", received_at__gte=at(3)).values_list(
        "id", flat=True
    )
    of_c3 = CustomerVersion.objects.filter(customer__external_id="c3").values_list("id", flat=True)
    assert sorted(queued) == sorted([*changed, *of_c3])


@pytest.mark.django_db
def test_a_late_update_that_changes_nothing_later_leaves_later_versions_alone():
    say(5, metadata={"plan": "pro"})
    SealQueue.objects.all().delete()
    say(3, metadata={"plan": "free"})
    assert versions() == [(3, {"metadata": {"plan": "free"}}, None), (5, {"metadata": {"plan": "pro"}}, None)]
    assert SealQueue.objects.filter(source="version").count() == 1
    assert Customer.objects.get().profile == {"metadata": {"plan": "pro"}}


@pytest.mark.django_db
def test_the_first_campaign_is_the_one_received_first_however_late_it_arrives():
    say(5, campaign={"utm_source": "later", "gclid": "g"})
    say(3, campaign={"utm_source": "first"})
    assert Customer.objects.get().profile == {"campaign": {"utm_source": "first", "gclid": "g"}}


@pytest.mark.django_db
def test_updates_of_the_same_instant_hold_in_the_order_they_came(now):
    record([parse_user({"user_id": "u", "metadata": {"n": n}}, now) for n in range(5)])
    record([parse_user({"user_id": "u", "metadata": {"n": 9}}, now)])
    chain = CustomerVersion.objects.order_by("received_at", "id")
    assert [version.profile["metadata"]["n"] for version in chain] == [0, 1, 2, 3, 4, 9]
    assert Customer.objects.get().profile == {"metadata": {"n": 9}}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("one", "other", "accepted"),
    [
        ({"metadata": {"a": 1}}, {"metadata": {"a": 1, "gone": None}}, 0),
        ({"metadata": {"a": 1, "b": 2}}, {"metadata": {"b": 2, "a": 1}}, 0),
        ({"metadata": {"a": 1e22, "b": 0.1, "c": 1e-7}}, {"metadata": {"a": 1e22, "b": 0.1, "c": 1e-7}}, 0),
        ({"metadata": {"a": 1}}, {"metadata": {"a": True}}, 1),
        ({"metadata": {"a": [1]}}, {"metadata": {"a": [True]}}, 1),
        ({"metadata": {"a": 1}}, {"metadata": {"a": "1"}}, 1),
        ({}, {"company_id": "c"}, 1),
        ({"company_id": "c"}, {"company_id": "d"}, 1),
        ({}, {"session_token": "s"}, 1),
    ],
)
def test_only_an_identical_update_of_the_same_instant_is_a_duplicate(one, other, accepted):
    assert say(1, **one) == Recorded(1, 0)
    assert say(1, **other) == Recorded(accepted, 1 - accepted)
    assert say(2, **one) == Recorded(1, 0)


@pytest.mark.django_db
def test_naming_a_company_makes_it_exist_from_then_and_says_nothing_of_it():
    say(4, company_id="c")
    assert versions("c") == [(4, {}, None)]
    say(6, company_id="c")
    assert versions("c") == [(4, {}, None)]
    say(2, company_id="c")
    assert versions("c") == [(2, {}, None), (4, {}, None)]


@pytest.mark.django_db
def test_a_company_named_late_does_not_lose_its_profile():
    record([parse_company({"company_id": "c", "metadata": {"plan": "pro"}}, at(5))])
    say(3, company_id="c")
    assert versions("c") == [(3, {}, None), (5, {"metadata": {"plan": "pro"}}, None)]
    assert Customer.objects.get(external_id="c").profile == {"metadata": {"plan": "pro"}}


@pytest.mark.django_db
def test_a_company_described_and_named_at_once_has_one_version(now):
    user, company = {"user_id": "u", "company_id": "c"}, {"company_id": "c", "metadata": {"plan": "pro"}}
    record([parse_user(user, now), parse_company(company, now)])
    assert [profile for _, profile, _ in versions("c")] == [{"metadata": {"plan": "pro"}}]


@pytest.mark.django_db
def test_many_customers_at_once(now):
    record(
        [parse_user({"user_id": f"u{n}", "company_id": f"c{n % 3}", "metadata": {"n": n}}, now) for n in range(1300)]
    )
    assert CustomerVersion.objects.count() == 1303
    assert all(
        user.profile == {"metadata": {"n": int(user.external_id[1:])}} for user in Customer.objects.filter(kind="user")
    )


VALUES = st.sampled_from([1, 2, True, "x", [1], {"deep": 1}, {"deeper": {"x": 2}}])
UPDATES = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.fixed_dictionaries(
            {},
            optional={
                "metadata": st.dictionaries(st.sampled_from("ab"), VALUES, max_size=2),
                "campaign": st.dictionaries(
                    st.sampled_from(["utm_source", "gclid"]), st.sampled_from("xy"), max_size=2
                ),
                "company_id": st.sampled_from("cd"),
            },
        ),
    ),
    max_size=8,
)


def plainly(updates: list[tuple[int, dict]]) -> list[tuple[int, dict, str | None]]:
    """The chain by the rules alone: in order of receipt, identical ones of an instant once."""
    chain: list[tuple[int, dict, str | None]] = []
    seen: list[str] = []
    profile, company = {}, None
    for hour, values in sorted(updates, key=lambda update: update[0]):
        given_values = {name: value for name, value in values.items() if not (name == "campaign" and not value)}
        mark = repr(
            (hour, sorted((name, sorted(v.items()) if isinstance(v, dict) else v) for name, v in given_values.items()))
        )
        if mark in seen:
            continue
        seen.append(mark)
        profile, company = merge(profile, given_values), given_values.get("company_id", company)
        chain.append((hour, profile, company))
    return chain


class Chains(TestCase):
    @settings(max_examples=60, deadline=None)
    @given(UPDATES, st.integers(1, 4))
    def test_any_order_of_arrival_gives_the_same_chain(self, updates, size):
        for start in range(0, len(updates), size):
            items = updates[start : start + size]
            record([parse_user({"user_id": "u", **values}, at(hour)) for hour, values in items])
        chain = plainly(updates)
        assert versions() == chain
        if chain:
            user = Customer.objects.get(kind="user")
            assert (user.profile, user.company and user.company.external_id) == chain[-1][1:]
        for company in Customer.objects.filter(kind="company"):
            first = min(hour for hour, values in updates if values.get("company_id") == company.external_id)
            assert versions(company.external_id)[0] == (first, {}, None)
