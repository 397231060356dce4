"""Who calls: an API key (collector and management API) or a person's session, and what a key's scopes admit."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from ingest.keys import find_key
from ingest.models import ApiKey, Scope

if TYPE_CHECKING:
    from rest_framework.views import APIView  # imports this module, by the settings


class KeyAuthentication(BaseAuthentication):
    """Finds the key with the text that `key_text` takes from the request; `request.auth` is the ApiKey."""

    def key_text(self, request: Request) -> str | None:
        """The key as sent, or none when this request carries none in the form looked for."""
        return bearer_token(request)

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        text = self.key_text(request)
        if text is None:
            return None
        key = find_key(text, timezone.now())
        if key is None:
            raise AuthenticationFailed("The API key is unknown, revoked or expired.")
        return AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="cohortsite"'


class BearerAuthentication(KeyAuthentication):
    """`Authorization: Bearer <key>`, for the management API."""


class CollectorAuthentication(KeyAuthentication):
    """`X-Moesif-Application-Id`, else HTTP Basic with the key as user name, else Bearer."""

    def key_text(self, request: Request) -> str | None:
        return request.headers.get("X-Moesif-Application-Id") or basic_user(request) or bearer_token(request)


class HasScope(BasePermission):
    """A key needs the scope that the view asks for; a person with a session must be staff.

    Views may set `required_scopes = {"POST": Scope.ADMIN}`; otherwise reading asks for `read`, changing for `write`.
    """

    message = "The API key lacks the scope for this."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if isinstance(request.auth, ApiKey):
            return self._scope(request, view) in request.auth.scopes
        return request.user.is_authenticated and request.user.is_staff

    def _scope(self, request: Request, view: Any) -> str:
        asked = getattr(view, "required_scopes", {})
        return str(asked.get(request.method, Scope.READ if request.method in SAFE_METHODS else Scope.WRITE))


def bearer_token(request: Request) -> str | None:
    """The token after `Bearer`, or none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def basic_user(request: Request) -> str | None:
    """The user name of HTTP Basic, or none."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""
