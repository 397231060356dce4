"""Says how much was tried, where PROPERTY_TALLY names a directory for it: each process writes a file of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.properties.budget import TRIED


def pytest_sessionfinish() -> None:
    directory = os.environ.get("PROPERTY_TALLY")
    if directory and TRIED:
        counts = [[engine, what, count] for (engine, what), count in TRIED.items()]
        (Path(directory) / f"{os.getpid()}.json").write_text(json.dumps(counts))
