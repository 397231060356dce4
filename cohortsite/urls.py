"""Addresses of the site."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from cohorts.urls import api as cohorts_api
from cohorts.urls import pages as cohorts_pages
from cohortsite import views
from notifications.alerts.urls import api as alerts_api
from notifications.alerts.urls import pages as alerts_pages
from notifications.urls import api as notifications_api
from notifications.urls import pages as notifications_pages

api: list[URLPattern | URLResolver] = [
    path("", include(cohorts_api.urls)),
    path("", include(notifications_api.urls)),
    path("", include(alerts_api.urls)),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    # The page's script has an address of its own: an inline one would need a hole in the content security policy.
    path("docs/", SpectacularSwaggerSplitView.as_view(), name="docs"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("first-event/", views.first_event, name="first_event"),
    path("keys/new/", views.create_sender_key, name="create_sender_key"),
    path("login/", views.LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("", include(cohorts_pages)),
    path("", include(notifications_pages)),
    path("", include(alerts_pages)),
    path("api/", include(api)),
    path("", include("ingest.urls")),
    *([path("hooks/mail/", include("anymail.urls"))] if settings.ANYMAIL.get("WEBHOOK_SECRET") else []),
]
if settings.DEBUG:
    urlpatterns += [
        path("styles/", views.styles, name="styles"),
        path("styles/dialog/", views.styles_dialog, name="styles_dialog"),
    ]
