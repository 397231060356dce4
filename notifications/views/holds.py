"""What is held until somebody sends or drops it, on the pages of deliveries and home."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from notifications.holds import decide
from notifications.models import Hold
from notifications.overview import held
from notifications.views.answers import done

CHANGED = "holds-changed"
"""The event by which the list renews itself."""
TEXTS = {
    Hold.Decision.SEND: "It is sent with the next cycle.",
    Hold.Decision.DROP: "Dropped: nobody is told.",
}


@permission_required("notifications.view_hold", raise_exception=True)
def holds(request: HttpRequest) -> HttpResponse:
    """The list alone, as it renews itself."""
    return render(request, "notifications/held.html", {"held": held()})


@permission_required("notifications.change_hold", raise_exception=True)
@require_POST
def decide_hold(request: HttpRequest, pk: int, decision: Hold.Decision) -> HttpResponse:
    """Send or drop what is held, if the customers are still those that the person saw."""
    hold = get_object_or_404(Hold.objects.only("subscription"), pk=pk)
    seen = request.POST.get("revision", "")
    revision = int(seen) if seen.isascii() and seen.isdigit() else 0
    if not decide(hold, decision, request.user, timezone.now(), revision):
        return done("It was decided already, or changed meanwhile: look again.", CHANGED, tone="warn")
    return done(TEXTS[decision], CHANGED)
