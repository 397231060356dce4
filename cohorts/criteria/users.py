"""`users`: a company of whose users any, all, none or so many match."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import ibis.expr.types as ir
from pyroaring import BitMap

from cohorts.criteria.ahead import Ahead, Foretold, Unforeseeable, foretell
from cohorts.criteria.definition import Criteria
from cohorts.criteria.inner import Answer, ask, parse_inner, strongest
from cohorts.criteria.leaf import Before, Evidence, Leaf, LeafKind, Matched, View
from cohorts.criteria.place import Place, read_choice, read_count, read_object
from cohorts.criteria.steps import combine
from cohorts.criteria.turning import merge
from cohorts.enums import Reason
from ingest.models import CustomerKind

KEYS = ("users", "are", "at_least")
SHARES = ("any", "all", "none")
MOST_USERS = 2_000
"""Users of companies beyond which nothing is foretold."""


@dataclass(frozen=True)
class Users(Leaf):
    """The companies of whose users enough match. `share` is one of SHARES, or nothing where `at_least` is asked for."""

    path: str
    of: Criteria
    share: str
    at_least: int

    @property
    def _asked(self) -> str:
        return self.share or f"at least {self.at_least:,}"

    @property
    def asked_of_others(self) -> Criteria:
        return self.of

    def words(self) -> str:
        return f"{self._asked} of its users match ({self.of.words()})"

    def evaluate(self, view: View) -> Matched:
        answer = ask(self.of, view)
        links = view.snapshot.keep(_links(view))
        members = self._passing(view, links, view.snapshot.among(answer.members)) & view.universe
        return Matched(members, partial(self._explain, view, answer, links), answer.leaves)

    def foretell(self, ahead: Ahead) -> Foretold:
        users = ahead.view.snapshot.users_of(ahead.ids) & ahead.of(CustomerKind.USER, BitMap()).view.universe
        if len(users) > MOST_USERS:
            raise Unforeseeable("there are very many users")
        own: dict[int, list[int]] = {id_: [] for id_ in ahead.ids}
        for user, company in ahead.companies_of(users).items():
            own[company].append(user)
        found, _ = foretell(self.of, ahead.of(CustomerKind.USER, users))
        return {id_: combine([found[user] for user in own[id_]], self._holds) for id_ in ahead.ids}

    def _holds(self, matching: Iterable[bool]) -> bool:
        answers = list(matching)
        match self.share:
            case "any":
                return any(answers)
            case "none":
                return not any(answers)
            case "all":
                return bool(answers) and all(answers)
        return sum(answers) >= self.at_least

    def _passing(self, view: View, links: ir.Table, matching: ir.Table) -> BitMap:
        ids = view.snapshot.ids
        match self.share:
            case "any":
                return ids(links.semi_join(matching, _is_user(links, matching)))
            case "none":
                return view.universe - ids(links.semi_join(matching, _is_user(links, matching)))
            case "all":
                return ids(links) - ids(links.anti_join(matching, _is_user(links, matching)))
        counts = _count(links.semi_join(matching, _is_user(links, matching)))
        return ids(counts.filter(counts.n >= self.at_least))

    def _explain(
        self, view: View, answer: Answer, links: ir.Table, ids: BitMap, before: Before | None
    ) -> dict[int, Evidence]:
        rows = view.snapshot.rows(links.semi_join(view.snapshot.among(ids), "customer")).to_pylist()
        users: dict[int, BitMap] = {id_: BitMap() for id_ in ids}
        for row in rows:
            users[row["customer"]].add(row["user"])
        found = answer.explain(BitMap.union(BitMap(), *users.values()), before) if before else {}
        active = view.snapshot.ids(view.snapshot.new_activity(view.kind, before.as_of)) if before else ids

        def explain(company: int) -> Evidence:
            own = users[company]
            matching = len(own & answer.members)
            came = Reason.BEHAVIOR if company in active else Reason.PROFILE
            why = [evidence for user in own for evidence in found.get(user, [])]
            counts = f"{matching:,} of {len(own):,} users match"
            sentence = f"{counts}: {self.of.words()} ({self._asked})"
            figures = {"matching": matching, "users": len(own)}
            return Evidence(
                sentence, strongest(why, came), matching, self._asked, figures, merge(each.events for each in why)
            )

        return {id_: explain(id_) for id_ in ids}


def _links(view: View) -> ir.Table:
    """`customer, user`: the companies and their users that exist."""
    links, existing = view.snapshot.companies(), view.snapshot.activity(CustomerKind.USER)
    return links.semi_join(existing, links.user == existing.customer).select(customer=links.company, user=links.user)


def _is_user(links: ir.Table, users: ir.Table) -> ir.BooleanValue:
    return links.user == users.customer


def _count(links: ir.Table) -> ir.Table:
    return links.group_by("customer").aggregate(n=links.count())


def parse(value: dict[str, Any], place: Place) -> Users:
    """The leaf of an object with the key `users`. Raises CriteriaError."""
    read_object(value, place, "an object", KEYS)
    if place.kind != CustomerKind.COMPANY:
        raise place.key("users").fault("expected where companies are asked for: a user has no users")
    of = parse_inner(value["users"], place.key("users"), CustomerKind.USER)
    if ("are" in value) == ("at_least" in value):
        raise place.fault('expected "are" or "at_least", and one of them only')
    if "are" in value:
        return Users(place.path, of, read_choice(value["are"], place.key("are"), SHARES), 0)
    at_least = read_count(value["at_least"], place.key("at_least"))
    if not at_least:
        raise place.key("at_least").fault("expected 1 or more")
    return Users(place.path, of, "", at_least)


KIND = LeafKind(
    parse=parse,
    label="Whose users",
    icon="groups",
    form="users",
    blank={"users": {"all": [{"field": "", "op": "is", "value": ""}]}, "are": "any"},
    customers=(CustomerKind.COMPANY,),
    inner={"users": CustomerKind.USER},
)
