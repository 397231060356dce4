"""Every refusal is problem+json with a code, a sentence and the fields at fault."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import serializers
from rest_framework.exceptions import Throttled, ValidationError
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from ingest.problems import Problem


def answer_to(error: Exception) -> Response:
    class Failing(APIView):
        authentication_classes = ()
        permission_classes = ()

        def get(self, request):
            raise error

    return Failing.as_view()(APIRequestFactory().get("/")).render()


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Problem(409, "conflict", "Someone else changed it."), 409, "conflict"),
        (Http404("secret detail"), 404, "not_found"),
        (PermissionDenied("secret detail"), 403, "permission_denied"),
        (OperationalError("secret detail"), 503, "unavailable"),
        (InterfaceError("secret detail"), 503, "unavailable"),
        (ZeroDivisionError("secret detail"), 500, "internal_error"),
        (ValidationError({"name": ["Too long."]}), 400, "invalid"),
        (Throttled(wait=7), 429, "throttled"),
    ],
)
def test_every_error_has_a_status_a_code_and_a_sentence(error, status, code):
    answer = answer_to(error)
    assert (answer.status_code, answer.data["status"], answer.data["code"]) == (status, status, code)
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.data["title"]
    assert answer.data["detail"]
    assert "secret detail" not in answer.content.decode()
    assert answer.has_header("Retry-After") == (status in (429, 503))


def test_a_problem_names_the_path_of_the_fault():
    errors = [{"path": "match.all[1].within.last", "message": 'expected a duration such as "7d"'}]
    answer = answer_to(Problem(400, "invalid_criteria", "The criteria are invalid.", errors, {"hint": "x"}))
    assert answer.data["errors"] == errors
    assert answer.data["hint"] == "x"


def test_the_errors_of_serializers_become_paths():
    class Inner(serializers.Serializer):
        size = serializers.IntegerField()

    class Outer(serializers.Serializer):
        name = serializers.CharField()
        inner = Inner()
        many = Inner(many=True)
        sizes = serializers.ListField(child=serializers.IntegerField())

        def validate(self, values):
            raise ValidationError("Never right.")

    broken = Outer(data={"inner": {"size": "x"}, "many": [{"size": 1}, {}], "sizes": [1, "x"]})
    with pytest.raises(ValidationError) as caught:
        broken.is_valid(raise_exception=True)
    paths = [error["path"] for error in answer_to(caught.value).data["errors"]]
    assert sorted(paths) == ["inner.size", "many[1].size", "name", "sizes[1]"]
    whole = Outer(data={"name": "n", "inner": {"size": 1}, "many": [], "sizes": []})
    with pytest.raises(ValidationError) as caught:
        whole.is_valid(raise_exception=True)
    assert answer_to(caught.value).data["errors"] == [{"path": "", "message": "Never right."}]
