"""What is measured. Each measure makes its own temporary homes and returns plain data for the results."""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks.anomaly import measure_anomaly
from benchmarks.cohorts import COHORTS
from benchmarks.generate import END, SIZES, ensure
from benchmarks.product import manage, use_home
from benchmarks.remote import Remote
from benchmarks.wire import write_lines

QUARTER = timedelta(minutes=15)
IMPORTED = 200_000
OPPONENTS = ("clickhouse", "duckdb")
STORE, CYCLE = "benchmarks.product:make_store", "benchmarks.product:make_cycle"
Results = dict[str, Any]


def measure_import(size: str, passes: int) -> Results:
    """`import_events` of the first events of a history into a new SQLite database, then sealing all of them."""
    data = ensure(SIZES[size], END)
    imports: list[float] = []
    seals: list[float] = []
    with temporary() as scratch:
        lines, empty = scratch / "events.jsonl", scratch / "empty"
        write_lines(data, IMPORTED, lines)
        use_home(empty)
        manage("migrate")
        for number in range(passes):
            home = scratch / str(number)
            shutil.copytree(empty, home)
            use_home(home)
            started = time.perf_counter()
            manage("import_events", str(lines))
            imports.append(IMPORTED / (time.perf_counter() - started))
            with Remote(STORE) as store:
                count, seconds = store.call("seal", END)
                peak = store.peak_memory()
            if count != IMPORTED:
                raise RuntimeError(f"{count} events sealed of {IMPORTED}")
            seals.append(count / seconds)
            shutil.rmtree(home)
            say(f"import: {imports[-1]:,.0f} events/s, sealing: {seals[-1]:,.0f} events/s")
        bytes_a_line = lines.stat().st_size / IMPORTED
    return {
        "events": IMPORTED,
        "bytes_per_line": round(bytes_a_line),
        "events_per_second": spread(imports),
        "sealed_per_second": spread(seals),
        "sealing_peak_mb": round(peak),
    }


def measure_cycle(size: str, passes: int) -> Results:
    """Cycles after 15 minutes of events each, against full recomputes by the opponents over the same data."""
    data = ensure(SIZES[size], END)
    known = customers_at_end(data)
    with ExitStack() as stack:
        scratch = stack.enter_context(temporary())
        store, loaded = prepared(stack, data, scratch / "product")
        baseline, first = first_evaluation()
        opponents: dict[str, Remote] = {}
        for name in OPPONENTS:
            opponents[name] = stack.enter_context(Remote("benchmarks.opponents:Contestant", name, scratch / name))
            loaded[name] = opponents[name].call("load", data)
            opponents[name].call("recompute", END)
        say(f"loaded {size}: " + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in loaded.items()))
        cycle = stack.enter_context(Remote(CYCLE))
        rows: list[Results] = []
        for number in range(1, passes + 1):
            delta, now = data / "deltas" / str(number), END + number * QUARTER
            row: Results = {"items": store.call("receive", delta)}
            row["inserted"] = {name: opponent.call("insert", delta) for name, opponent in opponents.items()}
            contestants = {"product": lambda now=now: cycle.call("run", now)}
            contestants |= {
                name: (lambda now=now, opponent=opponent: opponent.call("recompute", now))
                for name, opponent in opponents.items()
            }
            for name in rotated(list(contestants), number):
                row[name] = contestants[name]()
            compare(cycle.call("members", known), {name: row[name].pop("ids") for name in opponents})
            for unit in ("ms", "cpu_ms"):
                row[f"ratios_{unit}"] = {name: row["product"][unit] / row[name][unit] for name in opponents}
            rows.append(row)
            say(
                f"{size} pass {number}: cycle {row['product']['ms']:,.0f} ms, "
                + ", ".join(f"{name} {row[name]['ms']:,.0f} ms" for name in opponents)
                + f", {row['product']['changes']} changes"
            )
        peaks = {"cycle": cycle.peak_memory(), "baseline": baseline}
        peaks |= {name: opponent.peak_memory() for name, opponent in opponents.items()}
        return {
            "passes": passes,
            "items_per_pass": statistics.median(row["items"] for row in rows),
            "changes_per_pass": statistics.median(row["product"]["changes"] for row in rows),
            "members": {name: len(ids) for name, ids in cycle.call("members", known).items()},
            "load_seconds": {name: round(seconds, 1) for name, seconds in loaded.items()},
            "bytes": {name: size_of(scratch / name) for name in ("product/columns", "clickhouse", "duckdb")},
            "first_evaluation_ms": round(first["ms"]),
            "cycle_ms": spread([row["product"]["ms"] for row in rows]),
            "opponents_ms": {name: spread([row[name]["ms"] for row in rows]) for name in opponents},
            "inserted_ms": {name: spread([row["inserted"][name] for row in rows]) for name in opponents},
            "ratios": {name: spread([row["ratios_ms"][name] for row in rows], 3) for name in opponents},
            "cpu_ms": {name: spread([row[name]["cpu_ms"] for row in rows]) for name in ("product", *opponents)},
            "cpu_ratios": {name: spread([row["ratios_cpu_ms"][name] for row in rows], 3) for name in opponents},
            "parts_ms": medians([row["product"]["parts"] for row in rows]),
            "cohorts_ms": medians([row["product"]["cohorts"] for row in rows]),
            "opponent_cohorts_ms": {name: medians([row[name]["cohorts"] for row in rows]) for name in opponents},
            "peak_mb": {name: round(peak) for name, peak in peaks.items()},
            "identical": f"{len(COHORTS)} cohorts in each of {passes} passes",
        }


