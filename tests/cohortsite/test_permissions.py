"""Who may open and do what: a matrix of every address by role, and pages that offer nobody what is refused to them.

A new page needs a line in RULES; a parameter that is new to addresses needs one in `arguments_of`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client
from django.urls import Resolver404, URLPattern, get_resolver, resolve, reverse
from django.utils import timezone

from cohorts.backtest.run import advance, start_backtest
from cohortsite.roles import ADMINISTRATOR, ANALYST, OPERATOR, ROLES, VIEWER
from ingest.columns import open_columns
from ingest.models import CustomerKind
from notifications.channels.charts import chart_url, freeze
from notifications.channels.email import WayOut, unsubscribe_url
from notifications.message import encode
from notifications.suppression import suppress
from tests.factories import (
    NOON,
    make_attempt,
    make_batch,
    make_change,
    make_channel,
    make_cohort,
    make_company,
    make_delivery,
    make_evaluation,
    make_event,
    make_hold,
    make_membership,
    make_person,
    make_subscription,
    make_told,
    make_user,
)
from tests.notifications.alerts.rows import make_alert, make_maintenance, make_rule
from tests.notifications.messages import alerts

pytestmark = pytest.mark.django_db

ANYBODY, PEOPLE, NOBODY = "anybody", "people", "nobody"
"""Also without a session; everybody with one; no one, for the address does not know the method."""
ANONYMOUS, NO_ROLE = "anonymous", "no role"
RANKS = {ANYBODY: 0, ANONYMOUS: 0, PEOPLE: 1, NO_ROLE: 1, **{role: rank for rank, role in enumerate(ROLES, 2)}}
RANKS[NOBODY] = len(RANKS)
EVERYBODY = (ANONYMOUS, NO_ROLE, *ROLES)

RULES: dict[str, tuple[str, str]] = {
    # the site
    "home": (PEOPLE, NOBODY),
    "login": (ANYBODY, ANYBODY),
    "logout": (NOBODY, ANYBODY),
    "first_event": (VIEWER, NOBODY),
    "create_sender_key": (NOBODY, ADMINISTRATOR),
    # criteria
    "builder": (NOBODY, VIEWER),
    "builder_fields": (VIEWER, NOBODY),
    "builder_values": (VIEWER, NOBODY),
    # look-up
    "user_lookup": (VIEWER, VIEWER),
    "user_lookup_results": (VIEWER, VIEWER),
    "user_lookup_columns": (VIEWER, VIEWER),
    "user_lookup_export": (VIEWER, VIEWER),
    "user_cohort_new": (ANALYST, ANALYST),
    "company_lookup": (VIEWER, VIEWER),
    "company_lookup_results": (VIEWER, VIEWER),
    "company_lookup_columns": (VIEWER, VIEWER),
    "company_lookup_export": (VIEWER, VIEWER),
    "company_cohort_new": (ANALYST, ANALYST),
    "user_list_new": (ANALYST, ANALYST),
    "company_list_new": (ANALYST, ANALYST),
    "edit_list": (ANALYST, ANALYST),
    "preview_list": (NOBODY, ANALYST),
    "remove_from_list": (NOBODY, ANALYST),
    "cohort_members_export": (VIEWER, VIEWER),
    "cohort_changes_export": (VIEWER, VIEWER),
    "user_backtest_new": (VIEWER, VIEWER),
    "company_backtest_new": (VIEWER, VIEWER),
    "cohort_backtest": (VIEWER, VIEWER),
    "backtest": (VIEWER, NOBODY),
    "backtest_results": (VIEWER, NOBODY),
    "cancel_backtest": (NOBODY, VIEWER),
    "backtest_who": (VIEWER, NOBODY),
    # cohorts
    "user_cohorts": (VIEWER, VIEWER),
    "company_cohorts": (VIEWER, VIEWER),
    "cohort": (VIEWER, VIEWER),
    "cohort_history": (VIEWER, VIEWER),
    "cohort_outlook": (VIEWER, VIEWER),
    "cohort_changes": (VIEWER, VIEWER),
    "cohort_evaluations": (VIEWER, VIEWER),
    "cohort_notifications": (VIEWER, VIEWER),
    "cohort_recipe": (VIEWER, VIEWER),
    "cohort_edit": (ANALYST, ANALYST),
    "cohort_impact": (NOBODY, ANALYST),
    "cohort_details": (ANALYST, ANALYST),
    "pause_cohort": (NOBODY, ANALYST),
    "resume_cohort": (NOBODY, ANALYST),
    "evaluate_cohort": (NOBODY, ANALYST),
    "duplicate_cohort": (ANALYST, ANALYST),
    "delete_cohort": (ANALYST, ANALYST),
    # customers
    "customer": (VIEWER, NOBODY),
    "customer_activity": (VIEWER, NOBODY),
    "customer_outlook": (VIEWER, NOBODY),
    "customer_timeline": (VIEWER, NOBODY),
    "event": (VIEWER, NOBODY),
    "erase_customer": (ADMINISTRATOR, ADMINISTRATOR),
    # notifications
    "cohort_subscriptions": (VIEWER, VIEWER),
    "cohort_channels": (VIEWER, VIEWER),
    "subscribe": (ANALYST, ANALYST),
    "new_channel_fields": (OPERATOR, NOBODY),
    "notification_preview": (NOBODY, VIEWER),
    "notification_test": (NOBODY, OPERATOR),
    "mail_preview": (VIEWER, NOBODY),
    "delivery_mail": (VIEWER, VIEWER),
    "subscription": (ANALYST, ANALYST),
    "pause_subscription": (NOBODY, ANALYST),
    "resume_subscription": (NOBODY, ANALYST),
    "delete_subscription": (NOBODY, ANALYST),
    "channels": (VIEWER, VIEWER),
    "new_channel": (OPERATOR, OPERATOR),
    "channel": (OPERATOR, OPERATOR),
    "test_channel": (OPERATOR, OPERATOR),
    "pause_channel": (NOBODY, OPERATOR),
    "resume_channel": (NOBODY, OPERATOR),
    "rotate_channel": (NOBODY, OPERATOR),
    "delete_channel": (NOBODY, OPERATOR),
    "suppressions": (VIEWER, NOBODY),
    "lift_suppression": (NOBODY, OPERATOR),
    "unsubscribe": (ANYBODY, ANYBODY),
    "signed_chart": (ANYBODY, NOBODY),
    "deliveries": (VIEWER, VIEWER),
    "delivery": (VIEWER, VIEWER),
    "replay_deliveries": (NOBODY, OPERATOR),
    "replay_all_deliveries": (NOBODY, OPERATOR),
    "replay_delivery": (NOBODY, OPERATOR),
    "holds": (VIEWER, VIEWER),
    "send_hold": (NOBODY, OPERATOR),
    "drop_hold": (NOBODY, OPERATOR),
    # alert rules
    "alert_rules": (VIEWER, VIEWER),
    "alert_rule": (VIEWER, VIEWER),
    "new_alert_rule": (ANALYST, NOBODY),
    "save_alert_rule": (ANALYST, ANALYST),
    "alert_rule_builder": (NOBODY, VIEWER),
    "alert_group_fields": (VIEWER, NOBODY),
    "alert_rule_chart": (VIEWER, NOBODY),
    "alert_rule_sparklines": (VIEWER, NOBODY),
    "try_alert_rule": (NOBODY, VIEWER),
    "alert_example": (NOBODY, VIEWER),
    "alert_mail_preview": (VIEWER, NOBODY),
    "test_alert_example": (NOBODY, OPERATOR),
    "edit_alert_rule": (ANALYST, ANALYST),
    "alert_rule_settings": (ANALYST, ANALYST),
    "duplicate_alert_rule": (ANALYST, NOBODY),
    "pause_alert_rule": (NOBODY, ANALYST),
    "resume_alert_rule": (NOBODY, ANALYST),
    "snooze_alert_rule": (ANALYST, ANALYST),
    "wake_alert_rule": (NOBODY, ANALYST),
    "delete_alert_rule": (ANALYST, ANALYST),
    "alerts": (VIEWER, VIEWER),
    "alert": (VIEWER, VIEWER),
    "alert_chart": (VIEWER, NOBODY),
    "alert_behind": (VIEWER, NOBODY),
    "acknowledge_alert": (ANALYST, ANALYST),
    "snooze_alert": (ANALYST, ANALYST),
    "wake_alert": (NOBODY, ANALYST),
    "maintenance": (VIEWER, VIEWER),
    "new_maintenance": (ANALYST, ANALYST),
    "edit_maintenance": (ANALYST, ANALYST),
    "delete_maintenance": (NOBODY, ANALYST),
}
"""Name of an address -> the least role that may GET it, and that may POST to it."""
MACHINES = ("api/", "v1/", "health/", "hooks/")
"""Addresses for software, which has keys; their tests are in `tests/cohorts/api`."""


@dataclass(frozen=True)
class World:
    """One of everything, so that pages are full."""

    user: Any
    company: Any
    cohort: Any
    listed: Any
    backtest: Any
    event: Any
    channel: Any
    subscription: Any
    delivery: Any
    hold: Any
    mail: Any
    rule: Any
    alert: Any
    window: Any
    charted: Any


@pytest.fixture
def world(now) -> World:
    company = make_company("acme", now)
    user = make_user("ann", now, company, metadata={"email": "ann@example.com", "plan": "pro"})
    event = make_event(user, now, request={"verb": "GET", "route": "/"}, response={"status": 400})
    cohort = make_cohort(evaluated_at=now)
    make_membership(cohort)
    make_change(cohort, user)
    make_membership(cohort, user, version=2)
    make_evaluation(cohort)
    # An address to which nothing is ever sent.
    channel = make_channel(config={"url": "https://127.0.0.1/hook", "secret": "whsec_" + "c2VjcmV0" * 4})
    subscription = make_subscription(cohort=cohort, channel=channel)
    delivery = make_delivery(make_batch(subscription), state="dead", last_error="410 Gone")
    make_attempt(delivery, status="410", error="Gone")
    mail = make_delivery(
        make_batch(make_subscription(cohort=cohort, channel=make_channel("email"))), recipient="a@b.example"
    )
    open_columns().seal(now)
    backtest = start_backtest(vars(cohort), 1, now, cohort=cohort)
    advance(backtest.pk, now)
    listed = make_cohort(is_list=True, criteria={})
    hold = make_hold(subscription)
    rule = make_rule(channel)
    alert, window = make_alert(rule, group={"company_id": "acme"}), make_maintenance(rule)
    told = (channel, subscription, delivery, hold, mail)
    charted = make_told(channel, "alert", content=encode({"chart": freeze(alerts("acme").chart)}))
    return World(user, company, cohort, listed, backtest, event, *told, rule, alert, window, charted)


@pytest.fixture
def client_as(db):
    """`client_as(role)`: a client with a person of the role logged in; administrators are also staff."""
    clients: dict[str, Client] = {}

    def log_in(role: str) -> Client:
        if role not in clients:
            clients[role] = Client(raise_request_exception=True)
            if role != ANONYMOUS:
                person = make_person(staff=role == ADMINISTRATOR, superuser=False)
                person.groups.set(Group.objects.filter(name=role))
                clients[role].force_login(person)
        return clients[role]

    return log_in


@cache
def addresses() -> dict[str, str]:
    """Every address of a page: its name and its route."""

    def walk(patterns: Any, prefix: str) -> Iterator[tuple[str, str]]:
        for each in patterns:
            route = prefix + str(each.pattern)
            if isinstance(each, URLPattern):
                yield each.name or "", route
            elif each.namespace != "admin":
                yield from walk(each.url_patterns, route)

    named = dict(walk(get_resolver("cohortsite.urls").url_patterns, ""))
    return {name: route for name, route in named.items() if not route.startswith(MACHINES)}


def arguments_of(name: str, world: World) -> dict[str, Any]:
    """What its address takes."""
    route = addresses()[name]
    if name == "customer":
        return {"kind": "user", "external_id": world.user.external_id}
    if name in ("edit_list", "preview_list", "remove_from_list"):
        return {"pk": world.listed.pk}
    if name == "unsubscribe":
        return {"token": unsubscribe_url(WayOut("ann@example.com", "", "Active")).split("/")[-2]}
    if name == "signed_chart":
        return {"token": chart_url(str(world.charted.pk), timezone.now()).split("/")[-1].removesuffix(".png")}
    if name == "lift_suppression":
        return {"pk": suppress("ann@example.com", "bounced", NOON).pk}
    if name == "delivery_mail":
        return {"pk": world.mail.pk}
    row = {
        "cohorts/": world.cohort,
        "backtests/": world.backtest,
        "customers/": world.user,
        "events/": world.event,
        "subscriptions/": world.subscription,
        "channels/": world.channel,
        "deliveries/": world.delivery,
        "holds/": world.hold,
        "mail-preview/": world.cohort,
        "alert-rules/": world.rule,
        "alerts/": world.alert,
        "maintenance/": world.window,
    }
    prefix = next((prefix for prefix in row if route.startswith(prefix)), None)
    arguments: dict[str, Any] = {"pk": row[prefix].pk} if prefix and ":pk>" in route else {}
    return arguments | ({"kind": CustomerKind.USER} if "kind>" in route else {})


def may(role: str, method: str, name: str) -> bool:
    """Whether RULES let the role do it."""
    return RANKS[role] >= RANKS[RULES[name][method == "POST"]]


def test_every_address_of_a_page_stands_in_the_matrix_and_nothing_else():
    assert set(addresses()) == set(RULES), "complete RULES in tests/cohortsite/test_permissions.py"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", RULES)
def test_the_matrix_holds(client_as, world, name, method):
    least = RULES[name][method == "POST"]
    address = reverse(name, kwargs=arguments_of(name, world))
    for role in EVERYBODY:
        with transaction.atomic():
            answer = getattr(client_as(role), method.lower())(address)
            transaction.set_rollback(True)
        told = f"{role} {method} {address}: {answer.status_code}"
        if role == ANONYMOUS and least != ANYBODY:
            assert is_shown_the_door(answer) or (ANYBODY in RULES[name] and answer.status_code == 405), told
        elif least == NOBODY:
            assert answer.status_code == 405 or (answer.status_code == 403 and role != ADMINISTRATOR), told
        elif may(role, method, name):
            assert answer.status_code in (200, 204, 302, 400, 409, 422), told
            assert least == ANYBODY or not is_shown_the_door(answer), told
        else:
            assert answer.status_code == 403, told


def is_shown_the_door(answer) -> bool:
    return answer.status_code in (401, 403) or (answer.status_code == 302 and answer["Location"].startswith("/login/"))


@pytest.mark.parametrize("role", [NO_ROLE, *ROLES[:-1]])
def test_people_who_are_not_staff_get_into_neither_admin_nor_api(client_as, world, role):
    assert client_as(role).get("/admin/").status_code == 302
    for address in ("/api/cohorts/", "/api/customers/", "/api/channels/", "/api/subscriptions/", "/api/deliveries/"):
        assert client_as(role).get(address).status_code == 403, address


class Controls(HTMLParser):
    """Collects what a page lets one do: (method, address)."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.page = page
        self.found: set[tuple[str, str]] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "a" and "href" in given:
            self.add("GET", given["href"])
        if tag == "iframe" and given.get("src"):
            self.add("GET", given["src"])
        for name, method in (("hx-get", "GET"), ("hx-post", "POST"), ("hx-delete", "DELETE"), ("hx-put", "PUT")):
            if name in given:
                self.add(method, given[name])
        if tag == "form" and given.get("method", "get").lower() in ("get", "post"):
            self.add(given.get("method", "get").upper(), given.get("action", ""))
        if "formaction" in given:
            self.add("POST", given["formaction"])

    def add(self, method: str, address: str) -> None:
        whole = urljoin(f"http://testserver{self.page}", address)
        parts = urlsplit(whole)
        if parts.netloc == "testserver" and not address.startswith(("#", "mailto:")):
            self.found.add((method, parts.path + (f"?{parts.query}" if parts.query else "")))


