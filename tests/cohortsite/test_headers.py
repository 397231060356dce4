from __future__ import annotations

import pytest

from tests.factories import make_person

STRICT = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "font-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "frame-src 'self'",
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}


def directives(response):
    return {directive.strip() for directive in response["Content-Security-Policy"].split(";")}


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/", "/login/", "/nowhere/", "/adminish/"])
def test_our_own_pages_run_and_load_nothing_but_our_files(client, address):
    assert directives(client.get(address)) == STRICT


@pytest.mark.django_db
def test_only_the_admin_may_evaluate(client):
    client.force_login(make_person())
    admin, api, own = (directives(client.get(address)) for address in ("/admin/", "/api/docs/", "/"))
    assert "script-src 'self' 'unsafe-eval'" in admin
    assert "script-src 'self'" in api
    assert "script-src 'self'" in own
    assert not any("unsafe-inline" in directive for directive in own)


def test_the_other_headers_stand_on_every_answer(client):
    response = client.get("/login/")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]
