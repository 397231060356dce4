"""Pages offer nobody what is refused to them."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from django.test import Client
from django.urls import Resolver404, resolve, reverse

from cohortsite.roles import ADMINISTRATOR, OPERATOR, ROLES, VIEWER
from ingest.columns import open_columns
from tests.cohortsite.permissions.addresses import arguments_of
from tests.cohortsite.permissions.rules import NO_ROLE, RULES, may

pytestmark = pytest.mark.django_db


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


class Visit:
    """What one person sees: each address is opened once."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.opened: dict[str, tuple[int, set[tuple[str, str]]]] = {}

    def status(self, address: str) -> int:
        return self._open(address)[0]

    def controls(self, address: str) -> set[tuple[str, str]]:
        return self._open(address)[1]

    def _open(self, address: str) -> tuple[int, set[tuple[str, str]]]:
        if address not in self.opened:
            answer = self.client.get(address)
            parser = Controls(address)
            if answer.get("Content-Type", "").startswith("text/html"):
                parser.feed(answer.content.decode())
            self.opened[address] = answer.status_code, parser.found
        return self.opened[address]


@pytest.mark.parametrize("role", [NO_ROLE, *ROLES])
def test_no_page_shows_a_control_that_the_person_may_not_use(client_as, world, now, role):
    open_columns().seal(now)
    visit = Visit(client_as(role))
    pages = [reverse(name, kwargs=arguments_of(name, world)) for name in RULES if may(role, "GET", name)]
    pages.append(reverse("customer", kwargs={"kind": "company", "external_id": world.company.external_id}))
    shown = [page for page in pages if "/login/" not in page and visit.status(page) == 200]
    offers = {control: page for page in shown for control in visit.controls(page)}
    wrong = [
        f"{page} offers {method} {target}"
        for (method, target), page in offers.items()
        if not is_usable(visit, role, method, target)
    ]
    assert not wrong, "\n".join(wrong)
    assert role == NO_ROLE or len(offers) > 40


def is_usable(visit: Visit, role: str, method: str, target: str) -> bool:
    """Whether the person may: links are followed, of what would change something the matrix is asked."""
    path = target.partition("?")[0]
    try:
        name = resolve(path).view_name
    except Resolver404:
        return False
    if name in RULES and not may(role, method, name):
        return False
    if method == "GET":
        return visit.status(target) in (200, 204, 302)
    return name in RULES


def test_an_operator_is_offered_what_a_viewer_is_not(client_as, world):
    """The crawl above sees controls at all."""
    page = reverse("delivery", kwargs={"pk": world.delivery.pk})
    replay = ("POST", reverse("replay_delivery", kwargs={"pk": world.delivery.pk}))
    assert replay in Visit(client_as(OPERATOR)).controls(page)
    assert replay not in Visit(client_as(VIEWER)).controls(page)
    erase = ("GET", reverse("erase_customer", kwargs={"pk": world.user.pk}))
    page = reverse("customer", kwargs={"kind": "user", "external_id": "ann"})
    assert erase in Visit(client_as(ADMINISTRATOR)).controls(page)
    assert erase not in Visit(client_as(OPERATOR)).controls(page)
