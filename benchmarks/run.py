"""`make bench`: measure import, cycles, growth, pages, and write the results.

python -m benchmarks.run                               everything, at S and M
python -m benchmarks.run --size S                      everything at S: a few minutes
python -m benchmarks.run --only cycle --size M --passes 9
python -m benchmarks.run --only pages --passes 7       every page 21 times
python -m benchmarks.run --only alerts                 fifty alert rules, some of each of 10,000 companies
python -m benchmarks.run --only anomaly                how well anomalies are found, beside two baselines
"""

from __future__ import annotations

import argparse
import shlex
import sys

from benchmarks.measures import MEASURES, say
from benchmarks.report import save, setting, write_table

SIZES_OF = {
    "import": ["S"],
    "cycle": ["S", "M"],
    "growth": ["S"],
    "pages": ["P"],
    "anomaly": ["NAB"],
    "alerts": ["S"],
}
"""A growth run compares the size with ten times its days."""


def main() -> None:
    """Run what is asked for and print the table of all results."""
    options = parse_arguments()
    command = shlex.join(["python", "-m", "benchmarks.run", *sys.argv[1:]])
    for measure in [options.only] if options.only else MEASURES:
        for size in [options.size] if options.size else SIZES_OF[measure]:
            if size not in (*SIZES_OF[measure], "T"):
                continue
            say(f"--- {measure} at {size}")
            about = setting(command)
            save(measure, size, about, MEASURES[measure](size, options.passes))
    print(write_table())


def parse_arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(MEASURES), help="one measure alone")
    parser.add_argument("--size", choices=["T", "S", "P", "M", "NAB"], help="one size alone (T is for trying out)")
    parser.add_argument("--passes", type=int, default=7, help="passes of which the median is taken (at most 16)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
