"""Make the site what a file says, in one transaction, and tell what that does. A plan takes it back in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Model
from rest_framework.exceptions import ValidationError

from cohorts.criteria import CriteriaError, parse
from cohorts.impact import impact_of
from cohorts.models import Cohort, Membership
from cohorts.preview import preview
from cohorts.references import CohortInUse, delete_unused
from cohorts.upsert import Upserted, upsert_cohort
from cohortsite.as_code.read import Fault, File
from ingest.columns.interface import ColumnsDamaged
from ingest.models import CustomerKind
from ingest.problems import field_errors
from notifications.alerts.busiest import TooManyGroups
from notifications.alerts.edit import DEFINITION
from notifications.alerts.models import Alert, AlertRule
from notifications.alerts.plans import plan_of
from notifications.alerts.replay import USUAL_DAYS, parts_of, replay
from notifications.alerts.upsert import upsert_rule
from notifications.models import Channel, Subscription
from notifications.upsert import upsert_channel, upsert_subscription

ADD, CHANGE, REMOVE, KEEP = "+", "~", "-", "?"


@dataclass(frozen=True)
class Step:
    """One thing that is added, changed, removed, or stays though the file does not have it."""

    sign: str
    what: str
    key: str
    details: str = ""

    def __str__(self) -> str:
        return f"{self.sign} {self.what} {self.key}" + (f": {self.details}" if self.details else "")


@dataclass
class _Applying:
    file: File
    now: datetime
    prune: bool
    tell: bool

    def steps(self) -> Iterator[Step]:
        for key in _in_order(self.file.cohorts):
            yield from self._cohort(key)
        for key, document in self.file.channels.items():
            with _faults(f"channels.{key}"):
                saved: Upserted[Any] = upsert_channel(key, document, self.now)
            yield from _step("channel", key, saved)
        for (cohort, channel), document in self.file.subscriptions.items():
            yield from self._subscription(cohort, channel, document)
        for key in self.file.alert_rules:
            yield from self._alert_rule(key)
        yield from self._rest()

    def _cohort(self, key: str) -> Iterator[Step]:
        document = _with_ids(self.file.cohorts[key])
        stored = Cohort.objects.filter(key=key).first()
        with _faults(f"cohorts.{key}"):
            before = _impact(stored, document, self.now)
            saved = upsert_cohort(key, document, self.now, tell=self.tell)
        moves = saved.created or {"criteria", "time_zone", "week_starts_on"} & set(saved.changed)
        told = "" if saved.created else " (told)" if self.tell else " (in silence)"
        yield from _step("cohort", key, saved, f"{before}{told}" if moves and before else "")

    def _subscription(self, cohort: str, channel: str, document: Mapping[str, Any]) -> Iterator[Step]:
        path = f"subscriptions[{list(self.file.subscriptions).index((cohort, channel))}]"
        rows: list[Any] = []
        for model, name, key in ((Cohort, "cohort", cohort), (Channel, "channel", channel)):
            row = model.objects.filter(key=key).first()
            if row is None:
                raise Fault(f"{path}.{name}", f'there is no {name} with the key "{key}"')
            rows.append(row)
        with _faults(path):
            saved: Upserted[Any] = upsert_subscription(rows[0], rows[1], document, self.now)
        yield from _step("subscription", f"{cohort} to {channel}", saved)

    def _alert_rule(self, key: str) -> Iterator[Step]:
        stored = AlertRule.objects.filter(key=key).first()
        document = _with_channels(self.file.alert_rules[key], stored, f"alert_rules.{key}.channels")
        open_alerts = Alert.objects.filter(rule=stored, resolved_at=None).count()
        with _faults(f"alert_rules.{key}"):
            saved = upsert_rule(key, document, self.now)
        decides = saved.created or set(DEFINITION) & set(saved.changed)
        yield from _step("alert rule", key, saved, _alerted(saved.row, open_alerts, self.now) if decides else "")

    def _rest(self) -> Iterator[Step]:
        """What has a key and does not stand in the file: removed if asked for, those first that use others."""
        keyed = Subscription.objects.filter(cohort__key__isnull=False, channel__key__isnull=False)
        for each in keyed.select_related("cohort", "channel").order_by("cohort__key", "channel__key"):
            pair = (str(each.cohort.key), str(each.channel.key))
            if pair not in self.file.subscriptions:
                yield self._remove("subscription", f"{pair[0]} to {pair[1]}", each, each.delete)
        for rule in AlertRule.objects.filter(key__isnull=False).exclude(key__in=self.file.alert_rules).order_by("key"):
            yield self._remove("alert rule", str(rule.key), rule, rule.delete)
        gone = Cohort.objects.filter(key__isnull=False).exclude(key__in=self.file.cohorts)
        for cohort in reversed(_used_first(list(gone.order_by("key")))):
            yield self._remove("cohort", str(cohort.key), cohort, lambda cohort=cohort: delete_unused(cohort))  # type: ignore[misc]
        for channel in Channel.objects.filter(key__isnull=False).exclude(key__in=self.file.channels).order_by("key"):
            yield self._remove("channel", str(channel.key), channel, channel.delete)

    def _remove(self, what: str, key: str, row: Model, remove: Callable[[], Any]) -> Step:
        if not self.prune:
            return Step(KEEP, what, key, "is not in the file and stays; --prune removes it")
        others = _in_the_way(row)
        if others:
            raise Fault(f"{what}s.{key}", f"cannot be removed: {others}")
        lost = _lost(row)
        try:
            remove()
        except CohortInUse as error:
            raise Fault(f"cohorts.{key}", f"cannot be removed: {error}") from None
        return Step(REMOVE, what, key, lost)


def apply_file(file: File, now: datetime, *, prune: bool = False, tell: bool = False, plan: bool = False) -> list[Step]:
    """Store what the file says and return what changed; of a plan nothing is stored. Raises Fault.

    `prune` removes what has a key and is not in the file, `tell` reports those who move by an edited definition.
    """
    with transaction.atomic():
        steps = list(_Applying(file, now, prune, tell).steps())
        if plan:
            transaction.set_rollback(True)
    return steps


@contextmanager
def _faults(path: str) -> Iterator[None]:
    """Let a refused document name its place in the file."""
    try:
        yield
    except ValidationError as error:
        first = next(field_errors("", error.detail))
        raise Fault(f"{path}.{first['path']}" if first["path"] else path, first["message"]) from None


def _step(what: str, key: str, saved: Upserted[Any], impact: str = "") -> Iterator[Step]:
    if saved.created:
        yield Step(ADD, what, key, impact)
    elif saved.changed:
        names = ", ".join(name.removesuffix("_at") for name in saved.changed)
        yield Step(CHANGE, what, key, "; ".join(filter(None, [names, impact])))


def _impact(stored: Cohort | None, document: Mapping[str, Any], now: datetime) -> str:
    """Who would be a member, or who would move, in words; nothing where the document is refused anyway."""
    kind = stored.kind if stored else document.get("cohort_type")
    if kind not in CustomerKind.values:
        return ""
    zone, week = document.get("time_zone", "UTC"), document.get("week_starts_on", 1)
    try:
        criteria = parse(document.get("criteria"), CustomerKind(kind))
        if stored is None:
            found = preview(criteria, zone, week, now)
            return f"{found.count:,} of {found.of:,} match"
        impact = impact_of(stored, criteria, zone, week, now)
    except CriteriaError:
        return ""
    except ColumnsDamaged:
        return "who moves is not known: the columns cannot be read"
    except (ValueError, TypeError, KeyError):  # a time zone or a week that is refused next
        return ""
    return f"adds {impact.joins:,} and removes {impact.leaves:,} of {impact.members:,} members"


def _in_the_way(row: Model) -> str:
    """What would go with a row that is not managed by files."""
    if isinstance(row, Channel) and row.subscriptions.exists():
        return "subscriptions of other cohorts use it"
    if isinstance(row, Channel) and row.alert_rules.exists():
        return "other alert rules use it"
    return ""


def _lost(row: Model) -> str:
    """What is gone with a row that is removed, beside what the steps before it removed; in words."""
    if isinstance(row, AlertRule):
        return _ended(Alert.objects.filter(rule=row, resolved_at=None).count())
    if not isinstance(row, Cohort):
        return ""
    members = Membership.objects.filter(cohort=row).values_list("count", flat=True).first() or 0
    channels = ", ".join(row.subscriptions.order_by("channel__name").values_list("channel__name", flat=True))
    gone = f"{members:,} {'member' if members == 1 else 'members'}"
    return f"{gone}; no longer told: {channels}" if channels else gone


def _ended(open_alerts: int) -> str:
    return f"ends {open_alerts:,} open (in silence)" if open_alerts else ""


def _in_order(documents: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The keys, each after those that its criteria name; a circle is refused when it is stored."""
    ordered: list[str] = []
    waiting = dict.fromkeys(documents)

    def take(key: str) -> None:
        for named in _named(documents[key].get("criteria")):
            if named in waiting:
                del waiting[named]
                take(named)
        ordered.append(key)

    while waiting:
        key = next(iter(waiting))
        del waiting[key]
        take(key)
    return ordered


