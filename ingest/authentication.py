"""Who calls: an API key (collector and management API) or a person's session, and what a key's scopes admit."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from ingest.keys import find_key, trusted_key
from ingest.models import ApiKey, Scope
from ingest.problems import CHALLENGE

if TYPE_CHECKING:
    from rest_framework.views import APIView  # imports this module, by the settings


UNKNOWN = "The API key is unknown, revoked or expired."


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>`, for the management API; `request.auth` is the ApiKey."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        text = bearer_token(request)
        if text is None:
            return None
        key = find_key(text, timezone.now())
        if key is None:
            raise AuthenticationFailed(UNKNOWN)
        return AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def sender_of(request: HttpRequest, now: datetime) -> ApiKey:
    """The key that a sender gives: `X-Moesif-Application-Id`, else HTTP Basic with the key as user name, else Bearer.

    A key that is revoked opens the collector for up to `TRUSTED_FOR` more. Raises NotAuthenticated,
    AuthenticationFailed, PermissionDenied.
    """
    text = request.META.get("HTTP_X_MOESIF_APPLICATION_ID") or basic_user(request) or bearer_token(request)
    key = trusted_key(text, now) if text else None
    if key is None:
        raise NotAuthenticated if text is None else AuthenticationFailed(UNKNOWN)
    if Scope.COLLECTOR not in key.scopes:
        raise PermissionDenied(HasScope.message)
    return key


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


def bearer_token(request: HttpRequest | Request) -> str | None:
    """The token after `Bearer`, or none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def basic_user(request: HttpRequest | Request) -> str | None:
    """The user name of HTTP Basic, or none."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""
