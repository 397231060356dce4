"""Cohorts as code: plan, apply, apply again, export, prune, and faults that name their place."""

from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from cohorts.models import Cohort
from cohorts.refresh import evaluate_now
from ingest.columns import open_columns
from notifications.alerts.models import Alert, AlertRule
from notifications.models import Channel, Subscription
from tests.cohorts.criteria.asking import call
from tests.factories import make_channel, make_cohort, make_customer, make_membership, make_subscription, make_user
from tests.notifications.alerts.rows import make_alert, make_rule

pytestmark = pytest.mark.django_db
FILE = """
version: 1
cohorts:
  heavy:
    name: Heavy users on pro
    cohort_type: user
    period: 1h
    criteria:
      version: 1
      match:
        all:
          - cohort: on-pro
          - {field: metadata.seats, op: ">=", value: 5}
          - {field: first_seen_time, op: on, value: {calendar: today}}
  on-pro:
    name: On pro
    cohort_type: user
    time_zone: Europe/Berlin
    criteria: {version: 1, match: {field: metadata.plan, op: is, value: pro}}
channels:
  hook:
    kind: webhook
    name: Growth
    config:
      url: https://example.com/hook
      secret: ${HOOK_SECRET}
  team:
    kind: email
    name: Success
    config:
      recipients: [success@example.com]
subscriptions:
  - cohort: on-pro
    channel: hook
    fields: [email, metadata.plan]
  - {cohort: on-pro, channel: team, send_on_removal: false, period: 1d}
"""
ALERTS = """
alert_rules:
  many-calls:
    name: Many calls
    time_zone: Europe/Berlin
    channels: [hook, team]
    reminder: 4h
    definition:
      version: 1
      metric: {of: {type: api_call}, figure: count}
      every: hour
      group_by: [company_id]
      condition: {static: {op: ">", value: 2}}
"""
SECRET = "whsec_" + "c2VjcmV0" * 4


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", SECRET)


@pytest.fixture
def apply(tmp_path):
    """`apply(text, "--plan")`: what the command prints."""

    def run(text: str, *options: str) -> str:
        file, out = tmp_path / "site.yaml", StringIO()
        file.write_text(text)
        call_command("apply_cohorts", str(file), *options, stdout=out)
        return out.getvalue()

    return run


def exported() -> str:
    out = StringIO()
    call_command("export_cohorts", stdout=out)
    return out.getvalue()


def test_a_plan_tells_what_applying_does_and_changes_nothing(apply):
    make_user("ann", timezone.now() - timedelta(hours=1), metadata={"plan": "pro"})
    open_columns().seal(timezone.now())
    planned = apply(FILE, "--plan")
    assert not Cohort.objects.exists()
    assert not Channel.objects.exists()
    assert planned.splitlines() == [
        "+ cohort on-pro: 1 of 1 match",
        "+ cohort heavy: 0 of 1 match",
        "+ channel hook",
        "+ channel team",
        "+ subscription on-pro to hook",
        "+ subscription on-pro to team",
        "6 would change.",
    ]
    assert apply(FILE) == planned.replace("would change", "changed")
    heavy, on_pro = Cohort.objects.get(key="heavy"), Cohort.objects.get(key="on-pro")
    assert heavy.criteria["match"]["all"][0] == {"cohort": str(on_pro.pk)}
    assert (heavy.period, on_pro.time_zone) == (timedelta(hours=1), "Europe/Berlin")
    hook = Channel.objects.get(key="hook")
    assert hook.config == {"url": "https://example.com/hook", "secret": SECRET}
    told = Subscription.objects.get(channel=hook)
    assert told.fields == ["email", "metadata.plan"]


def test_applying_twice_changes_nothing_and_neither_does_what_was_exported(apply):
    apply(FILE)
    before = Cohort.objects.values_list("key", "definition_version")
    assert apply(FILE) == "Nothing differs from the file.\n"
    written = exported()
    assert SECRET not in written
    assert apply(written, "--prune") == "Nothing differs from the file.\n"
    assert exported() == written
    assert set(before) == {("heavy", 1), ("on-pro", 1)}


