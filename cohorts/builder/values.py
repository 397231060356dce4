"""Values as their inputs show them: one or several, each by its type."""

from __future__ import annotations

import json
import re
from typing import Any, Self
from urllib.parse import urlencode

from django.urls import reverse

from cohorts.builder import labels
from cohorts.builder.standing import Standing
from ingest.fields import FieldType

MOST_SHOWN = 8
"Values of a list that have an input each; longer lists are written as lines."
UNSPEAKABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)
"Characters that an input loses or that show as nothing: such texts are written as JSON."


class OfValues(Standing):
    """The value of a condition."""

    @property
    def values(self) -> list[Self]:
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


def _say(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
