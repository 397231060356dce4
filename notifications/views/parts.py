"""Parts of the cohorts' pages that renew themselves when a subscription changes."""

from __future__ import annotations

import uuid

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from cohorts.models import Cohort


@permission_required(["cohorts.view_cohort", "notifications.view_subscription"], raise_exception=True)
def cohort_channels(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The channels told of a cohort, as a row of a list shows them."""
    return _part(request, pk, "channels")


@permission_required(["cohorts.view_cohort", "notifications.view_subscription"], raise_exception=True)
def cohort_subscriptions(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The subscriptions of a cohort, as its page shows them."""
    return _part(request, pk, "subscriptions")


def _part(request: HttpRequest, pk: uuid.UUID, part: str) -> HttpResponse:
    cohort = get_object_or_404(Cohort.objects.only("name", "kind"), pk=pk)
    return render(request, "notifications/part.html", {"cohort": cohort, "part": part})