def controls_on(client: Client, address: str) -> set[tuple[str, str]]:
    answer = client.get(address)
    if not answer.get("Content-Type", "").startswith("text/html"):
        return set()
    parser = Controls(address)
    parser.feed(answer.content.decode())
    return parser.found


@pytest.mark.parametrize("role", [NO_ROLE, *ROLES])
def test_no_page_shows_a_control_that_the_person_may_not_use(client_as, world, now, role):
    open_columns().seal(now)
    client = client_as(role)
    pages = [reverse(name, kwargs=arguments_of(name, world)) for name in RULES if may(role, "GET", name)]
    pages.append(reverse("customer", kwargs={"kind": "company", "external_id": world.company.external_id}))
    pages = [page for page in pages if is_a_page(client, page)]
    opened: dict[tuple[str, str], bool] = {}
    wrong = []
    for page in pages:
        for method, target in sorted(controls_on(client, page)):
            if (method, target) not in opened:
                opened[method, target] = is_usable(client, role, method, target)
            if not opened[method, target]:
                wrong.append(f"{page} offers {method} {target}")
    assert not wrong, "\n".join(wrong)
    assert role == NO_ROLE or len(opened) > 40


def is_a_page(client: Client, address: str) -> bool:
    return client.get(address).status_code == 200 and "/login/" not in address


