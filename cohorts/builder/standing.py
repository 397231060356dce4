"""What stands at a path of a document, and the way from there to what stands below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, TypeVar
from zoneinfo import ZoneInfo

from cohorts.builder.fit import field_type, inner_kind
from cohorts.builder.paths import identify
from ingest.fields import FieldType
from ingest.models import CustomerKind

SomeStanding = TypeVar("SomeStanding", bound="Standing")


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
class Standing:
    """What stands at a path (None: nothing). `kind` is the customer, `of_events` whether an event is asked of."""

    around: Around
    path: str
    value: Any
    kind: CustomerKind
    of_events: bool = False
    beside: str = ""
    "The field of the condition that a value belongs to."

    @property
    def at(self) -> Mapping[str, Self]:
        """`part.at.within`: what stands under a key."""
        return _Keys(self)

    def under(self, key: str) -> Self:
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
    def as_event_field(self) -> Self:
        """The same as the name of a field of events."""
        return replace(self, of_events=True)

    @property
    def items(self) -> list[Self]:
        """The items of the list here."""
        values = self.value if isinstance(self.value, list) else []
        return [replace(self, path=f"{self.path}[{place}]", value=value) for place, value in enumerate(values)]

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

    @property
    def type(self) -> FieldType:
        """The type of the field of the condition here, or of the one that this value belongs to."""
        name = self.value.get("field", "") if isinstance(self.value, dict) and "field" in self.value else self.beside
        return field_type(name, self.kind, self.of_events)


class _Keys(Mapping[str, SomeStanding]):
    """`part.at`: templates look keys up in it."""

    def __init__(self, standing: SomeStanding) -> None:
        self._standing = standing

    def __getitem__(self, key: str) -> SomeStanding:
        return self._standing.under(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._standing.value if isinstance(self._standing.value, dict) else {})

    def __len__(self) -> int:
        return len(list(iter(self)))
