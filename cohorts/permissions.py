"""What a person with a session may do through the API, the same as in the admin and on the pages, and who it is."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from ingest.models import ApiKey

VERBS = {"GET": "view", "HEAD": "view", "OPTIONS": "view", "POST": "add", "PATCH": "change", "DELETE": "delete"}


class HasModelPermission(BasePermission):
    """A person needs Django's permission on the view's model; a key is judged by its scopes alone.

    Views may set `required_verbs = {"POST": "change"}` for methods that do something else than usual.
    """

    message = "You may not do this."

    def has_permission(self, request: Request, view: Any) -> bool:
        if isinstance(request.auth, ApiKey):
            return True
        method = str(request.method)
        verb = getattr(view, "required_verbs", {}).get(method, VERBS.get(method))
        model = view.queryset.model._meta
        return verb is not None and request.user.has_perm(f"{model.app_label}.{verb}_{model.model_name}")


def person_of(request: Request) -> User | None:
    """Who asks; nobody where a key does."""
    return request.user if isinstance(request.user, User) else None


def key_of(request: Request) -> str:
    """`API key NAME` where a key asks, else nothing."""
    return f"API key {request.auth.name}" if isinstance(request.auth, ApiKey) else ""
