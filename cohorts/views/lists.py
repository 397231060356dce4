"""Static lists: make one, see what an edit would change, do it."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from cohorts.lists import Edited, Wish, read_ids
from cohorts.models import Cohort
from cohorts.refresh import take_effect
from cohorts.views.access import LISTS, find_list, may_add, may_change
from ingest.models import Customer, CustomerKind

MOST_IDS = 500_000
LARGEST_FILE = 50_000_000
SHOWN = 20
ADD, REMOVE, REPLACE = "add", "remove", "replace"


class NewListForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a list is called and what it is for."""

    class Meta:
        model = Cohort
        fields = ["name", "description"]
        widgets = {"name": forms.TextInput(attrs={"autofocus": True}), "description": forms.Textarea(attrs={"rows": 2})}


class ListForm(forms.Form):
    """Ids, typed or in a file, and what is to be done with them."""

    what = forms.ChoiceField(
        label="These ids",
        choices=[(ADD, "are added"), (REMOVE, "are removed"), (REPLACE, "are the whole list: others are removed")],
        initial=ADD,
    )
    ids = forms.CharField(
        label="Ids, one a line",
        required=False,
        max_length=LARGEST_FILE,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )
    file = forms.FileField(
        label="Or a CSV file",
        required=False,
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv"}),
    )
    make = forms.BooleanField(label="Add ids that nobody has heard of yet as new customers", required=False)

    def __init__(self, kind: CustomerKind, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.kind = kind
        self.fields["file"].help_text = f"The ids stand in the column {kind}_id or id, else in the first one."

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        found: list[str] = []
        for lines in self._sources(cleaned):
            found += read_ids(self.kind, lines)
            if len(found) > MOST_IDS:
                raise forms.ValidationError(f"expected at most {MOST_IDS:,} ids at once")
        if not found:
            raise forms.ValidationError("There are no ids yet: type some, or choose a file.")
        cleaned["found"] = found
        return cleaned

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file and file.size > LARGEST_FILE:
            raise forms.ValidationError(f"expected a file of at most {LARGEST_FILE // 1_000_000} MB")
        return file

    def _sources(self, cleaned: dict[str, Any]) -> Iterable[Iterable[str]]:
        if cleaned.get("ids"):
            yield cleaned["ids"].splitlines()
        if cleaned.get("file"):
            yield io.TextIOWrapper(cleaned["file"].file, encoding="utf-8", errors="replace", newline="")

    @property
    def wish(self) -> Wish:
        """What it asks for; call after `is_valid`."""
        what, ids = self.cleaned_data["what"], self.cleaned_data["found"]
        if what == REMOVE:
            return Wish(remove=ids)
        return Wish(add=ids, replace=what == REPLACE, make=self.cleaned_data["make"])


@require_http_methods(["GET", "POST"])
@may_add
def new_list(request: HttpRequest, kind: CustomerKind) -> HttpResponse:
    """The dialog that makes an empty list; its page to put somebody on it comes next."""
    form = NewListForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        now = timezone.now()
        made: Cohort = form.save(commit=False)
        made.kind, made.is_list, made.criteria = kind, True, {}
        made.created_at, made.created_by = now, request.user  # type: ignore[assignment]
        made.save()
        take_effect(made, now)
        return HttpResponse(headers={"HX-Redirect": reverse("edit_list", args=[made.pk])})
    return render(request, "cohorts/list/new.html", {"form": form}, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
@may_change
def edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The page to put customers on a list and take them off it."""
    cohort, now = find_list(pk), timezone.now()
    form = ListForm(CustomerKind(cohort.kind), request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data.get("file")
        edited = form.wish.fulfil(cohort, now, by=request.user, note=file.name if file else "")
        take_effect(cohort, now)
        messages.success(request, _say(edited))
        return HttpResponse(headers={"HX-Redirect": reverse("cohort", args=[cohort.pk])})
    context = {"title": "Edit the list", "place": LISTS[cohort.kind], "list": LISTS[cohort.kind], "cohort": cohort}
    if request.method == "POST":
        return render(request, "cohorts/list/preview.html", {**context, "form": form}, status=422)
    return render(request, "cohorts/list/page.html", {**context, "form": form})


@require_POST
@may_change
def preview(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """What the edit would change. It only reads."""
    cohort = find_list(pk)
    form = ListForm(CustomerKind(cohort.kind), request.POST, request.FILES)
    context: dict[str, Any] = {"cohort": cohort, "form": form, "most": SHOWN}
    if form.is_valid():
        wish = form.wish
        plan = wish.plan(cohort)
        context |= {
            "plan": plan,
            "given": len(set(form.cleaned_data["found"])),
            "adding": _some(plan.moved.added),
            "removing": _some(plan.moved.removed),
            "makes": wish.make,
        }
    return render(request, "cohorts/list/preview.html", context)


@require_POST
@may_change
def remove(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Take one customer off the list."""
    cohort, now = find_list(pk), timezone.now()
    customer = Customer.objects.filter(kind=cohort.kind, external_id=request.POST.get("id", "")).first()
    if customer is None:
        return HttpResponseBadRequest("There is no such customer.")
    Wish(remove=[customer.external_id]).fulfil(cohort, now, by=request.user)
    take_effect(cohort, now)
    messages.success(request, f"Removed {customer.external_id} from the list.")
    return HttpResponse(headers={"HX-Refresh": "true"})


def _some(customers: Any) -> list[Customer]:
    return list(Customer.objects.filter(pk__in=list(customers[:SHOWN])).order_by("pk"))


def _say(edited: Edited) -> str:
    told = f"Added {len(edited.moved.added):,}, removed {len(edited.moved.removed):,}."
    left_out = len(edited.unknown) + len(edited.erased)
    return f"{told} {left_out:,} ids were left out: nobody has them." if left_out else told
