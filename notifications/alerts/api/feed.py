"""What software reads of alerts: which there are, and the feed of what happened to those of a rule.

Whatever writes to alerts takes the row of their rule first, so that the changes of one rule have their ids in the
order in which they are committed: a reader of ids passes none by. Of several rules together this would not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.db.models.fields.json import KeyTransform
from rest_framework.exceptions import ValidationError

from cohorts.criteria import CriteriaError
from cohorts.criteria.place import Place
from cohorts.cursors import InvalidCursor, decode_place, encode_place
from ingest.decode import Rejected, decode_item
from ingest.models import CustomerKind
from notifications.alerts.grouping import parse_group_by
from notifications.alerts.models import Alert, AlertChange, AlertRule

EXPECTED_GROUP = 'expected a JSON object of fields and values such as {"company_id": "acme"}'


@dataclass(frozen=True)
class ChangesPage:
    """Some changes, oldest first, and the cursor for the next call."""

    changes: list[AlertChange]
    cursor: str


def read_changes(rule: AlertRule, after: str, limit: int) -> ChangesPage:
    """At most `limit` changes after a cursor; an empty one is the beginning. Raises InvalidCursor."""
    passed = _decode(after, rule) if after else 0
    waiting = AlertChange.objects.filter(alert__rule=rule, id__gt=passed).select_related("alert", "by")
    changes = list(waiting.defer("alert__sentence").order_by("id")[:limit])
    return ChangesPage(changes, encode_place(rule.pk, changes[-1].pk if changes else passed))


def read_group(text: str) -> dict[str, Any]:
    """The values of a group that a list is asked for, from JSON. Raises ValidationError."""
    try:
        group = decode_item(text.encode())
        if not isinstance(group, dict) or any(isinstance(value, dict | list) for value in group.values()):
            raise ValidationError({"group": EXPECTED_GROUP})
        parse_group_by(list(group), Place("group", CustomerKind.USER))
    except Rejected:
        raise ValidationError({"group": EXPECTED_GROUP}) from None
    except CriteriaError as error:
        raise ValidationError({"group": error.message}) from None
    return group


def of_group(alerts: QuerySet[Alert], group: Mapping[str, Any]) -> QuerySet[Alert]:
    """Those whose group has these values, and perhaps others."""
    for place, (name, value) in enumerate(group.items()):
        at = f"group_{place}"
        alerts = alerts.annotate(**{at: KeyTransform(name, "group")}).filter(**{at: value})
    return alerts


def _decode(after: str, rule: AlertRule) -> int:
    [passed] = decode_place(after, rule.pk, 1)
    if passed is None:
        raise InvalidCursor(after)
    return passed