def _used_first(cohorts: list[Cohort]) -> list[Cohort]:
    by_id = {str(cohort.pk): cohort for cohort in cohorts}
    order = _in_order({pk: {"criteria": cohort.criteria} for pk, cohort in by_id.items()})
    return [by_id[pk] for pk in order]


def _named(node: Any) -> list[str]:
    """What stands as `{"cohort": ...}` anywhere in criteria."""
    if isinstance(node, dict):
        own = [node["cohort"]] if isinstance(node.get("cohort"), str) else []
        return own + [named for inner in node.values() for named in _named(inner)]
    return [named for inner in node for named in _named(inner)] if isinstance(node, list) else []


def _with_ids(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with ids in place of the keys of cohorts that its criteria name."""
    named = set(_named(document.get("criteria")))
    ids = {str(key): str(pk) for key, pk in Cohort.objects.filter(key__in=named).values_list("key", "pk")}
    return {**document, "criteria": renamed(document["criteria"], ids)} if "criteria" in document else dict(document)


def _with_channels(document: Mapping[str, Any], stored: AlertRule | None, path: str) -> dict[str, Any]:
    """The document of an alert rule with ids in place of the keys of its channels. Raises Fault.

    Channels without a key, on which people had it tell, stay.
    """
    keys = document.get("channels", [])
    if not isinstance(keys, list):
        raise Fault(path, "expected a list of keys of channels")
    ids = {key: str(pk) for key, pk in Channel.objects.filter(key__isnull=False).values_list("key", "pk")}
    for index, key in enumerate(keys):
        if not isinstance(key, str) or key not in ids:
            raise Fault(f"{path}[{index}]", f'there is no channel with the key "{key}"')
    others = stored.channels.filter(key=None).values_list("pk", flat=True) if stored else ()
    return {**document, "channels": [*(ids[key] for key in keys), *map(str, others)]}


def _alerted(rule: AlertRule, open_alerts: int, now: datetime) -> str:
    """What the rule would have alerted of, where that is found quickly, and what becomes of its open alerts."""
    ends = _ended(open_alerts)
    plan = plan_of(rule)
    if parts_of(plan, now) > 1:
        return ends
    try:
        alerts = len(replay(plan, now, charts=0).alerts)
        found = f"{alerts:,} {'alert' if alerts == 1 else 'alerts'} in the last {USUAL_DAYS} days"
    except (ColumnsDamaged, TooManyGroups) as error:
        found = f"what it would have alerted of is not known: {error}"
    return "; ".join(filter(None, [found, ends]))


def renamed(node: Any, names: Mapping[str, str]) -> Any:
    """Criteria with other names of cohorts."""
    if isinstance(node, dict):
        return {
            name: names.get(inner, inner) if name == "cohort" and isinstance(inner, str) else renamed(inner, names)
            for name, inner in node.items()
        }
    return [renamed(inner, names) for inner in node] if isinstance(node, list) else node
