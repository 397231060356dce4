"""What the documentation shows is true: examples work, settings are all there, links lead somewhere."""

import json
import re
from pathlib import Path

import pytest
from django.core.management import call_command

from cohorts.criteria import LEAVES, parse
from ingest.arrivals import record_arrivals
from ingest.models import Customer, CustomerKind, Event, Scope
from notifications import compose
from notifications.alerts import definition
from notifications.alerts.conditions import CONDITIONS
from notifications.alerts.definition import parse as parse_rule
from notifications.alerts.intervals import EVERY
from notifications.alerts.metric import FIGURES
from notifications.alerts.models import AlertRule
from notifications.compose_alert import make_example_alert
from tests.factories import make_api_key, make_cohort

BASE = Path(__file__).resolve().parents[1]
PAGES = [BASE / "README.md", BASE / "CHANGELOG.md", *sorted((BASE / "docs").rglob("*.md"))]


def read(name):
    return (BASE / name).read_text()


def blocks(name, language):
    """The code blocks of a page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", read(name), re.S)


def test_the_readme_is_short_and_makes_the_three_promises():
    readme = read("README.md")
    assert len(readme.splitlines()) < 120
    words = " ".join(readme.split())
    assert "1. Every membership change is recorded exactly once." in words
    assert (
        "2. Every recorded change is settled exactly once per subscription: told in one batch, cancelled by its "
        "opposite within the period, or not asked for. The row says which."
    ) in words
    assert (
        "3. Every batch is delivered at least once, or ends in a dead letter with a visible reason and a replay "
        "button. The part id (`webhook-id`) is the idempotency key and never changes."
    ) in words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page.read_text()):
        found = (page.parent / target) if target else page
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(), re.M)
            assert anchor in [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]


def test_every_setting_is_documented():
    settings = set(re.findall(r'env(?:\.\w+)?\(\s*"([A-Z_]+)"', read("cohortsite/settings.py")))
    documented = set(re.findall(r"^\| `([A-Z_]+[A-Z])`", read("docs/operating.md"), re.M))
    assert len(settings) > 20
    assert documented == settings


@pytest.mark.parametrize(
    ("example", "kind"),
    [(example, CustomerKind.USER) for example in blocks("docs/criteria.md", "json")]
    + [(example, CustomerKind.COMPANY) for example in blocks("docs/criteria.md", "json companies")],
)
def test_examples_of_criteria_are_valid(example, kind):
    assert parse(json.loads(example), kind).words() != ""


@pytest.mark.django_db
@pytest.mark.parametrize("example", blocks("docs/criteria.md", "json with a cohort"))
def test_examples_that_name_a_cohort_are_valid(example):
    for id_ in re.findall('"cohort": "([^"]+)"', example):
        make_cohort(id=id_, name="On trial")
    assert "member of “On trial”" in parse(json.loads(example), CustomerKind.USER).words()


def test_every_kind_of_leaf_has_a_section_with_an_example():
    examples = blocks("docs/criteria.md", "json(?: companies| with a cohort)?")
    for kind in LEAVES:
        assert any(f'"{kind}":' in example for example in examples), kind
        assert kind == "field" or f"## {kind.capitalize()}\n" in read("docs/criteria.md")


@pytest.mark.django_db
def test_the_table_shows_every_kind_of_leaf_with_an_example_and_its_picture():
    rows = re.findall(r"^\| (\w+) \| .+ \| `(\{.+\})` \| !\[.+\]\((.+)\) \|$", read("docs/criteria.md"), re.M)
    assert [name for name, _, _ in rows] == list(LEAVES)
    make_cohort(id="5f0c6f4e-8f0f-4c5e-9a53-0c8f2f2f7a11", name="On trial")
    for name, example, picture in rows:
        kind = CustomerKind.COMPANY if name == "users" else CustomerKind.USER
        assert parse({"version": 1, "match": json.loads(example)}, kind).words() != ""
        assert (BASE / "docs" / picture).is_file()


@pytest.mark.parametrize("example", blocks("docs/alerts.md", "json"))
def test_examples_of_alert_rules_are_valid(example):
    assert parse_rule(json.loads(example)).words() != ""


def test_what_an_alert_rule_can_say_is_documented():
    page = read("docs/alerts.md")
    documents = [json.loads(example) for example in blocks("docs/alerts.md", "json")]
    assert set(re.findall(r"^\| `(\w+)` \|", page.partition("## The metric")[0], re.M)) == set(definition.KEYS)
    assert set(re.findall(r'^\| `"(\w+)"` \|', page, re.M)) == set(EVERY)
    for kind in CONDITIONS:
        assert f"### {kind.capitalize()}\n" in page
        assert any(kind in document["condition"] for document in documents), kind
    for figure in FIGURES:
        assert f"`{figure}`" in page.partition("## Intervals")[0], figure


def test_the_file_of_cohorts_as_code_can_be_applied(tmp_path, monkeypatch, db):
    [file] = blocks("docs/cohorts-as-code.md", "yaml")
    path = tmp_path / "site.yaml"
    path.write_text(file)
    monkeypatch.setenv("GROWTH_HOOK_SECRET", "whsec_" + "c2VjcmV0" * 4)
    call_command("apply_cohorts", str(path))
    assert AlertRule.objects.get().channels.get().key == "growth"


@pytest.mark.django_db
def test_the_cohort_of_the_readme_can_be_saved(client):
    body = re.search(r"-d '(\{.*?\})'\n", read("README.md"), re.S)[1]
    key = make_api_key(Scope.WRITE)
    answer = client.post(
        "/api/cohorts/", body, content_type="application/json", headers={"Authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 201
    assert answer.json()["words"] == (
        "first seen today, and performed API Call where response.status is 400 at least 1 time today"
    )


@pytest.mark.django_db
def test_the_webhook_has_the_keys_that_are_documented(now):
    documented, _ = blocks("docs/webhooks.md", "json")
    sent = json.loads(compose.example(None, now, fields=["email", "metadata.plan"]).encode())
    shown = json.loads(documented)
    assert list(shown) == list(sent)
    for part in ("cohort", "period", "counts"):
        assert list(shown[part]) == list(sent[part])
    assert list(shown["added"][0]) == list(sent["added"][0])


def test_the_webhook_of_alerts_has_the_keys_that_are_documented(now):
    _, documented = blocks("docs/webhooks.md", "json")
    shown = json.loads(documented)
    sent = json.loads(make_example_alert(now).encode())
    assert list(shown) == list(sent)
    for part in ("rule", "interval", "metric", "condition"):
        assert list(shown[part]) == list(sent[part])
    assert list(shown["alerts"][0]) == list(sent["alerts"][0])
    named = re.findall(r"^\| (`.*?) \|", read("docs/webhooks.md"), re.M)
    told = {name.removeprefix("alerts[].") for line in named for name in re.findall(r"`([^`]+)`", line)}
    assert told >= set(sent) | set(sent["alerts"][0])


@pytest.mark.django_db
def test_the_lines_for_a_file_can_be_imported(tmp_path):
    [lines] = [block for block in blocks("docs/sdks.md", "json") if '"event"' in block]
    file = tmp_path / "lines.jsonl"
    file.write_text(lines)
    call_command("import_events", str(file))
    assert Event.objects.count() == 2
    assert {customer.external_id for customer in Customer.objects.all()} == {"12345", "67890"}


@pytest.mark.django_db
def test_the_example_by_hand_works(client):
    shell = next(block for block in blocks("docs/sdks.md", "sh") if "curl" in block)
    path, body = re.search(r"example\.com(/\S+)", shell)[1], re.search(r"-d '(.*)'", shell)[1]
    key = make_api_key(Scope.COLLECTOR)
    answer = client.post(path, body, content_type="application/json", headers={"X-Moesif-Application-Id": key})
    assert answer.status_code == 201
    record_arrivals()
    assert Event.objects.get().fields["action_name"] == "Signed Up"
