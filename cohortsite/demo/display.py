"""What the demo prints: the notifications as they arrived, shortened for the screen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console, Group
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table

from cohortsite.demo.receivers import Hook, Mail

SHOWN_CUSTOMERS = 2
SHOWN_LINES = 30


def show_received(console: Console, received: Sequence[Hook | Mail], favorite: str) -> None:
    """A table of all webhooks of cohorts, then one of them (of the cohort named `favorite` if it can be), a table of
    the alerts, and the newest mail."""
    hooks = [item for item in received if isinstance(item, Hook)]
    mails = [item for item in received if isinstance(item, Mail)]
    alerts = [hook for hook in hooks if hook.is_alert]
    moves = [hook for hook in hooks if not hook.is_alert]
    if moves:
        console.print(table_of(moves))
        console.print(panel_of(max(moves, key=lambda hook: telling(hook, favorite))))
    if alerts:
        console.print(table_of_alerts(alerts))
    if mails:
        console.print(panel_of(mails[-1]))


def telling(hook: Hook, favorite: str) -> tuple[bool, bool, str]:
    """The greater, the better an example it makes: somebody was added to the favorite cohort lately."""
    body = hook.body
    return bool(body["added"]), body["cohort"]["name"] == favorite, body["created_at"]


def table_of(hooks: Sequence[Hook]) -> Table:
    """One line for each cohort: how often it was told and what."""
    table = Table(title=f"Webhooks received: {len(hooks)}", title_justify="left", title_style="bold")
    for name in ("cohort", "webhooks", "added", "removed", "members now"):
        table.add_column(name, justify="left" if name == "cohort" else "right")
    for name in dict.fromkeys(hook.body["cohort"]["name"] for hook in hooks):
        own = [hook.body for hook in hooks if hook.body["cohort"]["name"] == name]
        sums = [sum(body["counts"][what] for body in own) for what in ("added", "removed")]
        table.add_row(name, str(len(own)), *map(str, sums), str(own[-1]["counts"]["members"]))
    return table


def table_of_alerts(hooks: Sequence[Hook]) -> Table:
    """One line for each thing that happened to the alerts of a rule."""
    table = Table(title=f"Webhooks of alerts: {len(hooks)}", title_justify="left", title_style="bold")
    for name in ("at", "rule", "what", "group", "found"):
        table.add_column(name, no_wrap=name == "rule")
    for body in sorted((hook.body for hook in hooks), key=lambda body: str(body["interval"]["to"])):
        for alert in body["alerts"]:
            at = datetime.fromisoformat(alert["resolved_at"] or alert["opened_at"])
            table.add_row(f"{at:%H:%M}", body["rule"]["name"], what_of(body), group_of(alert), alert["sentence"])
    return table


def what_of(body: dict[str, Any]) -> str:
    """`opened`, `resolved` or `reminder`."""
    return str(body["type"]).removeprefix("alert.")


def group_of(alert: dict[str, Any]) -> str:
    """The values of its group; `all` where the rule has no groups."""
    return ", ".join(map(str, alert["group"].values())) or "all"


def panel_of(item: Hook | Mail) -> Panel:
    """A notification in full, with long lists cut."""
    if isinstance(item, Hook):
        signature = "signature verified" if item.verified else "SIGNATURE WRONG"
        text = json.dumps(shortened(item.body), indent=2, ensure_ascii=False)
        return Panel(Syntax(text, "json", background_color="default", word_wrap=True), title=f"Webhook ({signature})")
    lines = item.text.strip().splitlines()
    more = [f"… {len(lines) - SHOWN_LINES} more lines"] if len(lines) > SHOWN_LINES else []
    return Panel(Group(f"To: {item.to}", f"Subject: {item.subject}", "", *lines[:SHOWN_LINES], *more), title="Mail")


def shortened(body: dict[str, Any]) -> dict[str, Any]:
    """The body with the first customers only."""
    return {key: cut(value) if key in ("added", "removed") else value for key, value in body.items()}


def cut(customers: list[Any]) -> list[Any]:
    """The first customers and how many more there are."""
    more = len(customers) - SHOWN_CUSTOMERS
    return [*customers[:SHOWN_CUSTOMERS], f"… {more} more"] if more > 0 else customers


def line_of(item: Hook | Mail, at: datetime) -> str:
    """A notification in one line, for those that arrive while the demo is up."""
    if isinstance(item, Mail):
        return f"{at:%H:%M:%S}  mail     {item.subject}"
    if item.is_alert:
        body = item.body
        found = "; ".join(f"{group_of(alert)}: {alert['sentence']}" for alert in body["alerts"][:SHOWN_CUSTOMERS])
        return f"{at:%H:%M:%S}  alert    {body['rule']['name']}, {what_of(body)}: {found}"
    counts = item.body["counts"]
    names = [entry.get("name") or entry.get("user_id") or entry.get("company_id") for entry in item.body["added"]]
    who = f": {', '.join(names[:3])}" if names else ""
    return f"{at:%H:%M:%S}  webhook  {item.body['cohort']['name']}, +{counts['added']} -{counts['removed']}{who}"
