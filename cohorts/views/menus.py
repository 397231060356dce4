"""The "..." menu of a cohort: what this person may do with it."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from cohorts.models import Cohort


def menu_of(cohort: Cohort, person: Any) -> list[dict[str, str]]:
    """Items for components/menu.html."""
    own: dict[str, Any] = {"args": [cohort.pk]}
    items = []
    if person.has_perm("cohorts.change_cohort"):
        items += [
            {"label": "Edit the list", "icon": "playlist_add", "href": reverse("edit_list", **own)}
            if cohort.is_list
            else {"label": "Edit criteria", "icon": "tune", "href": reverse("cohort_edit", **own)},
            {"label": "Edit name and period…", "icon": "edit", "get": reverse("cohort_details", **own)},
            {"label": "Evaluate now", "icon": "refresh", "post": reverse("evaluate_cohort", **own)},
            {"label": "Resume", "icon": "play_arrow", "post": reverse("resume_cohort", **own)}
            if cohort.paused_at
            else {"label": "Pause", "icon": "pause", "post": reverse("pause_cohort", **own)},
        ]
    if person.has_perm("cohorts.add_cohort") and not cohort.is_list:
        items.append({"label": "Duplicate…", "icon": "content_copy", "get": reverse("duplicate_cohort", **own)})
    if person.has_perm("cohorts.view_backtest") and not cohort.is_list:
        items.append({"label": "Try on the past…", "icon": "history", "get": reverse("cohort_backtest", **own)})
    items.append({"label": "Read members by API", "icon": "code", "get": reverse("cohort_recipe", **own)})
    if person.has_perm("cohorts.delete_cohort"):
        items.append({"label": "Delete…", "icon": "delete", "tone": "bad", "get": reverse("delete_cohort", **own)})
    return items
