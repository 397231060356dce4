"""Addresses of email to which nothing is sent any more: who wanted no more mail, and where mail comes back.

Fed by the link in every mail, and by what mail providers report; checked before each send; lifted by people.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from anymail.signals import AnymailTrackingEvent, EventType, RejectReason
from django.utils import timezone

from notifications.message import one_line
from notifications.models import Suppression

FOR_GOOD = (None, RejectReason.BOUNCED, RejectReason.INVALID)
"""Reasons of a bounce after which another mail comes back too; a timeout or a block may pass."""
LONGEST_DETAIL = 300


def suppress(address: str, reason: str, at: datetime, detail: str = "") -> Suppression:
    """Send nothing to the address any more; what is known of it already stays."""
    values = {"reason": reason, "detail": one_line(detail, LONGEST_DETAIL), "created_at": at}
    return Suppression.objects.get_or_create(address=address.lower(), defaults=values)[0]


def suppressed(address: str) -> Suppression | None:
    """Why nothing is sent to the address, if so."""
    return Suppression.objects.filter(address=address.lower()).first()


def note_event(sender: object, event: AnymailTrackingEvent, esp_name: str, **_signal: Any) -> None:
    """Take what a mail provider reports: of mails that came back, and of people who complained or unsubscribed."""
    reason = {
        EventType.BOUNCED: Suppression.Reason.BOUNCED,
        EventType.COMPLAINED: Suppression.Reason.COMPLAINED,
        EventType.UNSUBSCRIBED: Suppression.Reason.UNSUBSCRIBED,
    }.get(event.event_type)
    passes = reason == Suppression.Reason.BOUNCED and event.reject_reason not in FOR_GOOD
    if reason is not None and event.recipient and not passes:
        said = event.mta_response or event.description or ""
        suppress(event.recipient, reason, event.timestamp or timezone.now(), f"{esp_name}: {said}".rstrip(": "))
