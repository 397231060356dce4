"""Addresses of email to which nothing is sent any more: who wanted no more mail, and where mail comes back.

Fed by the link in every mail, and by what mail providers report; checked before each send; lifted by people. Who
unsubscribes gets no more mail of one list, which is a cohort or an alert rule, or none at all.
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
ALL_MAILS = ""
"""In place of a list's id."""
LONGEST_DETAIL = 300


def suppress(
    address: str, reason: str, at: datetime, detail: str = "", *, list_id: str = ALL_MAILS, list_name: str = ""
) -> Suppression:
    """Send nothing, or nothing of the list, to the address any more; what is known of it already stays."""
    values = {"reason": reason, "detail": one_line(detail, LONGEST_DETAIL), "list_name": list_name, "created_at": at}
    return Suppression.objects.get_or_create(address=address.lower(), list_id=list_id, defaults=values)[0]


def suppressed(address: str, list_id: str) -> Suppression | None:
    """Why nothing of the list is sent to the address, if so."""
    found = Suppression.objects.filter(address=address.lower(), list_id__in=[ALL_MAILS, list_id])
    return found.order_by("list_id").first()


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
