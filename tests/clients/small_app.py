"""A small Django site of somebody who uses the moesifdjango middleware: `small_app.py COLLECTOR_ADDRESS KEY`.

Prints the port it listens on.
"""

from __future__ import annotations

import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path


def item(request: HttpRequest, id_: int) -> HttpResponse:
    response = JsonResponse({"id": id_})
    response.set_cookie("session", "canary-cookie")
    return response


def bad(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"error": "bad request"}, status=400)


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("broken")


urlpatterns = [path("items/<int:id_>", item), path("bad", bad), path("broken", broken)]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def main(address: str, key: str) -> None:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="small app",
        ROOT_URLCONF=__name__,
        MIDDLEWARE=["moesifdjango.middleware.moesif_middleware"],
        MOESIF_MIDDLEWARE={
            "APPLICATION_ID": key,
            "BASE_URI": address,
            "IDENTIFY_USER": lambda request, response: request.headers.get("X-User"),
            "IDENTIFY_COMPANY": lambda request, response: request.headers.get("X-Company"),
            "GET_METADATA": lambda request, response: {"app": "small"},
        },
    )
    with make_server("127.0.0.1", 0, get_wsgi_application(), Server) as server:
        sys.stdout.write(f"{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
