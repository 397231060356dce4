"""What the criteria builder asks for: itself after an edit, and suggestions for fields and values."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import wraps

from django.contrib.auth.decorators import permission_required
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from cohorts.builder import Refused, builder_from
from cohorts.builder.draft import Draft
from cohorts.builder.paths import identify
from cohorts.builder.suggestions import suggest_fields, suggest_values
from cohorts.criteria import MAX_LEAVES
from ingest.models import CustomerKind

TOO_LARGE = "This definition is too large to be edited here. It can be edited through the API."
TOO_MANY = f"That would be more than the {MAX_LEAVES} conditions that are possible."
View = Callable[[HttpRequest, CustomerKind], HttpResponse]


def _of_kind(view: View) -> Callable[[HttpRequest, str], HttpResponse]:
    """The view for the kind of customer that stands in the address, for those who may see customers: it offers
    values of theirs."""

    @permission_required("ingest.view_customer", raise_exception=True)
    @wraps(view)
    def checked(request: HttpRequest, kind: str) -> HttpResponse:
        if kind not in CustomerKind.values:
            raise Http404
        return view(request, CustomerKind(kind))

    return checked


@require_POST
@_of_kind
def builder(request: HttpRequest, kind: CustomerKind) -> HttpResponse:
    """The builder after what was typed, chosen or pressed; `?typed` answers only what follows from it."""
    return answer(request, lambda posted: builder_from(posted, kind), "cohorts/builder/answer.html")


def answer(request: HttpRequest, read: Callable[[QueryDict], Draft], template: str) -> HttpResponse:
    """What the form of a document becomes, and what follows from it; `read` makes the draft of what was posted."""
    try:
        posted = request.POST
    except (TooManyFieldsSent, RequestDataTooBig):
        return _refuse(TOO_LARGE)
    built, goes_on = read(posted), ""
    if "edit" in posted:
        with suppress(Refused):
            built, goes_on = built.edited(posted["edit"])
    response = render(request, template, {"builder": built, "typed": "typed" in request.GET})
    response["HX-Trigger-After-Swap"] = json.dumps(_events(built, posted.get("fingerprint", ""), goes_on))
    return response


def _events(built: Draft, before: str, goes_on: str) -> dict[str, object]:
    """What the page learns of beside the builder's new HTML."""
    fault = {"id": built.fault_id, "text": built.fault_text, "open": built.fault_is_open}
    events: dict[str, object] = {"builder-fault": fault}
    if goes_on:
        events["builder-go-on"] = {"id": identify(goes_on)}
    if built.fingerprint != before:
        events["definition-changed"] = {}
    return events


def _refuse(reason: str) -> HttpResponse:
    toast = json.dumps({"toast": {"text": reason, "tone": "warn"}})
    return HttpResponse(status=204, headers={"HX-Trigger": toast})


@require_GET
@_of_kind
def builder_fields(request: HttpRequest, kind: CustomerKind) -> HttpResponse:
    """Fields to choose from: well-known ones and those seen in the data."""
    asked = request.GET
    options = suggest_fields(kind, asked.get("of") == "event", asked.get("q", ""), timezone.now())
    return render(request, "cohorts/builder/options.html", {"options": options})


@require_GET
@_of_kind
def builder_values(request: HttpRequest, kind: CustomerKind) -> HttpResponse:
    """Values that a field was seen with, most frequent first."""
    asked = request.GET
    of_events = asked.get("of") == "event"
    options = suggest_values(kind, of_events, asked.get("field", ""), asked.get("q", ""), timezone.now())
    return render(request, "cohorts/builder/options.html", {"options": options})
