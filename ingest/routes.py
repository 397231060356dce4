"""The templated path of a URI: `https://api.acme.test/purchases/42?a=1` -> `/purchases/:id`."""

from __future__ import annotations

import re

OTHERS = "(other routes)"
"""Stands for the template of a call where there are too many of them (`ingest.known_routes`), or it is too long."""
LONGEST = 200
_HOST = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*")
_HEX = "[0-9A-Fa-f]"
_ID = re.compile(
    rf"(?:^|(?<=/))(?:[0-9]+|{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}|(?=[A-Fa-f]*[0-9]){_HEX}{{8,}})(?=/|\Z)"
)


def route_of(uri: str) -> str:
    """The path without host, query and fragment, in which segments that look like ids became `:id`.

    At most LONGEST characters, else OTHERS.
    """
    host = _HOST.match(uri)
    path = (uri[host.end() :] if host else uri).partition("#")[0].partition("?")[0]
    route = _ID.sub(":id", path) or "/"
    return route if len(route) <= LONGEST else OTHERS
