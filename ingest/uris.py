"""Addresses as they are stored: without logins, and without the values of parameters that may carry a secret."""

from __future__ import annotations

import re

from ingest.headers import stored_name

DROPPED = "(dropped)"
_LOGIN = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?//)[^/?#@]*@")
_PARAMETER = re.compile("(?<=[?&;#])([^=&;#]*)=[^&;#]*")


def stored_uri(uri: str) -> str:
    """`https://u:p@api.test/a?api_key=1&b=2` -> `https://api.test/a?api_key=(dropped)&b=2`."""
    if "@" in uri and (login := _LOGIN.match(uri)):
        uri = login[1] + uri[login.end() :]
    return _PARAMETER.sub(_kept, uri) if "=" in uri else uri


def _kept(parameter: re.Match[str]) -> str:
    name = parameter[1]
    return parameter[0] if stored_name(name) else f"{name}={DROPPED}"