def test_an_edit_tells_who_it_moves_and_what_is_left_out_becomes_usual_again(apply):
    now = timezone.now() - timedelta(hours=1)
    for name, plan in (("ann", "pro"), ("bob", "free"), ("cid", "free")):
        make_user(name, now, metadata={"plan": plan})
    apply(FILE)
    evaluate_now([Cohort.objects.get(key="on-pro")], timezone.now())
    edited = FILE.replace("value: pro}", "value: free}").replace("    time_zone: Europe/Berlin\n", "")
    edited = edited.replace("period: 1d}", "paused: true}")
    assert apply(edited, "--plan").splitlines() == [
        "~ cohort on-pro: criteria, time_zone; adds 2 and removes 1 of 1 members (in silence)",
        "~ subscription on-pro to team: period, paused",
        "2 would change.",
    ]
    apply(edited, "--tell-edits")
    on_pro = Cohort.objects.get(key="on-pro")
    assert (on_pro.time_zone, on_pro.definition_version, on_pro.rebaseline) == ("UTC", 2, False)
    assert Subscription.objects.get(channel__key="team").paused_at is not None


def test_secrets_that_are_left_out_stay(apply):
    apply(FILE)
    assert apply(FILE.replace("      secret: ${HOOK_SECRET}\n", "")) == "Nothing differs from the file.\n"
    assert Channel.objects.get(key="hook").config["secret"] == SECRET


def test_what_is_not_in_the_file_stays_unless_it_is_pruned(apply):
    apply(FILE)
    make_cohort(name="Made by people")
    fewer = "version: 1\ncohorts:\n" + FILE[FILE.index("  on-pro:") : FILE.index("channels:")]
    assert apply(fewer).splitlines() == [
        "? subscription on-pro to hook: is not in the file and stays; --prune removes it",
        "? subscription on-pro to team: is not in the file and stays; --prune removes it",
        "? cohort heavy: is not in the file and stays; --prune removes it",
        "? channel hook: is not in the file and stays; --prune removes it",
        "? channel team: is not in the file and stays; --prune removes it",
        "Nothing differs from the file.",
    ]
    make_membership(Cohort.objects.get(key="heavy"), make_customer("ann"))
    make_subscription(cohort=Cohort.objects.get(key="heavy"), channel=make_channel(name="Ops"))
    assert "- cohort heavy: 1 member; no longer told: Ops" in apply(fewer, "--prune", "--plan").splitlines()
    assert Cohort.objects.count() == 3
    apply(fewer, "--prune")
    assert set(Cohort.objects.values_list("name", flat=True)) == {"On pro", "Made by people"}
    assert Channel.objects.get().name == "Ops"


def test_what_others_use_is_not_pruned(apply):
    apply(FILE)
    on_pro = Cohort.objects.get(key="on-pro")
    make_cohort(name="Uses it", criteria={"version": 1, "match": {"cohort": str(on_pro.pk)}})
    with pytest.raises(CommandError, match=r"cohorts\.on-pro: cannot be removed: It is used by “Uses it”"):
        apply("version: 1\n", "--prune")
    assert Cohort.objects.count() == 3


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("op: is, value: pro", "op: is", "cohorts.on-pro.criteria.match.value: missing"),
        ("period: 1h", "period: 2d", "cohorts.heavy.period: expected a length of 1m to 1d"),
        ("cohort: on-pro\n          -", "cohort: on-por\n          -", "cohorts.heavy.criteria.match.all[0].cohort: "),
        ("name: Growth", "nam: Growth", "channels.hook.nam: unknown field"),
        ("https://example.com/hook", "ftp://x", "channels.hook.config.url: "),
        ("${HOOK_SECRET}", "whsec_short", 'channels.hook.config.secret: expected "whsec_"'),
        ("${HOOK_SECRET}", "${NO_SUCH}", "channels.hook.config.secret: the environment has no NO_SUCH"),
        ("channel: team", "channel: teem", 'subscriptions[1].channel: there is no channel with the key "teem"'),
        ("metadata.plan]", "plan]", "subscriptions[0].fields: "),
        ("version: 1\ncohorts", "version: 2\ncohorts", "version: expected 1"),
        ("channels:\n", "chanels:\n", "chanels: unknown; expected cohorts, channels, subscriptions, alert_rules"),
        ("  on-pro:\n", "  heavy:\n", 'is not YAML: "heavy" stands twice'),
        (
            "send_on_removal: false",
            "send_on_removal: false, send_on_addition: false",
            "subscriptions[1].send_on_addition",
        ),
    ],
)
def test_a_fault_names_the_file_and_the_place_and_nothing_is_stored(apply, tmp_path, old, new, fault):
    assert old in FILE
    with pytest.raises(CommandError) as refused:
        apply(FILE.replace(old, new, 1))
    assert str(refused.value).startswith(f"{tmp_path}/site.yaml: ")
    assert fault in str(refused.value)
    assert not Cohort.objects.exists()


def test_a_circle_is_refused_with_its_names(apply):
    apply(FILE)
    circle = FILE.replace("{field: metadata.plan, op: is, value: pro}", "{cohort: heavy}")
    with pytest.raises(CommandError, match=r"cohorts\.on-pro\.criteria\.match\.cohort: expected no cycle"):
        apply(circle)


