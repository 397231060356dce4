"""The way out of the mails, for people without an account: the link in each of them, and the button of mail programs.

Only a POST unsubscribes: scanners follow links. Mail programs post without asking (RFC 8058), people confirm a page.
"""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from cohorts.paging import page_of
from notifications.channels.email import unsubscribing
from notifications.models import Suppression
from notifications.suppression import suppress


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask, or do it when posted to: no more of the list, or no mails at all. The token names address and list, and
    shows that this site wrote to it."""
    way_out = unsubscribing(token)
    if way_out is None:
        raise Http404
    done, everything = request.method == "POST", "everything" in request.POST
    if done:
        address, list_id, name = way_out
        left = {} if everything else {"list_id": list_id, "list_name": name}
        suppress(address, Suppression.Reason.UNSUBSCRIBED, timezone.now(), **left)
    context = {"way_out": way_out, "done": done, "everything": everything}
    return render(request, "notifications/unsubscribe.html", context)


@permission_required("notifications.view_suppression", raise_exception=True)
@require_GET
def suppressions(request: HttpRequest) -> HttpResponse:
    """The addresses to which nothing is sent, and why."""
    page = page_of(Suppression.objects.order_by("-created_at", "pk"), request.GET.get("page"))
    context = {"title": "Suppressed addresses", "place": "channels", "page": page}
    return render(request, "notifications/suppressions.html", context)


@permission_required("notifications.delete_suppression", raise_exception=True)
@require_POST
def lift_suppression(request: HttpRequest, pk: int) -> HttpResponse:
    """Send to the address again from now on."""
    get_object_or_404(Suppression, pk=pk).delete()
    return redirect("suppressions")
