"""A document as the templates show it: each value with its path, its fault, and the choices that fit it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse

from cohorts.builder import labels
from cohorts.builder.fit import field_type, inner_kind
from cohorts.builder.local_times import DATE_TO_CHOOSE, to_local
from cohorts.builder.paths import identify
from cohorts.criteria import LEAVES, MAX_DEPTH, MAX_LEAVES, LeafKind
from cohorts.criteria.calendars import CALENDARS
from cohorts.criteria.conditions import NEGATIVES
from cohorts.models import Cohort
from ingest.fields import FieldType
from ingest.models import CustomerKind

MOST_SHOWN = 8
"Values of a list that have an input each; longer lists are written as lines."
UNSPEAKABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)
"Characters that an input loses or that show as nothing: such texts are written as JSON."


class Around(Protocol):
    """What parts know of the builder that they belong to."""

    @property
    def zone(self) -> ZoneInfo: ...
    @property
    def fault_path(self) -> str: ...
    @property
    def fault_text(self) -> str: ...
    @property
    def fault_is_open(self) -> bool: ...
    def seen_type(self, kind: CustomerKind, of_events: bool, field: str) -> FieldType: ...


@dataclass(frozen=True)
class Part:
    """What stands at a path (None: nothing). `kind` is the customer, `of_events` whether an event is asked of."""

    around: Around
    path: str
    value: Any
    kind: CustomerKind
    of_events: bool = False
    beside: str = ""
    "The field of the condition that a value belongs to."

    # --- Going through the document

    @property
    def at(self) -> Mapping[str, Part]:
        """`part.at.within`: what stands under a key."""
        return _Keys(self)

    def under(self, key: str) -> Part:
        """What stands under a key of the object here, which may be nothing."""
        object_ = self.value if isinstance(self.value, dict) else {}
        return replace(
            self,
            path=f"{self.path}.{key}",
            value=object_.get(key),
            kind=inner_kind(object_, key, self.kind),
            of_events=self.of_events or key == "where",
            beside=str(object_["field"]) if "field" in object_ else self.beside,
        )

    @property
    def as_event_field(self) -> Part:
        """The same as the name of a field of events."""
        return replace(self, of_events=True)

    @property
    def items(self) -> list[Part]:
        """The items of the list here."""
        values = self.value if isinstance(self.value, list) else []
        return [replace(self, path=f"{self.path}[{place}]", value=value) for place, value in enumerate(values)]

    # --- What every input needs

    @property
    def id(self) -> str:
        return identify(self.path)

    @property
    def fault(self) -> str:
        """What is wrong here, in words; empty when nothing is."""
        return self.around.fault_text if self.around.fault_path == self.path else ""

    @property
    def is_wrong(self) -> bool:
        """Whether what was filled in is wrong, and not just missing still."""
        return bool(self.fault) and not self.around.fault_is_open

    # --- Nodes

    @property
    def shape(self) -> str:
        """`all`, `any`, `not`, the key that tells the kind of a leaf, or nothing."""
        keys = self.value if isinstance(self.value, dict) else {}
        return next((key for key in ("all", "any", "not", *LEAVES) if key in keys), "")

    @property
    def is_group(self) -> bool:
        return self.shape in ("all", "any") and isinstance(self.value[self.shape], list)

    @property
    def is_too_deep(self) -> bool:
        """Whether this lies deeper than any valid definition, so far that showing it could break the page."""
        return len(re.findall(r"(all|any)\[|\.not\b", self.path)) > 2 * MAX_DEPTH

    @property
    def rows(self) -> list[Part]:
        """The children of a group, or as many as can be valid; a node that stands alone is its own only row."""
        if self.is_group:
            return self.under(self.shape).items[: MAX_LEAVES + 1]
        return [] if self.value is None else [self]

    @property
    def joiner(self) -> str:
        return "or" if self.shape == "any" else "and"

    @property
    def leaf(self) -> LeafKind | None:
        return LEAVES.get(self.shape)

    @property
    def template(self) -> list[str]:
        """The fragment of the kind of leaf here; for what has none, the document itself."""
        return [*([f"cohorts/criteria/{self.leaf.form}.html"] if self.leaf else []), "cohorts/builder/unknown.html"]

    @property
    def offered(self) -> list[tuple[str, LeafKind]]:
        """The kinds of leaves that this node can be given."""
        return [(key, leaf) for key, leaf in LEAVES.items() if self.kind in leaf.customers]

    @property
    def kinds(self) -> labels.Choices:
        """The same, as choices; the present kind among them."""
        present = [(self.shape, self.leaf.label)] if self.leaf and self.kind not in self.leaf.customers else []
        return [(key, leaf.label) for key, leaf in self.offered] + present

    @property
    def json(self) -> str:
        return json.dumps(self.value, separators=(",", ":"))

    # --- Conditions

    @property
    def type(self) -> FieldType:
        """The type of the field of the condition here, or of the one that this value belongs to."""
        name = self.value.get("field", "") if isinstance(self.value, dict) and "field" in self.value else self.beside
        return field_type(name, self.kind, self.of_events)

    @property
    def field_label(self) -> str:
        """The name of the field here as people know it."""
        return labels.LABELS.get(str(self.value), str(self.value or ""))

    @property
    def operators(self) -> list[tuple[str, labels.Choices]]:
        return labels.operators_of(self.type)

    @property
    def value_form(self) -> str:
        """Which inputs the value of the condition here has."""
        op = str(self.value.get("op"))
        positive = NEGATIVES.get(op, op)
        return {
            "exists": "",
            "is": "values",
            "between": "range",
            "before": "moment",
            "after": "moment",
            "on": "period",
            **dict.fromkeys((">", ">=", "<", "<="), "number"),
        }.get(positive, "text")

    # --- Values

    @property
    def values(self) -> list[Part]:
        """The values of a condition that takes one or several."""
        return self.items if isinstance(self.value, list) else [self]

    @property
    def takes_others(self) -> bool:
        """Whether another value beside this one makes sense: yes or no leaves none."""
        return not isinstance(self.value, bool)

    @property
    def list_form(self) -> str:
        """How many values are written: each in an input, one a line, or all as JSON."""
        if not isinstance(self.value, list) or len(self.value) <= MOST_SHOWN:
            return ""
        if all(isinstance(item, str) and item == item.strip() and item for item in self.value):
            return "json" if any(UNSPEAKABLE.search(item) for item in self.value) else "lines"
        if self.type == FieldType.NUMBER and not any(isinstance(item, bool | dict | list) for item in self.value):
            return "numbers"
        return "json"

    @property
    def lines(self) -> str:
        return "\n".join(map(_say, self.value))

    @property
    def scalar_form(self) -> str:
        """How the one value here is written: by the type of its field, else by its own."""
        if isinstance(self.value, str) and UNSPEAKABLE.search(self.value):
            return "json"
        if self.type in (FieldType.NUMBER, FieldType.BOOLEAN):
            return str(self.type)
        return "text" if self.type != FieldType.ANY else "typed"

    @property
    def needs_json(self) -> bool:
        return self.scalar_form == "json"

    @property
    def values_url(self) -> str:
        """Where the values are that were seen of the field that this value belongs to."""
        field, of = self.beside, "event" if self.of_events else "customer"
        if ".action_name" in self.path and not self.beside:
            field, of = "action_name", "event"
        return f"{reverse('builder_values', args=[self.kind])}?{urlencode({'of': of, 'field': field})}"

    @property
    def value_types(self) -> labels.Choices:
        return labels.VALUE_TYPES

    @property
    def value_type(self) -> str:
        """The type of a value that can be of any; of one still to be written, that seen most in the data."""
        if isinstance(self.value, bool):
            return "boolean"
        if self.value is None or isinstance(self.value, int | float):
            return "number"
        if self.value == "":
            seen = self.around.seen_type(self.kind, self.of_events, self.beside)
            return seen.value if seen in (FieldType.NUMBER, FieldType.BOOLEAN) else "text"
        return "text"

    @property
    def text(self) -> str:
        """What its input shows."""
        return _say(self.value)

    # --- Events

    @property
    def event_types(self) -> labels.Choices:
        """The types of events; none named is any, too."""
        given = self.value.get("type") if isinstance(self.value, dict) else None
        return [*labels.EVENT_TYPES[:-1], ("any" if given == "any" else "", labels.EVENT_TYPES[-1][1])]

    @property
    def takes_names(self) -> bool:
        """Whether events like these have names: API calls have none, though a definition may ask for it."""
        return isinstance(self.value, dict) and (self.value.get("type") != "api_call" or "action_name" in self.value)

    # --- Figures, sequences, other customers and cohorts

    @property
    def comparisons(self) -> labels.Choices:
        return labels.COMPARISONS

    @property
    def figures(self) -> labels.Choices:
        return labels.FIGURES

    @property
    def endings(self) -> labels.Choices:
        return labels.ENDINGS

    @property
    def ending(self) -> str:
        """How the sequence here ends: given up, or completed with or without a limit of time."""
        match self.value:
            case {"completed": False}:
                return "abandoned"
            case {"each_within": _}:
                return "limited"
        return "done"

    @property
    def shares(self) -> labels.Choices:
        return labels.SHARES

    @property
    def share(self) -> str:
        """Of which users the leaf here asks."""
        return str(self.value["are"]) if isinstance(self.value, dict) and "are" in self.value else "least"

    @property
    def cohorts(self) -> labels.Choices:
        """The cohorts of the kind, by name; a value that is none of them stays to be seen."""
        stored = Cohort.objects.filter(kind=self.kind).order_by("name").values_list("pk", "name")
        known = [(str(pk), name) for pk, name in stored]
        other = str(self.value or "")
        return [("", "Choose a cohort"), *known] + ([(other, other)] if other and other not in dict(known) else [])

    # --- Times

    @property
    def units(self) -> labels.Choices:
        return labels.UNITS

    @property
    def periods(self) -> list[tuple[str, labels.Choices]]:
        return labels.PERIODS

    @property
    def windows(self) -> list[tuple[str, labels.Choices]]:
        return labels.WINDOWS

    @property
    def rolling_windows(self) -> list[tuple[str, labels.Choices]]:
        """The windows that have one of equal length before; one of another form that is here stays to be seen."""
        others = [] if self.window_form in ("last", "between") else labels.WINDOWS[1:]
        return [*labels.WINDOWS[:1], *others]

    @property
    def times(self) -> labels.Choices:
        return labels.TIMES

    @property
    def is_written(self) -> bool:
        """Whether there is a time, and not one still to be chosen."""
        return self.value not in (None, "", DATE_TO_CHOOSE)

    @property
    def count(self) -> str:
        """`7` of `7d`."""
        return str(self.value or "").rstrip("smhdw")

    @property
    def unit(self) -> str:
        text = str(self.value or "d")
        return text[-1] if text[-1] in "smhdw" else "d"

    @property
    def local(self) -> str:
        """A fixed instant as people of the cohort's time zone write it."""
        return to_local(self.value, self.around.zone)

    @property
    def moment_form(self) -> str:
        if isinstance(self.value, dict):
            return "in" if "in" in self.value else "ago"
        if self.type == FieldType.ANY and not (isinstance(self.value, str) and self.value):
            return "number"
        return "date" if self.local or not self.is_written else "text"

    @property
    def moments(self) -> labels.Choices:
        is_bound = self.path.endswith("]")
        numbers = [("number", "number")] if self.type == FieldType.ANY and is_bound else []
        return numbers + labels.MOMENTS + ([("text", "as text")] if self.moment_form == "text" else [])

    @property
    def age(self) -> Part:
        """The duration of an age."""
        return self.under(self.moment_form)

    @property
    def inside_moment(self) -> str:
        """The name of the input of a moment that is no age: it stands in the form where an object would."""
        return f"{self.path}.{self.moment_form}"

    @property
    def period_form(self) -> str:
        return str(self.value.get("calendar", "last")) if isinstance(self.value, dict) else "last"

    @property
    def window_form(self) -> str:
        match self.value:
            case {"calendar": name}:
                return str(name) if name in CALENDARS else "today"
            case {"from": _} | {"to": _}:
                return "between"
            case {"after": _, "before": _}:
                return "dates"
            case {"after": _}:
                return "since"
            case {"before": _}:
                return "until"
            case {"ever": _}:
                return "ever"
        return "last"

    @property
    def times_form(self) -> str:
        match self.value:
            case {"at_least": low, "at_most": high}:
                return "exactly" if low == high else "between"
            case {"at_most": high}:
                return "most" if high != 0 else "never"
        return "least"


class _Keys(Mapping[str, Part]):
    """`part.at`: templates look keys up in it."""

    def __init__(self, part: Part) -> None:
        self._part = part

    def __getitem__(self, key: str) -> Part:
        return self._part.under(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._part.value if isinstance(self._part.value, dict) else {})

    def __len__(self) -> int:
        return len(list(iter(self)))


def _say(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
