"""How the HTTP interfaces say that something is wrong: `application/problem+json` with a stable code and a sentence."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response

logger = logging.getLogger("django.request")

CONTENT_TYPE = "application/problem+json"
CHALLENGE = 'Bearer realm="cohortsite"'
RETRY_AFTER = 5
"""Seconds after which a sender may try again when the database could not be reached."""


class Problem(exceptions.APIException):
    """A refusal with its status, a code that programs can rely on, and a sentence for people.

    `errors` names the faulty fields: `[{"path": "match.all[1]", "message": "expected ..."}]`; `extra` are further
    members of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Sequence[Mapping[str, str]] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail, code)
        self.status_code = status
        self.code = code
        self.errors = errors
        self.extra = extra or {}


def handle_exception(exc: Exception, context: dict[str, Any]) -> Response:
    """The answer to whatever a view raised; what nobody foresaw is logged and told without its details."""
    exc = _told(exc, context.get("view"))
    return Response(_document(exc), status=exc.status_code, headers=_headers(exc), content_type=CONTENT_TYPE)


def plain_answer(exc: Exception, view: object) -> HttpResponse:
    """The same for a view that answers without Django REST framework."""
    exc = _told(exc, view)
    content = msgspec.json.encode(_document(exc))
    return HttpResponse(content, status=exc.status_code, headers=_headers(exc), content_type=CONTENT_TYPE)


def _told(exc: Exception, view: object) -> exceptions.APIException:
    """As it is told to the caller; what is our fault is logged."""
    exc = _as_api_exception(exc)
    if exc.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("%s failed", type(view).__name__, exc_info=exc.__cause__ or exc)
    return exc


def _as_api_exception(exc: Exception) -> exceptions.APIException:
    if isinstance(exc, exceptions.APIException):
        return exc
    if isinstance(exc, Http404):
        return Problem(404, "not_found", "There is nothing at this address.")
    if isinstance(exc, PermissionDenied):
        return Problem(403, "permission_denied", "You may not do this.")
    if isinstance(exc, OperationalError | InterfaceError):
        return _caused(Problem(503, "unavailable", "The database cannot be reached right now. Please try again."), exc)
    return _caused(Problem(500, "internal_error", "Something went wrong here. It has been logged."), exc)


def _caused(problem: Problem, exc: Exception) -> Problem:
    problem.__cause__ = exc
    return problem


def _document(exc: exceptions.APIException) -> dict[str, Any]:
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(exc.status_code).phrase,
        "status": exc.status_code,
        "code": _code(exc),
    }
    if isinstance(exc, exceptions.ValidationError):
        errors = list(field_errors("", exc.detail))
        document["detail"] = "Some values cannot be used: " + "; ".join(_line(error) for error in errors)
        document["errors"] = errors
        return document
    document["detail"] = str(exc.detail)
    if isinstance(exc, Problem):
        document["errors"] = list(exc.errors)
        document.update(exc.extra)
    return document


def _code(exc: exceptions.APIException) -> str:
    if isinstance(exc, Problem):
        return exc.code
    if isinstance(exc, exceptions.ValidationError):
        return "invalid"
    return str(getattr(exc.detail, "code", None) or exc.default_code)


def field_errors(path: str, detail: Any) -> Iterator[dict[str, str]]:
    """Django REST framework's nested errors as a flat list of paths and messages."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from field_errors(_joined(path, name), inner)
    elif isinstance(detail, list) and any(isinstance(inner, Mapping | list) for inner in detail):
        for index, inner in enumerate(detail):
            yield from field_errors(_joined(path, index), inner)
    elif isinstance(detail, list):
        yield from ({"path": path, "message": str(message)} for message in detail)
    else:
        yield {"path": path, "message": str(detail)}


def _joined(path: str, name: str | int) -> str:
    if isinstance(name, int):
        return f"{path}[{name}]"
    if name == "non_field_errors":
        return path
    return f"{path}.{name}" if path else name


def _line(error: Mapping[str, str]) -> str:
    return f"{error['path']}: {error['message']}" if error["path"] else error["message"]


def _headers(exc: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if exc.status_code == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = CHALLENGE
    if exc.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER)
    if (wait := getattr(exc, "wait", None)) is not None:
        headers["Retry-After"] = str(int(wait) + 1)
    return headers
