"""What keys and sessions may do in the management API."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from ingest.keys import find_key, make_key
from ingest.models import ApiKey, Scope
from tests.factories import make_api_key, make_person

pytestmark = pytest.mark.django_db


class Things(APIView):
    def get(self, request):
        return Response({})

    post = delete = get


class GuardedThings(Things):
    required_scopes = {"POST": Scope.ADMIN}


def ask(method: str, view=Things, authorization: str | None = None, user=None):
    headers = {"Authorization": authorization} if authorization is not None else {}
    request = getattr(APIRequestFactory(), method)("/", headers=headers)
    if user is not None:
        force_authenticate(request, user)
    return view.as_view()(request)


@pytest.mark.parametrize(("method", "scope"), [("get", Scope.READ), ("post", Scope.WRITE), ("delete", Scope.WRITE)])
def test_reading_asks_for_read_and_changing_for_write(method, scope):
    others = [other for other in Scope if other != scope]
    assert ask(method, authorization=f"Bearer {make_api_key(scope)}").status_code == 200
    assert ask(method, authorization=f"Bearer {make_api_key(*others)}").status_code == 403


def test_a_view_may_ask_for_another_scope_by_method():
    admin, write = make_api_key(Scope.ADMIN, Scope.READ), make_api_key(Scope.WRITE)
    assert ask("post", GuardedThings, f"Bearer {admin}").status_code == 200
    assert ask("post", GuardedThings, f"Bearer {write}").status_code == 403
    assert ask("get", GuardedThings, f"Bearer {admin}").status_code == 200


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer nonsense", "Basic abc", ""])
def test_without_a_live_key_the_answer_is_401_with_a_challenge(authorization):
    answer = ask("get", authorization=authorization)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_people_are_admitted_when_they_are_staff():
    assert ask("post", user=make_person(staff=True, superuser=False)).status_code == 200
    assert ask("post", user=make_person(staff=False, superuser=False)).status_code == 403


def test_a_key_acts_for_no_person():
    text = make_api_key(Scope.READ)
    seen = {}

    class Look(APIView):
        def get(self, request):
            seen.update(user=request.user, auth=request.auth)
            return Response({})

    ask("get", Look, f"bearer {text}")
    assert isinstance(seen["user"], AnonymousUser)
    assert seen["auth"] == find_key(text, timezone.now())


def test_the_use_of_a_key_is_remembered():
    key, text = make_key("n", [Scope.READ], timezone.now())
    ask("get", authorization=f"Bearer {text}")
    assert ApiKey.objects.get(pk=key.pk).last_used_at is not None
