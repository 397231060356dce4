"""What the pickers of fields and values offer: well-known fields, and what the data shows, kept for a short while."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings

from cohorts.builder import labels
from cohorts.builder.values import UNSPEAKABLE
from cohorts.criteria.profile import COMPANY, find_field
from ingest.columns import ColumnsDamaged, FieldSeen, ValueSeen, open_columns
from ingest.fields import EVENT_COLUMNS, FieldType, UnknownField, customer_field, event_field
from ingest.models import CustomerKind

log = logging.getLogger(__name__)

KEPT_FOR = timedelta(seconds=60)
MOST_KEPT = 200
MOST_OFFERED = 50
LONGEST_VALUE = 1_000
"Longer values are no help in a list."
_LAST = (COMPANY, "campaign.")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Option:
    """One line of a picker: what it writes, what it reads, what stands at its right."""

    value: str
    label: str
    note: str = ""
    type: str = ""
    words: str = ""
    "What beside the label a search finds it by."


def suggest_fields(kind: CustomerKind, of_events: bool, asked: str, now: datetime) -> list[Option]:
    """The fields that contain what was asked for: well-known ones, then those seen in the data, frequent ones first.

    Those of companies and campaigns, which fewer people ask for, stand at the end.
    """
    wanted = asked.strip().lower()
    options = [*_known_fields(kind, of_events), *_seen_fields(kind, of_events, now)]
    options.sort(key=lambda option: option.words.startswith(_LAST))
    return [option for option in options if wanted in option.label.lower() or wanted in option.words.lower()][
        :MOST_OFFERED
    ]


def suggest_values(kind: CustomerKind, of_events: bool, field: str, asked: str, now: datetime) -> list[Option]:
    """Values that the field was seen with and that contain what was asked for, most frequent first, with counts."""
    owner, name = _owner(kind, of_events, labels.PATHS.get(field.strip().lower(), field))
    try:
        found = event_field(name) if owner is None else customer_field(owner, name)
    except UnknownField:
        return []
    seen: Sequence[ValueSeen] = _kept(
        now, ("values", owner, name, asked[:100]), lambda snapshot: snapshot.values_seen(owner, found, asked[:100])
    )
    options = [_value_option(each) for each in seen]
    return [option for option in options if _can_be_offered(option.value)][:MOST_OFFERED]


def seen_type(kind: CustomerKind, of_events: bool, field: str, now: datetime) -> FieldType:
    """The type that most values of the field have, TEXT if none was seen."""
    owner, name = _owner(kind, of_events, field)
    seen = {each.path: each.type for each in _fields(owner, now)}
    return seen.get(name, FieldType.TEXT)


def _owner(kind: CustomerKind, of_events: bool, field: str) -> tuple[CustomerKind | None, str]:
    """Who has the field (None: events), and what it is called there."""
    if of_events:
        return None, field
    if kind == CustomerKind.USER and field.startswith(COMPANY):
        return CustomerKind.COMPANY, field.removeprefix(COMPANY)
    return kind, field


def _can_be_offered(value: str) -> bool:
    return len(value) <= LONGEST_VALUE and not UNSPEAKABLE.search(value)


# --- Fields


def _known_fields(kind: CustomerKind, of_events: bool) -> list[Option]:
    known = labels.EVENT_FIELDS if of_events else labels.CUSTOMER_FIELDS[kind]
    types = {path: EVENT_COLUMNS[path][1] if of_events else find_field(kind, path).type for path in known}
    return [
        Option(label, label, note=labels.TYPES[types[path]], type=types[path], words=path)
        for path, label in known.items()
    ]


def _seen_fields(kind: CustomerKind, of_events: bool, now: datetime) -> list[Option]:
    if of_events:
        return [_field_option(each.path, each) for each in _fields(None, now)]
    own = [_field_option(each.path, each) for each in _fields(kind, now) if _is_free(each.path)]
    if kind == CustomerKind.USER:
        companies = _fields(CustomerKind.COMPANY, now)
        own += [_field_option(COMPANY + each.path, each) for each in companies if _is_free(each.path)]
    return own


def _is_free(path: str) -> bool:
    """Whether the field is one of the customer's own data, which has no well-known name."""
    own = path.startswith(("metadata.", "subscription.metadata."))
    return own and path not in ("metadata.email", "metadata.name")


def _field_option(path: str, seen: FieldSeen) -> Option:
    types = [labels.TYPES[type_] for type_ in sorted(seen.rows, key=lambda type_: -seen.rows[type_])]
    note = types[0] if len(types) == 1 else f"varies: {', '.join(types)}"
    return Option(path, path, words=path, note=note, type=seen.type)


def _fields(owner: CustomerKind | None, now: datetime) -> Sequence[FieldSeen]:
    return _kept(now, ("fields", owner), lambda snapshot: snapshot.fields_seen(owner))


# --- Values


def _value_option(seen: ValueSeen) -> Option:
    if isinstance(seen.value, bool):
        text, type_ = ("true" if seen.value else "false"), FieldType.BOOLEAN
    elif isinstance(seen.value, float):
        text = str(int(seen.value)) if seen.value.is_integer() and abs(seen.value) < 1e15 else repr(seen.value)
        type_ = FieldType.NUMBER
    else:
        text, type_ = seen.value, FieldType.TEXT
    return Option(text, text if text.strip() else f'"{text}"', note=f"({seen.rows:,})", type=type_)


# --- What was read, kept for a short while

_kept_answers: OrderedDict[Any, tuple[datetime, Any]] = OrderedDict()
_keeping = threading.Lock()


def _kept(now: datetime, question: tuple[object, ...], ask: Callable[[Any], Sequence[Answer]]) -> Sequence[Answer]:
    """The answer of a minute ago, or a new one. Nothing where the columns cannot be read: one can write as well."""
    key = (settings.EVENTS_URL, *question)
    with _keeping:
        at, answer = _kept_answers.get(key, (None, []))
    if at is not None and abs(now - at) < KEPT_FOR:
        found: Sequence[Answer] = answer
        return found
    try:
        with open_columns().snapshot(now) as snapshot:
            found = ask(snapshot)
    except ColumnsDamaged as damage:
        log.warning("no suggestions: %s", damage)
        return []
    with _keeping:
        _kept_answers[key] = (now, found)
        while len(_kept_answers) > MOST_KEPT:
            _kept_answers.popitem(last=False)
    return found
