"""The templated path of a URI: `https://api.acme.test/purchases/42?a=1` -> `/purchases/:id`."""

from __future__ import annotations

import re

_HOST = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*")
_HEX = "[0-9A-Fa-f]"
_ID = re.compile(
    rf"(?:^|(?<=/))(?:[0-9]+|{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}|(?=[A-Fa-f]*[0-9]){_HEX}{{8,}})(?=/|\Z)"
)


def route_of(uri: str) -> str:
    """The path without host, query and fragment, in which segments that look like ids became `:id`."""
    host = _HOST.match(uri)
    path = (uri[host.end() :] if host else uri).partition("#")[0].partition("?")[0]
    return _ID.sub(":id", path) or "/"
