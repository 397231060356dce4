"""Addresses of the cohorts' pages and of their part of the management API."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path
from rest_framework.routers import SimpleRouter

from cohorts.api import CohortViewSet, CustomerViewSet
from cohorts.backtest.api import BacktestViewSet
from cohorts.views import actions, backtest, builder, cohort, customer, editing, lists, lookup, save, saved
from ingest.models import CustomerKind

USERS, COMPANIES = {"kind": CustomerKind.USER}, {"kind": CustomerKind.COMPANY}

pages: list[URLPattern] = [
    path("builder/<kind>/", builder.builder, name="builder"),
    path("builder/<kind>/fields/", builder.builder_fields, name="builder_fields"),
    path("builder/<kind>/values/", builder.builder_values, name="builder_values"),
    path("users/", lookup.lookup, USERS, name="user_lookup"),
    path("users/results/", lookup.lookup_results, USERS, name="user_lookup_results"),
    path("users/columns/", lookup.lookup_columns, USERS, name="user_lookup_columns"),
    path("users/export/", lookup.lookup_export, USERS, name="user_lookup_export"),
    path("users/cohorts/new/", save.save_cohort, USERS, name="user_cohort_new"),
    path("companies/", lookup.lookup, COMPANIES, name="company_lookup"),
    path("companies/results/", lookup.lookup_results, COMPANIES, name="company_lookup_results"),
    path("companies/columns/", lookup.lookup_columns, COMPANIES, name="company_lookup_columns"),
    path("companies/export/", lookup.lookup_export, COMPANIES, name="company_lookup_export"),
    path("companies/cohorts/new/", save.save_cohort, COMPANIES, name="company_cohort_new"),
    path("users/backtests/new/", backtest.new_backtest, USERS, name="user_backtest_new"),
    path("companies/backtests/new/", backtest.new_backtest, COMPANIES, name="company_backtest_new"),
    path("users/lists/new/", lists.new_list, USERS, name="user_list_new"),
    path("companies/lists/new/", lists.new_list, COMPANIES, name="company_list_new"),
    path("cohorts/<uuid:pk>/list/", lists.edit, name="edit_list"),
    path("cohorts/<uuid:pk>/list/preview/", lists.preview, name="preview_list"),
    path("cohorts/<uuid:pk>/list/remove/", lists.remove, name="remove_from_list"),
    path("cohorts/<uuid:pk>/members.csv", cohort.members_export, name="cohort_members_export"),
    path("cohorts/<uuid:pk>/changes.csv", cohort.changes_export, name="cohort_changes_export"),
    path("cohorts/<uuid:pk>/backtest/", backtest.cohort_backtest, name="cohort_backtest"),
    path("backtests/<uuid:pk>/", backtest.backtest, name="backtest"),
    path("backtests/<uuid:pk>/results/", backtest.backtest_results, name="backtest_results"),
    path("backtests/<uuid:pk>/cancel/", backtest.cancel, name="cancel_backtest"),
    path("backtests/<uuid:pk>/who/", backtest.backtest_who, name="backtest_who"),
    path("users/cohorts/", saved.saved_cohorts, USERS, name="user_cohorts"),
    path("companies/cohorts/", saved.saved_cohorts, COMPANIES, name="company_cohorts"),
    path("cohorts/<uuid:pk>/", cohort.cohort_members, name="cohort"),
    path("cohorts/<uuid:pk>/outlook/", cohort.cohort_outlook, name="cohort_outlook"),
    path("cohorts/<uuid:pk>/history/", cohort.cohort_history, name="cohort_history"),
    path("cohorts/<uuid:pk>/changes/", cohort.cohort_changes, name="cohort_changes"),
    path("cohorts/<uuid:pk>/evaluations/", cohort.cohort_evaluations, name="cohort_evaluations"),
    path("cohorts/<uuid:pk>/notifications/", cohort.cohort_notifications, name="cohort_notifications"),
    path("cohorts/<uuid:pk>/edit/", editing.cohort_edit, name="cohort_edit"),
    path("cohorts/<uuid:pk>/edit/impact/", editing.cohort_impact, name="cohort_impact"),
    path("cohorts/<uuid:pk>/details/", actions.cohort_details, name="cohort_details"),
    path("cohorts/<uuid:pk>/pause/", actions.pause_cohort, {"paused": True}, name="pause_cohort"),
    path("cohorts/<uuid:pk>/resume/", actions.pause_cohort, {"paused": False}, name="resume_cohort"),
    path("cohorts/<uuid:pk>/evaluate/", actions.evaluate_cohort, name="evaluate_cohort"),
    path("cohorts/<uuid:pk>/duplicate/", actions.duplicate_cohort, name="duplicate_cohort"),
    path("cohorts/<uuid:pk>/delete/", actions.delete_cohort, name="delete_cohort"),
    path("cohorts/<uuid:pk>/recipe/", actions.cohort_recipe, name="cohort_recipe"),
    re_path("^customers/(?P<kind>user|company)/(?P<external_id>.+)/$", customer.customer, name="customer"),
    path("customers/<int:pk>/activity/", customer.customer_activity, name="customer_activity"),
    path("customers/<int:pk>/outlook/", customer.customer_outlook, name="customer_outlook"),
    path("customers/<int:pk>/timeline/", customer.customer_timeline, name="customer_timeline"),
    path("customers/<int:pk>/erase/", customer.erase, name="erase_customer"),
    path("events/<int:pk>/", customer.event, name="event"),
]

api = SimpleRouter()
api.register("cohorts", CohortViewSet)
api.register("customers", CustomerViewSet)
api.register("backtests", BacktestViewSet)
