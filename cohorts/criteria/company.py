"""`company`: a user whose company matches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from pyroaring import BitMap

from cohorts.criteria.ahead import Ahead, Foretold, foretell
from cohorts.criteria.definition import Criteria
from cohorts.criteria.inner import Answer, ask, parse_inner, strongest
from cohorts.criteria.leaf import Before, Evidence, Leaf, LeafKind, Matched, View
from cohorts.criteria.place import Place, read_object
from cohorts.criteria.steps import Steps
from cohorts.criteria.turning import merge
from cohorts.enums import Reason
from ingest.models import CustomerKind


@dataclass(frozen=True)
class Company(Leaf):
    """The users who belong to a company that matches; never those without a company."""

    path: str
    of: Criteria

    @property
    def asked_of_others(self) -> Criteria:
        return self.of

    def words(self) -> str:
        return f"belongs to a company ({self.of.words()})"

    def evaluate(self, view: View) -> Matched:
        answer = ask(self.of, view)
        links, owners = view.snapshot.companies(), view.snapshot.among(answer.members)
        users = links.semi_join(owners, links.company == owners.customer).select(customer=links.user)
        members = view.snapshot.ids(users) & view.universe
        return Matched(members, partial(self._explain, view, answer), answer.leaves)

    def foretell(self, ahead: Ahead) -> Foretold:
        company_of = ahead.companies_of(ahead.ids)
        found, _ = foretell(self.of, ahead.of(CustomerKind.COMPANY, BitMap(company_of.values())))
        return {id_: found[company_of[id_]] if id_ in company_of else Steps(first=False) for id_ in ahead.ids}

    def _explain(self, view: View, answer: Answer, ids: BitMap, before: Before | None) -> dict[int, Evidence]:
        companies = self._companies(view, ids)
        found = answer.explain(BitMap(id_ for id_, _ in companies.values()), before)
        said = view.snapshot.changed_profiles(view.kind, before.as_of) if before else BitMap()

        def explain(user: int) -> Evidence:
            came = Reason.PROFILE if user in said else Reason.BEHAVIOR
            if user not in companies:
                return Evidence("belongs to no company", came, None, self.of.words())
            company, name = companies[user]
            why = found.get(company, [])
            events = merge(each.events for each in why)
            if why:
                sentence = f"company {name}: {'; '.join(each.sentence for each in why)}"
                return Evidence(sentence, strongest(why, came), name, self.of.words(), events=events)
            verb = "matches" if company in answer.members else "does not match"
            return Evidence(f"company {name} {verb} ({self.of.words()})", came, name, self.of.words())

        return {id_: explain(id_) for id_ in ids}

    def _companies(self, view: View, ids: BitMap) -> dict[int, tuple[int, str]]:
        """Per user the company: its id here and the one that people know."""
        links, names = view.snapshot.companies(), view.snapshot.profiles(CustomerKind.COMPANY)
        links = links.select(customer=links.user, company=links.company)
        links = links.semi_join(view.snapshot.among(ids), "customer")
        named = links.join(names, links.company == names.customer)
        named = named.select(user=links.customer, company=links.company, name=names.external_id)
        return {row["user"]: (row["company"], row["name"]) for row in view.snapshot.rows(named).to_pylist()}


def parse(value: dict[str, Any], place: Place) -> Company:
    """The leaf of an object with the key `company`. Raises CriteriaError."""
    read_object(value, place, "an object", ("company",))
    if place.kind != CustomerKind.USER:
        raise place.key("company").fault("expected where users are asked for: a company belongs to no company")
    return Company(place.path, parse_inner(value["company"], place.key("company"), CustomerKind.COMPANY))


KIND = LeafKind(
    parse=parse,
    label="Whose company",
    icon="domain",
    form="company",
    blank={"company": {"all": [{"field": "", "op": "is", "value": ""}]}},
    customers=(CustomerKind.USER,),
    inner={"company": CustomerKind.COMPANY},
)
