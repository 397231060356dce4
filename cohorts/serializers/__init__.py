"""The management API's forms of cohorts, their members and changes, lists, previews and customers."""

from __future__ import annotations

from cohorts.serializers.fields import PausedField, PeriodField, StrictSerializer

__all__ = ["PausedField", "PeriodField", "StrictSerializer"]
