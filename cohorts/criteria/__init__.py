"""The criteria language: what a cohort's definition may say, and what it means.

`parse` is the only way in. A new kind of leaf is one file here, one line in LEAVES, and one template fragment with
its inputs (see `LeafKind` and `cohorts/builder/README.md`).
"""

from __future__ import annotations

from cohorts.criteria import aggregate, cohort, company, first, performed, profile, ratio, sequence, trend, users
from cohorts.criteria.ahead import Ahead, Unforeseeable, foretell
from cohorts.criteria.definition import Criteria
from cohorts.criteria.errors import CriteriaError
from cohorts.criteria.leaf import Before, EventSeen, Evidence, Leaf, LeafKind, Matched, View, parse_node
from cohorts.criteria.place import MAX_DEPTH, MAX_LEAVES, Place, read_object
from cohorts.criteria.steps import Steps
from cohorts.criteria.windows import Clock
from ingest.models import CustomerKind

__all__ = [
    "LEAVES",
    "MAX_DEPTH",
    "MAX_LEAVES",
    "Ahead",
    "Before",
    "Clock",
    "Criteria",
    "CriteriaError",
    "EventSeen",
    "Evidence",
    "Leaf",
    "LeafKind",
    "Matched",
    "Steps",
    "Unforeseeable",
    "View",
    "foretell",
    "parse",
]

VERSION = 1
DOCUMENT_KEYS = ("version", "match")
LEAVES: dict[str, LeafKind] = {
    "field": profile.KIND,
    "performed": performed.KIND,
    "aggregate": aggregate.KIND,
    "ratio": ratio.KIND,
    "trend": trend.KIND,
    "sequence": sequence.KIND,
    "first": first.KIND,
    "cohort": cohort.KIND,
    "company": company.KIND,
    "users": users.KIND,
}
"The key that tells the kind of a leaf -> the kind. The builder offers them in this order."
PARSERS = {key: kind.parse for key, kind in LEAVES.items()}


def parse(document: object, kind: CustomerKind) -> Criteria:
    """The criteria of a document, for customers of the kind. Raises CriteriaError with the path of the first fault."""
    root = Place("", kind, leaf_kinds=PARSERS)
    given = read_object(document, root, 'an object {"version": 1, "match": ...}', DOCUMENT_KEYS, DOCUMENT_KEYS)
    if given["version"] != VERSION or isinstance(given["version"], bool):
        raise root.key("version").fault(f"expected {VERSION}")
    return Criteria(given, kind, parse_node(given["match"], root.key("match")))
