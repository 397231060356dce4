"""Addresses of the cohorts' part of the management API."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from cohorts.api import CohortViewSet, CustomerViewSet

api = SimpleRouter()
api.register("cohorts", CohortViewSet)
api.register("customers", CustomerViewSet)
