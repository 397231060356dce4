"""A file of YAML: what it may hold, and how its texts are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

VERSION = 1
SECTIONS = ("cohorts", "channels", "subscriptions", "alert_rules")
REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
KEY = re.compile(r"[-a-zA-Z0-9_]{1,100}")


class Fault(Exception):
    """What is wrong with a file, and where: the path of the place, `cohorts.heavy.period`, empty for the whole."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path


@dataclass(frozen=True)
class File:
    """By key the documents of cohorts, channels and alert rules, and subscriptions by (key of the cohort, key of the
    channel)."""

    cohorts: Mapping[str, dict[str, Any]]
    channels: Mapping[str, dict[str, Any]]
    subscriptions: Mapping[tuple[str, str], dict[str, Any]]
    alert_rules: Mapping[str, dict[str, Any]]


class _Loader(yaml.SafeLoader):
    """Reads texts, numbers, true, false and null as JSON does: `on` is an operator and `15:30` a time of the day.

    A key that stands twice in a mapping is refused: one of the two would be lost.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(None, None, "expected a text as key", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f'"{key}" stands twice', key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"null|~|", ["n", "~", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"-?(0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", list("-0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def read_file(path: Path, environment: Mapping[str, str]) -> File:
    """The file with `${NAME}` in the settings of channels replaced. Raises Fault."""
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise Fault("", f"cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise Fault("", f"is not YAML: {' '.join(str(error).split())}") from None
    return take_apart(found, environment)


def take_apart(found: Any, environment: Mapping[str, str]) -> File:
    """The parts of what was read. Raises Fault."""
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise Fault("version", f"expected {VERSION}")
    unknown = sorted(set(found) - {"version", *SECTIONS})
    if unknown:
        raise Fault(unknown[0], f"unknown; expected {', '.join(SECTIONS)}")
    channels = {
        key: {**document, "config": _resolved(document.get("config"), f"channels.{key}.config", environment)}
        for key, document in _by_key(found, "channels").items()
    }
    subscriptions = _subscriptions(found.get("subscriptions") or [])
    return File(_by_key(found, "cohorts"), channels, subscriptions, _by_key(found, "alert_rules"))


def _by_key(found: dict[str, Any], section: str) -> dict[str, dict[str, Any]]:
    given = found.get(section) or {}
    if not isinstance(given, dict):
        raise Fault(section, "expected a mapping from keys")
    for key, document in given.items():
        if not KEY.fullmatch(key):
            raise Fault(f"{section}.{key}", "expected a key of letters, digits, - and _, at most 100")
        if not isinstance(document, dict):
            raise Fault(f"{section}.{key}", "expected a mapping")
    return given


def _subscriptions(given: Any) -> dict[tuple[str, str], dict[str, Any]]:
    if not isinstance(given, list):
        raise Fault("subscriptions", "expected a list")
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for index, each in enumerate(given):
        path = f"subscriptions[{index}]"
        if not isinstance(each, dict):
            raise Fault(path, "expected a mapping")
        for name in ("cohort", "channel"):
            if not isinstance(each.get(name), str):
                raise Fault(f"{path}.{name}", f"expected the key of a {name}")
        pair = (each["cohort"], each["channel"])
        if pair in found:
            raise Fault(path, f'"{pair[0]}" on "{pair[1]}" stands twice')
        found[pair] = {name: value for name, value in each.items() if name not in ("cohort", "channel")}
    return found


def _resolved(value: Any, path: str, environment: Mapping[str, str]) -> Any:
    """The settings with each text `${NAME}` replaced by that variable of the environment."""
    if isinstance(value, dict):
        return {name: _resolved(each, f"{path}.{name}", environment) for name, each in value.items()}
    if isinstance(value, list):
        return [_resolved(each, f"{path}[{index}]", environment) for index, each in enumerate(value)]
    found = REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    if not environment.get(found[1]):
        raise Fault(path, f"the environment has no {found[1]}")
    return environment[found[1]]
