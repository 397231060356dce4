"""What is stored as a file of YAML: the things that have a key, without secrets and without what is as usual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from django.db.models import Model, QuerySet
from django.utils.text import slugify

from cohorts.models import Cohort
from cohorts.serializers.cohort import CohortSerializer
from cohorts.upsert import defaults_of
from cohortsite.as_code.apply import renamed
from cohortsite.as_code.read import VERSION
from notifications.alerts.api.serializers import AlertRuleSerializer
from notifications.alerts.models import AlertRule
from notifications.channels import CHANNELS
from notifications.models import Channel, Subscription
from notifications.serializers import ChannelSerializer, SubscriptionSerializer

LONGEST_KEY = 100
KEYED: tuple[Any, ...] = (Cohort, Channel, AlertRule)


class _Dumper(yaml.SafeDumper):
    """Indents lists, and never abbreviates what stands twice."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def export() -> str:
    """The file. What has no key is left out: see `give_keys`."""
    keys = {str(pk): key for pk, key in _keyed(Cohort).values_list("pk", "key")}
    subscriptions = Subscription.objects.filter(cohort__key__isnull=False, channel__key__isnull=False)
    found = {
        "version": VERSION,
        "cohorts": {cohort.key: _cohort(cohort, keys) for cohort in _keyed(Cohort)},
        "channels": {channel.key: _channel(channel) for channel in _keyed(Channel)},
        "subscriptions": [
            {
                "cohort": each.cohort.key,
                "channel": each.channel.key,
                **_said(SubscriptionSerializer(each), Subscription()),
            }
            for each in subscriptions.select_related("cohort", "channel").order_by("cohort__key", "channel__key")
        ],
        "alert_rules": {rule.key: _alert_rule(rule) for rule in _keyed(AlertRule).prefetch_related("channels")},
    }
    return yaml.dump(found, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def without_key() -> list[str]:
    """The names of what has no key."""
    return [row.name for model in KEYED for row in model.objects.filter(key=None).order_by("name")]


def give_keys() -> dict[str, str]:
    """Give a key, made from the name, to each thing that has none; returns name -> key."""
    given = {}
    for model in KEYED:
        taken = set(_keyed(model).values_list("key", flat=True))
        for row in model.objects.filter(key=None).order_by("created_at", "pk"):
            key = _free(slugify(row.name)[:LONGEST_KEY] or slugify(model._meta.verbose_name), taken)
            taken.add(key)
            model.objects.filter(pk=row.pk, key=None).update(key=key)
            given[row.name] = key
    return given


def _free(wanted: str, taken: set[Any]) -> str:
    key, number = wanted, 1
    while key in taken:
        number += 1
        ending = f"-{number}"
        key = wanted[: LONGEST_KEY - len(ending)] + ending
    return key


def _keyed(model: Any) -> QuerySet[Any]:
    return model.objects.filter(key__isnull=False).order_by("key")  # type: ignore[no-any-return]


def _cohort(cohort: Cohort, keys: Mapping[str, str]) -> dict[str, Any]:
    said = _said(CohortSerializer(cohort), Cohort())
    return {**said, "criteria": renamed(said["criteria"], keys)}


def _alert_rule(rule: AlertRule) -> dict[str, Any]:
    """Its channels by their keys; those that have none are left out."""
    said = _said(AlertRuleSerializer(rule), AlertRule())
    keys = sorted(channel.key for channel in rule.channels.all() if channel.key)
    if "channels" in said:
        said["channels"] = keys
    return said


def _channel(channel: Channel) -> dict[str, Any]:
    said = _said(ChannelSerializer(channel), Channel())
    return {**said, "config": CHANNELS[channel.kind].visible(channel.config) if channel.is_readable else {}}


def _said(serializer: Any, blank: Model) -> dict[str, Any]:
    """What a document says of the serializer's row: what may be written and is not as usual."""
    usual = defaults_of(serializer, blank)
    data = serializer.data
    return {
        name: _plain(data[name])
        for name, each in serializer.fields.items()
        if not (each.read_only or each.write_only)
        and name not in ("key", "cohort", "channel")
        and not (name in usual and usual[name] == data[name])
    }


def _plain(value: Any) -> Any:
    """Mappings and lists of DRF as those of Python, which YAML can write."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)
