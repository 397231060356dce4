"""Security headers. What a page may load and run is decided here, by its path, and nowhere else.

Our own pages: nothing but files of this site, no inline script or style, no eval. The admin's theme evaluates
expressions and writes styles; the API's pages have inline styles; mail shown as it will look stands in a frame.
"""

from __future__ import annotations

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase

OWN_PAGES: dict[str, list[str]] = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF],
    "font-src": [SELF],
    "img-src": [SELF, "data:"],
    "connect-src": [SELF],
    "frame-src": [SELF],
    "manifest-src": [SELF],
    "form-action": [SELF],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
}
ADMIN = {**OWN_PAGES, "script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}
API_PAGES = {**OWN_PAGES, "style-src": [SELF, UNSAFE_INLINE]}
MAIL_IN_A_FRAME = {
    "default-src": [NONE],
    "style-src": [UNSAFE_INLINE],
    "img-src": [SELF, "data:"],
    "form-action": [NONE],
    "base-uri": [NONE],
    "frame-ancestors": [SELF],
    "sandbox": [""],
}
POLICIES = (("/admin/", ADMIN), ("/api/", API_PAGES), ("/mail-preview/", MAIL_IN_A_FRAME))

PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()" for feature in ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
)


def policy_for(path: str) -> dict[str, list[str]]:
    """The content security policy of the page at `path`: the directives and their sources."""
    return next((policy for prefix, policy in POLICIES if path.startswith(prefix)), OWN_PAGES)


class SecurityHeaders(CSPMiddleware):
    """Content-Security-Policy by path, and Permissions-Policy.

    The others are Django's own: nosniff, Referrer-Policy, X-Frame-Options, Cross-Origin-Opener-Policy.
    """

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        return PolicyParts() if report_only else PolicyParts(config=policy_for(request.path_info))

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return super().process_response(request, response)
