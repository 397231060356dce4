"""The site with its style page, which otherwise exists only where DEBUG is on, and a page with the builder alone."""

from __future__ import annotations

from django.urls import path

from cohortsite import views
from cohortsite.urls import urlpatterns as site
from tests.e2e.builder_page import builder_follows, builder_page

urlpatterns = [
    *site,
    path("styles/", views.styles, name="styles"),
    path("styles/dialog/", views.styles_dialog, name="styles_dialog"),
    path("builder-page/<kind>/", builder_page),
    path("builder-follows/", builder_follows),
]
