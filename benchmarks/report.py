"""Where and with what it was measured, and the results as files and as a table."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sqlite3
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("django", "duckdb", "chdb", "chdb-core", "ibis-framework", "pyarrow", "numpy", "pyroaring", "msgspec")
Results = dict[str, Any]


def setting(command: str) -> Results:
    """The machine, the versions, the date and the command."""
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "commit": _output("git", "rev-parse", "--short", "HEAD"),
        "machine": {
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
            "system": platform.platform(),
            "load_before": [round(load, 2) for load in os.getloadavg()],
        },
        "versions": {
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            **versions,
        },
    }


def save(measure: str, size: str, about: Results, results: Results) -> Path:
    """Write one measure's results; the newest of each measure and size is kept, git has the older ones."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{measure}-{size}.json" if size else RESULTS / f"{measure}.json"
    file.write_text(json.dumps({"measure": measure, "size": size, **about, "results": results}, indent=1) + "\n")
    return file


def table() -> str:
    """All results that are there, as Markdown."""
    lines = ["# Results", "", NOTES.strip(), ""]
    files = [file for file in RESULTS.glob("*.json") if file.stem.split("-")[0] in TABLES]
    for file in sorted(files, key=lambda file: ([*TABLES].index(file.stem.split("-")[0]), file.stem)):
        found = json.loads(file.read_text())
        size = f", size {found['size']}" if found["size"] else ""
        lines += [f"## {found['measure'].capitalize()}{size}", "", _where(found), ""]
        lines += [*TABLES[found["measure"]](found["results"]), ""]
    return "\n".join(lines)


def write_table() -> str:
    """Put the table beside the results and return it."""
    text = table()
    (RESULTS / "README.md").write_text(text)
    return text


NOTES = """
Written by `make bench`; the numbers stand in the JSON files beside this one. Sizes: S is 100,000 users, 10,000
companies, 2 million events over 60 days; M is 1 million users, 50,000 companies, 20 million events over 60 days; S10
is S with 600 days at the same rate; P is S with 200,000 users. Every pass brings 15 minutes of new events (at 2.6
times the average rate, as in busy hours), new users and changed profiles. All engines may use 2 threads. All values
are median (least to most).

- A cycle is `run_cycle`: sealing, evaluation, diff, explanations, changes of the eleven cohorts in `cohorts.py`. Their
  first evaluation is not timed. Recording the new events is not timed.
- The opponents recompute the same eleven by hand-written SQL over typed tables of their own and do nothing else; the
  insertion of the new events is not part of their time. After every pass all three must have the same members in all
  eleven cohorts.
- The history goes straight into segments, and customers into the database by plain SQL: no cycle reads old rows of the
  `Event` table. What comes in during the passes goes the way of the collector.
- The first pass finds nothing kept in its process and is the most of each range. On a busy machine ("load before")
  times say little and their ratios waver; CPU times stand beside them.
- Peak memory is VmHWM of a fresh process that runs only the cycles (or the first evaluation).
"""


def _where(found: Results) -> str:
    machine, versions = found["machine"], found["versions"]
    return (
        f"{found['date']}, commit {found['commit']}, {machine['cores']} cores ({machine['cpu']}), "
        f"{machine['memory_gb']} GB, load before {machine['load_before'][0]}; Python {versions['python']}, "
        f"DuckDB {versions['duckdb']}, ClickHouse {versions['chdb-core']} (chDB {versions['chdb']}), "
        f"SQLite {versions['sqlite']}. `{found['command']}`"
    )


def _import(results: Results) -> list[str]:
    return [
        *_head("", "asked", "measured"),
        f"| `import_events` into SQLite, events/s | >= 20,000 | {_spread(results['events_per_second'])} |",
        f"| sealing them, events/s | | {_spread(results['sealed_per_second'])} |",
        f"| peak memory of sealing, MB | | {results['sealing_peak_mb']:,} |",
        "",
        f"{results['events']:,} events of {results['bytes_per_line']} bytes a line.",
    ]


