"""What stands beside the rows of the builder: how many customers each keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cohorts.builder.paths import identify
from cohorts.counts import Kept
from ingest.models import CustomerKind

NOUNS = {CustomerKind.USER: ("user", "users"), CustomerKind.COMPANY: ("company", "companies")}


def say_kept(conditions: Sequence[Kept]) -> dict[str, Any]:
    """Per id of a row's place the words, and whether the row is the one that leaves nobody."""
    return {f"{identify(each.path)}-kept": {"text": _say(each), "none": _is_dead(each)} for each in conditions}


def _say(kept: Kept) -> str:
    alone = f"{kept.count:,} {NOUNS[kept.kind][kept.count != 1]}"
    return alone if kept.left is None else f"{alone}, {kept.left:,} with those above"


def _is_dead(kept: Kept) -> bool:
    return not (kept.count if kept.left is None else kept.left)
