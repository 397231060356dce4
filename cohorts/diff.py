"""What changed between two sets of members. Pure: bitmaps in, bitmaps out."""

from __future__ import annotations

from dataclasses import dataclass

from pyroaring import BitMap


@dataclass(frozen=True)
class MembershipDiff:
    """The customers who joined and those who left; no customer is in both."""

    added: BitMap
    removed: BitMap

    @property
    def changed(self) -> BitMap:
        """Everybody who moved."""
        return self.added | self.removed


def diff(before: BitMap, after: BitMap) -> MembershipDiff:
    """The changes that turn the members `before` into the members `after`."""
    return MembershipDiff(added=after - before, removed=before - after)
