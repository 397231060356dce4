"""The site with one page more: everything that pages of cohorts show of notifications, and nothing else."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template import engines
from django.urls import path

from cohorts.models import Cohort
from cohortsite.urls import urlpatterns as site

PAGE = """{% extends "base.html" %}{% load notifications %}
{% block head %}{% include "notifications/head.html" %}{% endblock %}
{% block content %}<div class="stack">
  {% cohort_channels cohort %}{% cohort_subscriptions cohort %}{% cohort_batches cohort %}
</div>{% endblock %}"""


def told(request: HttpRequest, pk: str) -> HttpResponse:
    cohort = get_object_or_404(Cohort, pk=pk)
    page = engines["django"].from_string(PAGE)
    return HttpResponse(page.render({"title": "Told", "cohort": cohort}, request))


urlpatterns = [*site, path("told/<uuid:pk>/", told, name="told")]
