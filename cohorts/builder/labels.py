"""What fields, operators and choices are called in front of people."""

from __future__ import annotations

from cohorts.criteria.calendars import CALENDARS
from cohorts.criteria.conditions import OPERATORS
from ingest.fields import CAMPAIGN, CUSTOMER_ACTIVITY, EVENT_COLUMNS, FieldType
from ingest.models import CustomerKind

EVENT_FIELDS = {
    "response.status": "Response status",
    "request.route": "Route",
    "request.verb": "Method",
    "request.uri": "Address (URI)",
    "duration_ms": "Duration in ms",
    "action_name": "Action name",
    "request.ip_address": "IP address",
    "request.api_version": "API version",
    "tags": "Tags",
    "type": "Type of event",
    "session_token": "Session token",
    "transaction_id": "Transaction ID",
    "direction": "Direction",
    "subscription_id": "Subscription ID",
}
assert EVENT_FIELDS.keys() == EVENT_COLUMNS.keys()

_ACTIVITY = dict(zip(CUSTOMER_ACTIVITY, ("First seen", "Last seen", "Created"), strict=True))
_CAMPAIGN = {f"campaign.{name}": f"Campaign: {name.replace('_', ' ')}" for name in CAMPAIGN}
_COMPANY = {"company_id": "Company ID", "name": "Name", "company_domain": "Company domain"}
_SUBSCRIPTION = {
    "subscription.status": "Subscription: status",
    "subscription.plan_id": "Subscription: plan ID",
    "subscription.current_period_start": "Subscription: period start",
    "subscription.current_period_end": "Subscription: period end",
}
_COMPANY |= _ACTIVITY | {"email": "Email"} | _SUBSCRIPTION | _CAMPAIGN
CUSTOMER_FIELDS = {
    CustomerKind.USER: {
        **{"user_id": "User ID", "email": "Email", "name": "Name"},
        **_ACTIVITY,
        **{
            "company.company_id": "Company: ID",
            "company.name": "Company: name",
            "company.company_domain": "Company: domain",
        },
        **{f"company.{name}": f"Company: {label.lower()}" for name, label in _ACTIVITY.items()},
        **{f"company.{name}": f"Company: {label[0].lower()}{label[1:]}" for name, label in _SUBSCRIPTION.items()},
        **_CAMPAIGN,
    },
    CustomerKind.COMPANY: _COMPANY,
}
LABELS = {path: label for known in (*CUSTOMER_FIELDS.values(), EVENT_FIELDS) for path, label in known.items()}
"Path of a well-known field -> its name for people; each name stands for one path."
PATHS = {label.lower(): path for path, label in LABELS.items()}
assert len(PATHS) == len(LABELS)

TYPES = {
    FieldType.TEXT: "text",
    FieldType.NUMBER: "number",
    FieldType.BOOLEAN: "yes or no",
    FieldType.TIME: "date",
    FieldType.TAGS: "tags",
    FieldType.ANY: "any",
}
VALUE_TYPES = [("text", "text"), ("number", "number"), ("boolean", "yes / no")]
BOOLEANS = [("true", "yes (true)"), ("false", "no (false)")]

_WORDS = {
    "is": "is",
    "is_not": "is not",
    "contains": "contains",
    "not_contains": "does not contain",
    "starts_with": "starts with",
    "ends_with": "ends with",
    ">": "is more than",
    ">=": "is at least",
    "<": "is less than",
    "<=": "is at most",
    "between": "is between",
    "on": "is in",
    "not_on": "is not in",
    "before": "is before",
    "after": "is after",
    "exists": "is set",
    "not_exists": "is not set",
}
assert _WORDS.keys() == set(OPERATORS[FieldType.ANY])
_OF_TIMES = {"on": "is", "not_on": "is not"}
"A date is compared with nothing else, so that the short words do."
_SECTIONS = {
    "Any value": ("is", "is_not", "exists", "not_exists"),
    "Text": ("contains", "not_contains", "starts_with", "ends_with"),
    "Number": (">", ">=", "<", "<="),
    "Number or date": ("between",),
    "Date": ("on", "not_on", "before", "after"),
}
Choices = list[tuple[str, str]]


def operators_of(type_: FieldType) -> list[tuple[str, Choices]]:
    """The operators of a type in the order people read them, under headings where there are many."""
    of_type = _WORDS | (_OF_TIMES if type_ == FieldType.TIME else {})
    known = [(op, words) for op, words in of_type.items() if op in OPERATORS[type_]]
    if type_ != FieldType.ANY:
        return [("", known)]
    return [(heading, [(op, _WORDS[op]) for op in ops]) for heading, ops in _SECTIONS.items()]


UNITS = [("m", "minutes"), ("h", "hours"), ("d", "days"), ("w", "weeks"), ("s", "seconds")]
_CALENDARS = [(name, name.replace("_", " ")) for name in CALENDARS]
PERIODS: list[tuple[str, Choices]] = [("Calendar", _CALENDARS), ("Rolling", [("last", "the last …")])]
WINDOWS: list[tuple[str, Choices]] = [
    ("Rolling", [("last", "in the last …"), ("between", "between two ages …")]),
    ("Calendar", _CALENDARS),
    ("Dates", [("since", "since a date …"), ("until", "before a date …"), ("dates", "between two dates …")]),
    ("All time", [("ever", "ever")]),
]
TIMES = [
    ("least", "at least"),
    ("most", "at most"),
    ("exactly", "exactly"),
    ("between", "between"),
    ("never", "never (did not)"),
]
MOMENTS = [("ago", "ago"), ("in", "from now"), ("date", "on a date")]
COMPARISONS = [(op, _WORDS[op]) for op in (">", ">=", "<", "<=", "between", "is", "is_not")]
FIGURES = [
    ("sum", "Sum"),
    ("avg", "Average"),
    ("min", "Lowest value"),
    ("max", "Highest value"),
    ("distinct", "Number of different values"),
    ("p50", "Median"),
    *((f"p{percent}", f"{percent}th percentile") for percent in (90, 95, 99)),
]
ENDINGS = [
    ("done", "completed, however slowly"),
    ("limited", "completed, each step within"),
    ("abandoned", "begun and given up, each step within"),
]
SHARES = [("any", "any of them"), ("all", "all of them"), ("none", "none of them"), ("least", "at least")]
EVENT_TYPES = [("api_call", "API Call"), ("action", "Action"), ("any", "any event")]
WEEKDAYS = list(enumerate(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), start=1))
