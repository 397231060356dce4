"""A document as the templates show it: each value with its path, its fault, and the choices that fit it."""

from __future__ import annotations

import json
import re
from typing import Self

from cohorts.builder import labels
from cohorts.builder.times import OfTimes
from cohorts.builder.values import OfValues
from cohorts.criteria import LEAVES, MAX_DEPTH, MAX_LEAVES, LeafKind
from cohorts.criteria.conditions import NEGATIVES
from cohorts.models import Cohort


class Part(OfValues, OfTimes):
    """What stands at a path, as any template may ask of it."""

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
    def rows(self) -> list[Self]:
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
