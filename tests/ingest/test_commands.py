"""`create_api_key` and `import_events`, as an administrator uses them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from ingest.keys import find_key
from ingest.management.commands import import_events
from ingest.models import Customer, CustomerVersion, Event, SealQueue
from ingest.timestamps import EARLIEST
from tests.ingest.items import action, event

pytestmark = pytest.mark.django_db


def create(*arguments: str) -> str:
    out = io.StringIO()
    call_command("create_api_key", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_a_new_key_stands_alone_on_the_last_line_and_works():
    lines = create("shop").splitlines()
    key = find_key(lines[-1], timezone.now())
    assert (key.name, key.scopes) == ("shop", ["collector"])


def test_scopes_may_be_chosen():
    key = find_key(create("shop", "--scopes", "read, write").split()[-1], timezone.now())
    assert key.scopes == ["read", "write"]


def test_unknown_scopes_are_refused():
    with pytest.raises(CommandError, match="expected some of collector, read, write, admin"):
        create("shop", "--scopes", "read,everything")


def load(path: Path) -> tuple[int, str, str]:
    """Exit code, output and errors of an import."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    try:
        call_command("import_events", str(path), stdout=out, stderr=err)
    except SystemExit as end:
        code = int(end.code or 0)
    return code, out.getvalue(), err.getvalue()


def file_of(tmp_path: Path, *lines: object) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def test_all_kinds_of_lines_are_stored_and_a_second_run_changes_nothing(tmp_path):
    path = file_of(
        tmp_path,
        {"event": event(user_id="u1", company_id="c1", transaction_id="t1")},
        {"event": event(user_id="u2")},
        {"action": action(user_id="u1")},
        {"action": {"action_name": "Timeless", "user_id": "u1"}},
        {"action": {"action_name": "Timeless", "user_id": "u1"}},
        {"user": {"user_id": "u1", "company_id": "c1", "metadata": {"plan": "free"}}},
        {"user": {"user_id": "u1", "metadata": {"plan": "pro"}, "modified_time": "2026-02-01T00:00:00Z"}},
        "",
        {"company": {"company_id": "c1", "metadata": {"size": 5}}, "received_at": "2026-02-03T00:00:00Z"},
    )
    assert load(path) == (0, "9 lines: 8 stored, 0 there already, 0 rejected\n", "")
    models = (Event, Customer, CustomerVersion, SealQueue)
    before = [list(model.objects.order_by("pk").values()) for model in models]
    assert load(path) == (0, "9 lines: 0 stored, 8 there already, 0 rejected\n", "")
    assert [list(model.objects.order_by("pk").values()) for model in models] == before
    assert Event.objects.count() == 5
    assert Customer.objects.get(external_id="u1").profile["metadata"] == {"plan": "pro"}


def test_what_tells_no_time_of_receipt_was_received_when_it_happened(tmp_path):
    given = "2026-02-03T00:00:00Z"
    load(
        file_of(
            tmp_path,
            {"event": event()},
            {"event": event(transaction_id="late"), "received_at": given},
            {"user": {"user_id": "earliest"}},
            {"user": {"user_id": "modified", "modified_time": "2026-02-01T00:00:00Z"}},
            {"user": {"user_id": "ahead", "modified_time": "2999-01-01T00:00:00Z"}},
            {"company": {"company_id": "given"}, "received_at": given},
        )
    )
    received = dict(CustomerVersion.objects.values_list("customer__external_id", "received_at"))
    assert received["earliest"] == EARLIEST
    assert received["modified"] == datetime(2026, 2, 1, tzinfo=UTC)
    assert received["ahead"] <= timezone.now()
    assert received["given"] == datetime(2026, 2, 3, tzinfo=UTC)
    first, second = Event.objects.order_by("pk")
    assert first.received_at == first.time == datetime(2026, 3, 2, 11, tzinfo=UTC)
    assert (second.received_at, second.time) == (datetime(2026, 2, 3, tzinfo=UTC), datetime(2026, 2, 3, tzinfo=UTC))
    assert second.fields["clamped_time"].startswith("2026-03-02")


def test_rejected_lines_are_named_and_the_others_stored(tmp_path):
    path = file_of(
        tmp_path,
        {"event": event(user_id="u1")},
        "not json",
        {"event": {}},
        {"event": event(), "user": {"user_id": "u"}},
        {"visit": {}},
        {"received_at": "2026-01-01"},
        [1],
        {"user": {"user_id": "u"}, "received_at": "yesterday"},
        {"user": {"user_id": "u"}, "received_at": 5},
        {"user": {"user_id": "u", "modified_time": "x"}},
        '{"user": {"user_id": "a", "user_id": "b"}}',
        {"user": {"user_id": "u2"}},
    )
    code, out, err = load(path)
    assert code == 1
    assert out == "12 lines: 2 stored, 0 there already, 10 rejected\n"
    assert [line.split(":")[0] for line in err.splitlines()] == [f"line {number}" for number in range(2, 12)]
    assert "line 3: request: expected an object" in err
    assert 'line 5: expected an object with one of "event", "action", "user", "company"' in err
    assert "line 8: received_at: expected a time" in err
    assert 'line 11: expected every key once; "user_id" is given twice' in err
    assert set(Customer.objects.values_list("external_id", flat=True)) == {"u1", "u2"}


def test_many_rejected_lines_are_summed_up(tmp_path):
    code, out, err = load(file_of(tmp_path, *["x"] * 50))
    assert code == 1
    assert len(err.splitlines()) == 21
    assert err.splitlines()[-1] == "... and 30 more rejected lines"
    assert "50 rejected" in out


def test_line_numbers_run_on_over_transactions(tmp_path, monkeypatch):
    monkeypatch.setattr(import_events, "LINES_PER_TRANSACTION", 3)
    _, out, err = load(file_of(tmp_path, *[{"user": {"user_id": f"u{n}"}} for n in range(7)], "bad"))
    assert "line 8: " in err
    assert out.startswith("8 lines: 7 stored")


def test_a_file_without_lines_or_without_an_end_of_line_is_fine(tmp_path):
    empty = tmp_path / "empty"
    empty.touch()
    assert load(empty)[0] == 0
    unended = tmp_path / "unended"
    unended.write_text('{"user": {"user_id": "u1"}}')
    assert load(unended)[1].startswith("1 lines: 1 stored")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_events", str(tmp_path / "missing"))


def test_the_standard_input_is_read_from_a_pipe(tmp_path):
    """The command in a process of its own, with a database of its own."""
    environment = {"PATH": "/usr/bin:/bin", "DATA_DIR": str(tmp_path), "READ_DOT_ENV": "false"}
    run = [sys.executable, "manage.py"]
    options = {"env": environment, "capture_output": True, "text": True, "cwd": Path(__file__).parents[2]}
    subprocess.run([*run, "migrate", "-v0"], check=True, **options)
    lines = '{"user": {"user_id": "u1"}}\nbad\n'
    ended = subprocess.run([*run, "import_events", "-"], input=lines, check=False, **options)
    assert ended.returncode == 1
    assert ended.stdout == "2 lines: 1 stored, 0 there already, 1 rejected\n"
    assert ended.stderr.startswith("line 2: expected JSON")
    made = subprocess.run([*run, "create_api_key", "shop"], check=True, **options)
    assert made.stdout.splitlines()[-1].startswith("ck_live_")