def _cycle(results: Results) -> list[str]:
    ratios, peaks = results["ratios"], results["peak_mb"]
    names = list(results["opponents_ms"])
    lines = [
        *_head("", "asked", "measured"),
        f"| cycle, ms | | {_spread(results['cycle_ms'])} |",
        *(f"| recompute by {name}, ms | | {_spread(results['opponents_ms'][name])} |" for name in names),
        f"| cycle / recompute by clickhouse | <= 1.0 at M | {_spread(ratios['clickhouse'])} |",
        f"| cycle / recompute by duckdb | | {_spread(ratios['duckdb'])} |",
        f"| CPU time of a cycle, ms | | {_spread(results['cpu_ms']['product'])} |",
        *(f"| CPU time, cycle / {name} | | {_spread(results['cpu_ratios'][name])} |" for name in names),
        f"| peak memory of the cycle, MB | < 2,000 at M | {peaks['cycle']:,} |",
        f"| peak memory of the first evaluation, MB | | {peaks['baseline']:,} |",
        *(f"| peak memory of {name}, MB | | {peaks[name]:,} |" for name in names),
        f"| first evaluation of all, ms | | {results['first_evaluation_ms']:,} |",
        "",
        f"{results['items_per_pass']:,.0f} items and {results['changes_per_pass']:,.0f} membership changes per pass; "
        f"members identical: {results['identical']}.",
        "",
        "Parts of the cycle, ms: " + ", ".join(f"{name} {ms:,.0f}" for name, ms in results["parts_ms"].items()) + ".",
        "",
        *_head("cohort", "members", "cycle, ms", *(f"{name}, ms" for name in names)),
    ]
    for cohort, ms in results["cohorts_ms"].items():
        others = " | ".join(f"{results['opponent_cohorts_ms'][name][cohort]:,.0f}" for name in names)
        lines.append(f"| {cohort} | {results['members'][cohort]:,} | {ms:,.0f} | {others} |")
    return lines


def _growth(results: Results) -> list[str]:
    return [
        *_head("", "asked", "measured"),
        *(f"| cycle at {name}, ms | | {_spread(spread)} |" for name, spread in results["cycle_ms"].items()),
        f"| ratio | <= 1.3 | {_spread(results['ratio'])} |",
        *(f"| peak memory at {name}, MB | | {peak:,} |" for name, peak in results["peak_mb"].items()),
    ]


def _pages(results: Results) -> list[str]:
    about = ", ".join(f"{count:,} {what}" for what, count in results["about"].items())
    return [
        f"{about}; {results['requests']} requests each after one that is not timed; one process, which held "
        f"{results['peak_mb']:,} MB at most. Asked: a look-up within 1,000 ms, every page within 300 at the 95th "
        "percentile, the number of those that evaluate criteria apart. Exports are whole files.",
        "",
        *_head("look-up: number and first page", "median, ms", "p95, ms"),
        *(f"| {name} | {ms['median']:,} | **{ms['p95']:,}** |" for name, ms in results["look_ups"].items()),
        "",
        *_head("page", "median, ms", "p95, ms", "queries", "kB"),
        *(
            f"| {name} | {ms['median']:,} | **{ms['p95']:,}** | {ms['queries']} | {ms['bytes'] / 1000:,.0f} |"
            for name, ms in sorted(results["pages"].items(), key=lambda page: -page[1]["p95"])
        ),
    ]


def _anomaly(results: Results) -> list[str]:
    return [
        "Floor 45, aim 60; one default sensitivity for all series, streaming.",
        "",
        *_head("detector", "score"),
        *(f"| {name} | **{score:,}** |" for name, score in results["scores"].items()),
        "",
        *_head("series", "windows", "found", "false alarms"),
        *(
            f"| {name} | {found['windows']} | {found['hits']} | {found['false alarms']} |"
            for name, found in results["files"].items()
        ),
    ]


def _alerts(results: Results) -> list[str]:
    return [
        *_head("", "asked", "measured"),
        f"| one interval of each of {results['rules']} rules, ms | <= 10,000 | {_spread(results['ms'])} |",
        f"| CPU time, ms | | {_spread(results['cpu_ms'])} |",
        f"| peak memory, MB | | {results['peak_mb']:,} |",
        "",
        "Rules that share their intervals and groups are read in one pass; nothing is kept between passes.",
        "",
        *_head("pass", "ms"),
        *(f"| {name} | {ms:,.0f} |" for name, ms in results["passes_ms"].items()),
    ]


def _properties(results: Results) -> list[str]:
    rows = [f"| {name} | {tried['histories']:,} | {tried['answers']:,} |" for name, tried in results["engines"].items()]
    return [
        *_head("engine", "random histories", "answers held against the reference evaluator"),
        *rows,
        "",
        f"Mismatches: **{results['mismatches']}** in {results['tests']} tests with {results['examples']:,} histories "
        f"or fewer; seed {results['seed']}, {results['minutes']} minutes.",
        "An answer is that of a whole definition or of one of its leaves alone, for all customers.",
    ]


TABLES = {
    "import": _import,
    "cycle": _cycle,
    "growth": _growth,
    "pages": _pages,
    "anomaly": _anomaly,
    "alerts": _alerts,
    "properties": _properties,
}


def _head(*names: str) -> list[str]:
    return ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]


def _spread(spread: dict[str, float]) -> str:
    return f"**{spread['median']:,}** ({spread['min']:,} to {spread['max']:,})"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _output(*command: str) -> str:
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=RESULTS.parent).stdout.strip()
