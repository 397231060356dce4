"""What is kept of request and response bodies: only the paths that the administrator lists in KEPT_BODY_PATHS,
without those in DROPPED_BODY_PATHS.

This happens before anything is stored: what is not kept is not in the inbox either.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
from django.conf import settings

from ingest.values import without_nulls

MAX_READ = 64_000
"""Bytes; of a larger body nothing is kept."""


def keep_body(side: str, message: dict[str, Any], fields: dict[str, Any]) -> None:
    """Put the kept part of `message["body"]` into `fields["body"]`; `side` is `request` or `response`.

    Base64 bodies have no paths, nor have cut-off ones, which are marked with `body_cut_off`. Raises Rejected.
    """
    body = message.get("body")
    if type(body) is not dict or message.get("transfer_encoding") == "base64":
        return
    paths = _paths(side, tuple(settings.KEPT_BODY_PATHS))
    if not paths:
        return
    if len(msgspec.json.encode(body)) > MAX_READ:
        fields["body_cut_off"] = True
        return
    kept: dict[str, Any] = {}
    for path in paths:
        _copy(path, body, kept)
    if kept:
        fields["body"] = without_nulls(kept, f"{side}.body")
        for path in _paths(side, tuple(settings.DROPPED_BODY_PATHS)):
            _drop(path, fields["body"])


@lru_cache(maxsize=64)
def _paths(side: str, listed: tuple[str, ...]) -> list[list[str]]:
    prefix = f"{side}.body."
    return [name.removeprefix(prefix).split(".") for name in listed if name.startswith(prefix)]


def _copy(path: list[str], source: Any, target: dict[str, Any]) -> None:
    """Copy the value at the path, through objects only."""
    *parents, last = path
    for name in parents:
        source = source.get(name) if isinstance(source, dict) else None
    if isinstance(source, dict) and source.get(last) is not None:
        for name in parents:
            target = target.setdefault(name, {})
        target[last] = source[last]


def _drop(path: list[str], value: Any) -> None:
    """Delete what is at the path, in every object of an array on the way, and also under a key that holds dots."""
    if type(value) is list:
        for each in value:
            _drop(path, each)
    elif type(value) is dict:
        for length in range(1, len(path) + 1):
            key = ".".join(path[:length])
            if length == len(path):
                value.pop(key, None)
            elif key in value:
                _drop(path[length:], value[key])
