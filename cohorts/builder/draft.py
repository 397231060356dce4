"""A document that is being edited, whatever it defines: what its parts, its templates and its endpoint know of it."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, Self
from zoneinfo import ZoneInfo

from django.utils import timezone

from cohorts.builder.faults import is_open, say_fault
from cohorts.builder.paths import get, identify
from cohorts.builder.suggestions import seen_type
from cohorts.criteria import CriteriaError
from cohorts.time_zones import time_zones
from ingest.fields import FieldType
from ingest.models import CustomerKind


class Draft(ABC):
    """A document as it stands in the form, valid or not."""

    time_zone: str

    @property
    @abstractmethod
    def given(self) -> dict[str, Any]:
        """The document, so that the paths of faults and inputs lead into it."""

    @property
    @abstractmethod
    def fault(self) -> CriteriaError | None:
        """Why it is not valid; None when it is."""

    @property
    @abstractmethod
    def criteria(self) -> str:
        """The last valid document as compact JSON."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where its form is posted."""

    @abstractmethod
    def edited(self, wanted: str) -> tuple[Self, str]:
        """After an edit of the structure, and the path of what to go on with. Raises Refused."""

    # --- For its templates

    @property
    def is_valid(self) -> bool:
        return self.fault is None

    @property
    def fingerprint(self) -> str:
        """Differs where the valid definition does."""
        return hashlib.sha256("\n".join(self._told).encode("utf-8", "replace")).hexdigest()[:16]

    @property
    def _told(self) -> list[str]:
        return [self.criteria, self.time_zone]

    @property
    def time_zones(self) -> list[str]:
        return time_zones()

    # --- For its parts

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def fault_path(self) -> str:
        return self.fault.path if self.fault else ""

    @property
    def fault_id(self) -> str:
        return identify(self.fault_path) if self.fault_path else ""

    @property
    def fault_text(self) -> str:
        return say_fault(self.fault, self._value_at_fault) if self.fault else ""

    @property
    def fault_is_open(self) -> bool:
        return self.fault is not None and is_open(self.fault, self._value_at_fault)

    @property
    def _value_at_fault(self) -> Any:
        try:
            return get(self.given, self.fault_path)
        except LookupError:
            return None

    def seen_type(self, kind: CustomerKind, of_events: bool, field: str) -> FieldType:
        """The type that most values of the field have."""
        return seen_type(kind, of_events, field, timezone.now())