def is_usable(client: Client, role: str, method: str, target: str) -> bool:
    """Whether the person may: links are followed, of what would change something the matrix is asked."""
    path = target.partition("?")[0]
    try:
        name = resolve(path).view_name
    except Resolver404:
        return False
    if name in RULES and not may(role, method, name):
        return False
    if method == "GET":
        return client.get(target).status_code in (200, 204, 302)
    return name in RULES


def test_an_operator_is_offered_what_a_viewer_is_not(client_as, world):
    """The crawl above sees controls at all."""
    page = reverse("delivery", kwargs={"pk": world.delivery.pk})
    replay = ("POST", reverse("replay_delivery", kwargs={"pk": world.delivery.pk}))
    assert replay in controls_on(client_as(OPERATOR), page)
    assert replay not in controls_on(client_as(VIEWER), page)
    erase = ("GET", reverse("erase_customer", kwargs={"pk": world.user.pk}))
    page = reverse("customer", kwargs={"kind": "user", "external_id": "ann"})
    assert erase in controls_on(client_as(ADMINISTRATOR), page)
    assert erase not in controls_on(client_as(OPERATOR), page)


def test_every_rule_names_a_role_or_one_of_the_words():
    assert {least for rule in RULES.values() for least in rule} <= set(RANKS)
    assert re.fullmatch("[a-z_ A-Z,]+", ", ".join(RULES))
