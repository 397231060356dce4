"""What a rule is divided by: customers, what is said of them, or fields of events."""

from __future__ import annotations

from dataclasses import dataclass

from cohorts.criteria.aggregate import SCALARS
from cohorts.criteria.place import Place, quoted, read_list, read_text
from ingest.fields import CUSTOMER_ACTIVITY, Field, UnknownField, customer_field, event_field
from ingest.models import CustomerKind

MOST_FIELDS = 2
EXPECTED = 'a list of one or two fields such as ["company_id"], ["company.metadata.plan"] or ["request.route"]'


@dataclass(frozen=True)
class GroupField:
    """A field to divide by; `kind` says whose profile has it, none for a field of events themselves.

    The field of a customer without a `field` is its id.
    """

    name: str
    kind: CustomerKind | None
    field: Field | None

    @property
    def is_customer(self) -> bool:
        """Whether the groups are the customers themselves."""
        return self.field is None


def parse_group_by(value: object, place: Place) -> tuple[GroupField, ...]:
    """The fields of a rule's groups. Raises CriteriaError."""
    names = read_list(value, place, EXPECTED)
    if len(names) > MOST_FIELDS:
        raise place.fault(f"expected at most {MOST_FIELDS} fields")
    fields = tuple(_parse_field(name, place.item(index)) for index, name in enumerate(names))
    if len({field.name for field in fields}) < len(fields):
        raise place.item(1).fault("expected another field than the first")
    return fields


def _parse_field(value: object, place: Place) -> GroupField:
    name = read_text(value, place)
    for kind in CustomerKind:
        if name == f"{kind}_id":
            return GroupField(name, kind, None)
        if name.startswith(f"{kind}."):
            return GroupField(name, kind, _profile_field(kind, name.removeprefix(f"{kind}."), place))
    try:
        field = event_field(name)
    except UnknownField as error:
        raise place.fault(f'{error}, or "user_id", "company_id", "company.metadata.NAME"') from None
    return GroupField(name, None, _checked(field, place))


def _profile_field(kind: CustomerKind, name: str, place: Place) -> Field:
    if name in CUSTOMER_ACTIVITY:
        raise place.fault(f"expected a field of a profile, not one of {quoted(CUSTOMER_ACTIVITY)}")
    try:
        return _checked(customer_field(kind, name), place)
    except UnknownField as error:
        raise place.fault(str(error)) from None


def _checked(field: Field, place: Place) -> Field:
    if field.type not in SCALARS:
        raise place.fault("expected a field with one text, number or boolean")
    return field
