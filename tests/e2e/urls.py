"""The site with its style page, which otherwise exists only where DEBUG is on."""

from __future__ import annotations

from django.urls import path

from cohortsite import views
from cohortsite.urls import urlpatterns as site

urlpatterns = [
    *site,
    path("styles/", views.styles, name="styles"),
    path("styles/dialog/", views.styles_dialog, name="styles_dialog"),
]
