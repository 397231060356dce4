"""`make properties`: hold every engine against the reference evaluator on many random histories, and record it.

python -m benchmarks.properties --examples 1000
python -m benchmarks.properties --examples 100 --seed 7 --processes 2
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from benchmarks.report import Results, save, setting, write_table


def main() -> int:
    """Try as many examples as are asked for, record the outcome, and return the exit code of the tests."""
    options = parse_arguments()
    asked = ["--examples", str(options.examples), "--seed", str(options.seed)]
    about = setting(shlex.join(["python", "-m", "benchmarks.properties", *asked]))
    begun = time.monotonic()
    with TemporaryDirectory() as directory:
        code = _run(Path(directory), options)
        results = {
            "examples": options.examples,
            "seed": options.seed,
            "minutes": round((time.monotonic() - begun) / 60, 1),
            **_outcome(Path(directory)),
        }
    save("properties", "", about, results)
    write_table()
    sys.stdout.write(json.dumps(results, indent=1) + "\n")
    return code


def parse_arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=1000, help="random histories for each test and engine")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="what the examples follow from")
    parser.add_argument("--processes", default="auto", help="as many of them side by side")
    return parser.parse_args()


def _run(directory: Path, options: argparse.Namespace) -> int:
    command = [sys.executable, "-m", "pytest", "tests/properties", "--quiet", "--numprocesses", options.processes]
    command += [f"--hypothesis-seed={options.seed}", f"--junitxml={directory}/outcome.xml"]
    environment = os.environ | {"PROPERTY_EXAMPLES": str(options.examples), "PROPERTY_TALLY": str(directory)}
    return subprocess.run(command, env=environment, check=False).returncode


def _outcome(directory: Path) -> Results:
    """How many tests there were and how many found a mismatch; per engine what was tried."""
    suite = next(ElementTree.parse(directory / "outcome.xml").iter("testsuite"))
    tried: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for file in directory.glob("*.json"):
        for engine, what, count in json.loads(file.read_text()):
            tried[engine][what] += count
    return {
        "tests": int(suite.attrib["tests"]),
        "mismatches": int(suite.attrib["failures"]) + int(suite.attrib["errors"]),
        "engines": {engine: dict(tried[engine]) for engine in sorted(tried)},
    }


if __name__ == "__main__":
    sys.exit(main())
