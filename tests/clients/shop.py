"""A small real Django application that reports its calls with the published middleware `moesifdjango`.

Runs in a process of its own, `python tests/clients/shop.py PORT COLLECTOR KEY`: settings can be made once per process.
"""

from __future__ import annotations

import sys

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path


def order(request: HttpRequest, number: int) -> JsonResponse:
    """An order that is there."""
    return JsonResponse({"order": number})


def bad(request: HttpRequest) -> JsonResponse:
    """The caller's mistake."""
    return JsonResponse({"error": "missing amount"}, status=400)


def broken(request: HttpRequest) -> JsonResponse:
    """The shop's own mistake."""
    raise RuntimeError("out of stock")


urlpatterns = [path("orders/<int:number>", order), path("bad", bad), path("broken", broken)]


def configure(collector: str, key: str) -> None:
    """Settings as `docs/sdks.md` shows them; events are sent every second instead of every two."""
    settings.configure(
        SECRET_KEY="x" * 50,
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="__main__",
        MIDDLEWARE=["moesifdjango.middleware.moesif_middleware"],
        MOESIF_MIDDLEWARE={
            "APPLICATION_ID": key,
            "BASE_URI": collector,
            "EVENT_BATCH_TIMEOUT": 1,
            "IDENTIFY_USER": lambda request, response: request.headers.get("X-User"),
            "IDENTIFY_COMPANY": lambda request, response: request.headers.get("X-Company"),
        },
        LOGGING_CONFIG=None,
    )


if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    _, port, collector, key = sys.argv
    configure(collector, key)
    server = make_server("127.0.0.1", int(port), get_wsgi_application())
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever()