def test_keys_are_given_to_what_has_none():
    make_cohort(name="Heavy users"), make_cohort(name="Heavy users", key="heavy-users"), make_channel(name="Größe")
    err = StringIO()
    call_command("export_cohorts", stdout=StringIO(), stderr=err)
    assert "Heavy users has no key and is left out" in err.getvalue()
    call_command("export_cohorts", "--add-keys", stdout=StringIO(), stderr=err)
    assert set(Cohort.objects.values_list("key", flat=True)) == {"heavy-users", "heavy-users-2"}
    assert Channel.objects.get().key == "groe"


# --- Alert rules


def test_a_plan_tells_what_an_alert_rule_would_have_alerted_of(apply):
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=6)
    for second in range(3):
        call("ann", hour + timedelta(seconds=second), company_id="acme")
    open_columns().seal(timezone.now())

    planned = apply(FILE + ALERTS, "--plan").splitlines()

    assert planned[-2:] == ["+ alert rule many-calls: 1 alert in the last 30 days", "7 would change."]
    assert not AlertRule.objects.exists()
    apply(FILE + ALERTS)
    rule = AlertRule.objects.get(key="many-calls")
    assert set(rule.channels.values_list("key", flat=True)) == {"hook", "team"}
    assert (rule.time_zone, rule.reminder, rule.tells_resolved) == ("Europe/Berlin", timedelta(hours=4), True)
    assert rule.definition["condition"] == {"static": {"op": ">", "value": 2}}


def test_an_alert_rule_that_is_exported_is_the_same_when_it_is_applied(apply):
    apply(FILE + ALERTS)
    rule = AlertRule.objects.get()
    rule.channels.add(make_channel(name="Without a key"))

    written = exported()

    assert apply(written, "--prune") == "Nothing differs from the file.\n"
    assert exported() == written
    assert (AlertRule.objects.get().turn, rule.channels.count()) == (0, 3)


def test_an_edit_of_an_alert_rule_tells_which_alerts_it_ends(apply):
    apply(FILE + ALERTS)
    make_alert(AlertRule.objects.get())
    edited = ALERTS.replace("value: 2", "value: 5").replace("[hook, team]", "[hook]").replace("    reminder: 4h\n", "")

    told = apply(FILE + edited).splitlines()

    expected = "~ alert rule many-calls: definition, reminder, channels; 0 alerts in the last 30 days; ends 1 open"
    assert told == [f"{expected} (in silence)", "1 changed."]
    assert list(AlertRule.objects.get().channels.values_list("key", flat=True)) == ["hook"]
    assert not Alert.objects.filter(resolved_at=None).exists()


def test_alert_rules_are_pruned_and_keep_their_channels_in_use(apply):
    apply(FILE + ALERTS)
    by_people = make_rule(Channel.objects.get(key="team"))

    with pytest.raises(CommandError, match=r"channels\.team: cannot be removed: other alert rules use it"):
        apply("version: 1\n", "--prune")
    by_people.channels.clear()
    assert "? alert rule many-calls: is not in the file and stays" in apply("version: 1\n")
    make_alert(AlertRule.objects.get(key="many-calls"))
    pruned = apply("version: 1\n", "--prune").splitlines()
    assert "- alert rule many-calls: ends 1 open (in silence)" in pruned
    assert list(AlertRule.objects.all()) == [by_people]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("value: 2", "valu: 2", "alert_rules.many-calls.definition.condition.static.valu: unknown key"),
        ("[hook, team]", "[hook, teem]", 'alert_rules.many-calls.channels[1]: there is no channel with the key "teem"'),
        ("[hook, team]", "hook", "alert_rules.many-calls.channels: expected a list of keys"),
        ("reminder: 4h", "reminder: 4y", "alert_rules.many-calls.reminder: "),
        ("name: Many calls", "title: Many calls", "alert_rules.many-calls.title: unknown field"),
    ],
)
def test_a_fault_in_an_alert_rule_names_its_place(apply, old, new, fault):
    with pytest.raises(CommandError, match=re.escape(fault)):
        apply(FILE + ALERTS.replace(old, new, 1))
    assert not Channel.objects.exists()


def test_alert_rules_are_given_keys_too():
    make_rule(name="Errors"), make_rule(name="日本")
    call_command("export_cohorts", "--add-keys", stdout=StringIO(), stderr=StringIO())
    assert set(AlertRule.objects.values_list("key", flat=True)) == {"errors", "alert-rule"}