def measure_growth(size: str, passes: int) -> Results:
    """Cycles over ten times the days, in turn with cycles over the usual history at the same rate."""
    names = (size, f"{size}10")
    times: dict[str, list[float]] = {name: [] for name in names}
    with ExitStack() as stack:
        scratch = stack.enter_context(temporary())
        pairs: dict[str, tuple[Path, Remote, Remote]] = {}
        for name in names:
            data = ensure(SIZES[name], END)
            store, _ = prepared(stack, data, scratch / name)
            first_evaluation()
            pairs[name] = data, store, stack.enter_context(Remote(CYCLE))
        for number in range(1, passes + 1):
            for name in rotated(list(names), number):
                data, store, cycle = pairs[name]
                store.call("receive", data / "deltas" / str(number))
                times[name].append(cycle.call("run", END + number * QUARTER)["ms"])
            say(f"growth pass {number}: " + ", ".join(f"{name} {times[name][-1]:,.0f} ms" for name in names))
        peaks = {name: round(cycle.peak_memory()) for name, (_, _, cycle) in pairs.items()}
    short, long = (times[name] for name in names)
    return {
        "cycle_ms": {name: spread(times[name]) for name in names},
        "ratio": spread([after / before for before, after in zip(short, long, strict=True)], 3),
        "peak_mb": peaks,
    }


def measure_pages(size: str, passes: int) -> Results:
    """The look-up for each of the eleven definitions, and every page, at the end of a history and some quarters."""
    data = ensure(SIZES[size], END)
    times = passes * 3
    with ExitStack() as stack:
        scratch = stack.enter_context(temporary())
        prepared(stack, data, scratch / "product")
        first_evaluation()
        say("pages: loaded and evaluated")
        site = stack.enter_context(Remote("benchmarks.product:make_site", data, END, 3))
        return {
            "requests": times,
            "about": site.call("about"),
            "look_ups": site.call("look_ups", times),
            "pages": site.call("pages", times),
            "peak_mb": round(site.peak_memory()),
        }


def measure_alerts(size: str, passes: int) -> Results:
    """Fifty alert rules at the end of a history, judged again and again by a process that keeps nothing in between."""
    data = ensure(SIZES[size], END)
    with ExitStack() as stack:
        scratch = stack.enter_context(temporary())
        prepared(stack, data, scratch / "product")
        alerts = stack.enter_context(Remote("benchmarks.product:make_alerts"))
        count = alerts.call("make", END)
        say(f"alerts: loaded, {count} rules")
        reports = []
        for number in range(passes):
            reports.append(alerts.call("run", END))
            say(f"alerts pass {number + 1}: {reports[-1]['ms']:,.0f} ms")
        return {
            "rules": count,
            "ms": spread([report["ms"] for report in reports]),
            "cpu_ms": spread([report["cpu_ms"] for report in reports]),
            "passes_ms": medians([report["passes"] for report in reports]),
            "alerts": reports[-1]["alerts"],
            "peak_mb": round(alerts.peak_memory()),
        }


MEASURES = {
    "import": measure_import,
    "cycle": measure_cycle,
    "growth": measure_growth,
    "pages": measure_pages,
    "anomaly": measure_anomaly,
    "alerts": measure_alerts,
}


def prepared(stack: ExitStack, data: Path, home: Path) -> tuple[Remote, dict[str, float]]:
    """A store with the history in it, and the seconds that loading took."""
    use_home(home)
    manage("migrate")
    store = stack.enter_context(Remote(STORE))
    return store, {"product": store.call("load", data, END)}


def first_evaluation() -> tuple[float, Results]:
    """The baselines, in a process of their own; its peak memory and what the cycle reported."""
    with Remote(CYCLE) as cycle:
        report = cycle.call("run", END)
        return cycle.peak_memory(), report


def customers_at_end(data: Path) -> int:
    """The greatest id in the history."""
    return int(pq.read_table(data / "users.parquet", columns=["id"])["id"].to_numpy().max())


def compare(members: dict[str, np.ndarray], answers: dict[str, dict[str, np.ndarray]]) -> None:
    """Raise unless all have the same members in every cohort."""
    for name, ids in members.items():
        for opponent, answer in answers.items():
            if not np.array_equal(ids, answer[name]):
                raise RuntimeError(f"{name}: {len(ids)} members, {len(answer[name])} by {opponent}")


def rotated(names: Sequence[str], turn: int) -> list[str]:
    """Who begins changes from pass to pass."""
    start = turn % len(names)
    return [*names[start:], *names[:start]]


def spread(values: Sequence[float], digits: int = 0) -> Results:
    """Median, least and most."""
    found = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: round(value, digits) for name, value in found.items()}


def medians(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """The median of each entry."""
    return {name: round(statistics.median(row.get(name, 0) for row in rows), 1) for name in sorted(rows[0])}


def size_of(path: Path) -> int:
    """Bytes below a directory."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def say(line: str) -> None:
    """Progress, for whoever waits."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def temporary() -> Iterator[Path]:
    """A directory that is gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="cohortsite-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
