"""`make chaos`: kill the site's processes at random for minutes, then look whether every promise held.

    python -m tests.faults.chaos --database postgresql --minutes 5

The figures go into benchmarks/results/chaos.json. Ends with 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import shlex
import sys

from benchmarks.site import DATABASES, save_beside, site


def main() -> None:
    """One run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--try-out", action="store_true", help="do not save the figures")
    options = parser.parse_args()
    with site(options.database) as home:
        from tests.faults.storm import Storm  # noqa: PLC0415 - Django is set up only now

        results = Storm(home, options.minutes * 60).run()
    for name, value in results.items():
        print(f"{name:32} {value}")
    if not options.try_out:
        save_beside(
            "chaos", options.database, shlex.join(["python", "-m", "tests.faults.chaos", *sys.argv[1:]]), results
        )
    sys.exit(bool(results["violations"]))


if __name__ == "__main__":
    main()
