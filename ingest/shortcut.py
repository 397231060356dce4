"""The collector's requests go past everything that only pages need: sessions, people, forms, policies of content."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from ingest.urls import urlpatterns

Handler = Callable[[HttpRequest], HttpResponse]


class CollectorShortcut:
    """The first middleware: answers at the addresses of the collector, leaves all others alone."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.views: dict[str, Handler] = {f"/{address.pattern}": address.callback for address in urlpatterns}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.views.get(request.path_info, self.get_response)(request)
