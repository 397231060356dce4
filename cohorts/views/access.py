"""Who may open the pages of cohorts, and which cohort an address is about."""

from __future__ import annotations

import uuid

from django.contrib.auth.decorators import permission_required
from django.db.models import F
from django.http import Http404
from django.shortcuts import get_object_or_404

from cohorts.models import Cohort

may_see = permission_required("cohorts.view_cohort", raise_exception=True)
may_add = permission_required("cohorts.add_cohort", raise_exception=True)
may_change = permission_required("cohorts.change_cohort", raise_exception=True)
may_delete = permission_required("cohorts.delete_cohort", raise_exception=True)
LISTS = {"user": "user_cohorts", "company": "company_cohorts"}
"""Per kind the view with its saved cohorts: where the sidebar says one is."""


def find_list(pk: uuid.UUID) -> Cohort:
    """The cohort whose members are a list, or the answer 404."""
    cohort = find_cohort(pk)
    if not cohort.is_list:
        raise Http404("This cohort has criteria.")
    return cohort


def find_dynamic(pk: uuid.UUID) -> Cohort:
    """The cohort that has criteria, or the answer 404."""
    cohort = find_cohort(pk)
    if cohort.is_list:
        raise Http404("This cohort is a list and has no criteria.")
    return cohort


def find_cohort(pk: uuid.UUID) -> Cohort:
    """The cohort with its number of members, or the answer 404."""
    cohorts = Cohort.objects.select_related("created_by").annotate(member_count=F("membership__count"))
    return get_object_or_404(cohorts, pk=pk)
