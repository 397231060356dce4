"""The builder's form as a browser reads it: what its inputs would send."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.template.loader import render_to_string

from cohorts.builder import Builder, builder_from, builder_of


def html_of(builder: Builder) -> str:
    """The whole builder as a page includes it."""
    return render_to_string("cohorts/builder/builder.html", {"builder": builder})


class _Inputs(HTMLParser):
    """Names and values of inputs, as the HTML standard submits them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sent: list[tuple[str, str]] = []
        self.name: str | None = None
        self.options: list[tuple[str | None, bool, str]] = []
        self.text: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input":
            value = given.get("value") or ""
            assert "\n" not in value or given.get("type") == "hidden", "a browser drops line breaks"
            self.sent.append((given["name"] or "", value))
        elif tag == "select":
            self.name, self.options = given["name"], []
        elif tag == "option":
            self.options.append((given.get("value"), "selected" in given, ""))
            self.text = ""
        elif tag == "textarea":
            self.name, self.text = given["name"], ""

    def handle_data(self, data: str) -> None:
        if self.text is not None:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "option":
            value, selected, _ = self.options.pop()
            self.options.append((self.text if value is None else value, selected, ""))
            self.text = None
        elif tag == "select":
            chosen = [value for value, selected, _ in self.options if selected]
            assert len(chosen) <= 1, f"{self.name}: {chosen}"
            self.sent.append((self.name or "", (chosen or [self.options[0][0]])[0] or ""))
        elif tag == "textarea":
            self.sent.append((self.name or "", (self.text or "").replace("\n", "\r\n")))
            self.text = None


def inputs_of(builder: Builder) -> list[tuple[str, str]]:
    """What the form sends as it stands."""
    return inputs_in(html_of(builder))


def inputs_in(html: str) -> list[tuple[str, str]]:
    """What the inputs of a piece of HTML send."""
    parser = _Inputs()
    parser.feed(html)
    return parser.sent


def post(inputs: list[tuple[str, str]], kind: str = "user", **others: str) -> Builder:
    """The builder that these inputs make, some of them changed."""
    changed = [(name, others.pop(name) if name in others else value) for name, value in inputs]
    return builder_from(QueryDict(urlencode([*changed, *others.items()], encoding="utf-8", errors="replace")), kind)


def change(builder: Builder, **values: str) -> Builder:
    """After somebody changed inputs of the builder: `change(built, **{"match.op": "is_not"})`."""
    inputs = inputs_of(builder)
    missing = values.keys() - dict(inputs).keys()
    assert not missing, f"no input {missing} among {[name for name, _ in inputs]}"
    return post(inputs, builder.kind, **values)


def of(match: Any, kind: str = "user", **options: Any) -> Builder:
    """The builder of a definition."""
    return builder_of(kind, {"version": 1, "match": match}, **options)


def same(document: Any) -> str:
    """A document as text that is equal only for equal ones: 1, 1.0 and true differ."""
    return json.dumps(document, sort_keys=True)
