"""The criteria language: what a cohort's definition may say, and what it means.

`parse` is the only way in. A new kind of leaf is one file here and one line in LEAVES.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cohorts.criteria import performed, profile
from cohorts.criteria.definition import Criteria
from cohorts.criteria.errors import CriteriaError
from cohorts.criteria.leaf import Evidence, Leaf, Matched, View, parse_node
from cohorts.criteria.place import Place, read_object
from cohorts.criteria.windows import Clock
from ingest.models import CustomerKind

__all__ = ["Clock", "Criteria", "CriteriaError", "Evidence", "Leaf", "Matched", "View", "parse"]

VERSION = 1
DOCUMENT_KEYS = ("version", "match")
LEAVES: dict[str, Callable[[dict[str, Any], Place], Leaf]] = {
    "field": profile.parse,
    "performed": performed.parse,
}
"The key that tells the kind of a leaf -> what parses it."


def parse(document: object, kind: CustomerKind) -> Criteria:
    """The criteria of a document, for customers of the kind. Raises CriteriaError with the path of the first fault."""
    root = Place("", kind, leaf_kinds=LEAVES)
    given = read_object(document, root, 'an object {"version": 1, "match": ...}', DOCUMENT_KEYS, DOCUMENT_KEYS)
    if given["version"] != VERSION or isinstance(given["version"], bool):
        raise root.key("version").fault(f"expected {VERSION}")
    return Criteria(given, kind, parse_node(given["match"], root.key("match")))
