"""The pages that belong to no single app: home, login, and the style page that shows every component."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth import views as auth_views
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from cohorts.enums import ChangeKind
from cohorts.models import Cohort, MembershipChange
from cohortsite.styles import EXAMPLES
from ingest.models import Customer, CustomerKind
from notifications.models import Delivery, Subscription


class LoginView(auth_views.LoginView):
    """The login page. A page's own htmx request that lands here, its session over, reloads the whole page instead."""

    template_name = "login.html"
    redirect_authenticated_user = True

    def get(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if "HX-Request" in request.headers:
            return HttpResponse(headers={"HX-Refresh": "true"})
        return super().get(request, *args, **kwargs)


def home(request: HttpRequest) -> HttpResponse:
    """What there is, and what moved in the last day."""
    return render(request, "cohortsite/home.html", {"now": (now := timezone.now()), **_counts(now)})


def _counts(now: datetime) -> dict[str, object]:
    since = now - timedelta(days=1)
    customers = dict(Customer.objects.values_list("kind").annotate(Count("id")).order_by())
    return {
        "users": customers.get(CustomerKind.USER, 0),
        "companies": customers.get(CustomerKind.COMPANY, 0),
        "cohorts": Cohort.objects.count(),
        "broken": list(Cohort.objects.exclude(error="").order_by("name")[:5]),
        "subscriptions": Subscription.objects.count(),
        "moved": MembershipChange.objects.filter(changed_at__gt=since).aggregate(
            joined=Count("id", filter=Q(change=ChangeKind.ADDED)),
            left=Count("id", filter=Q(change=ChangeKind.REMOVED)),
        ),
        "deliveries": Delivery.objects.filter(created_at__gt=since).aggregate(
            delivered=Count("id", filter=Q(state=Delivery.State.DELIVERED)),
            pending=Count("id", filter=Q(state=Delivery.State.PENDING)),
            dead=Count("id", filter=Q(state=Delivery.State.DEAD)),
        ),
    }


def styles(request: HttpRequest) -> HttpResponse:
    """Every component in every state; only where DEBUG is on."""
    return render(request, "cohortsite/styles.html", EXAMPLES | {"now": timezone.now()})


def styles_dialog(request: HttpRequest) -> HttpResponse:
    """A dialog, as htmx fetches it."""
    return render(request, "cohortsite/styles_dialog.html", EXAMPLES)
