"""Addresses of the cohorts' pages and of their part of the management API."""

from __future__ import annotations

from django.urls import URLPattern
from rest_framework.routers import SimpleRouter

from cohorts.api import CohortViewSet, CustomerViewSet

pages: list[URLPattern] = []

api = SimpleRouter()
api.register("cohorts", CohortViewSet)
api.register("customers", CustomerViewSet)
