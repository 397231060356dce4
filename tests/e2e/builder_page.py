"""A page with nothing but the builder, and a region that follows the definition as other pages' regions do."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.utils.html import escape

from cohorts.builder import builder_from

PAGE = """
{% extends "base.html" %}{% load static %}
{% block head %}<link rel="stylesheet" href="{% static 'cohortsite/builder.css' %}">{% endblock %}
{% block scripts %}<script src="{% static 'cohortsite/builder.js' %}" defer></script>{% endblock %}
{% block content %}
  <div class="stack">
    {% include "cohorts/builder/builder.html" with builder=builder only %}
    <p class="value" id="follows" hx-get="/builder-follows/" hx-include="#definition"
      hx-trigger="definition-changed from:body"></p>
  </div>
{% endblock %}
"""


def builder_page(request: HttpRequest, kind: str) -> HttpResponse:
    """The builder of the definition in the address."""
    context = {"title": "Builder", "builder": builder_from(request.GET, kind)}
    return HttpResponse(engines["django"].from_string(PAGE).render(context, request))


def builder_follows(request: HttpRequest) -> HttpResponse:
    """What a region of a page is told of the definition."""
    told = (request.GET.get(name, "-") for name in ("criteria", "time_zone", "week_starts_on"))
    return HttpResponse(escape("\n".join(told)))
