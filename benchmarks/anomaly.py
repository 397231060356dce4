"""How well anomalies are found: our detector and two baselines on labelled series, streaming, with one setting for all.

The series are not part of the project (their licence is another one): they are read from `../shared/data/nab`, or from
where NAB_DIR says. Scored as the benchmark's paper describes, standard profile: in each labelled window the first
detection counts, the more the earlier it comes; a window without one costs 1, a detection outside of windows 0.11; the
first 15 % of each series are not scored; no detection at all comes to 0, perfect detection to 100. Each detector
speaks once and then is silent for QUIET, as an alert is that opens once.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from notifications.alerts.anomaly import WEEK, judge

SERIES = Path(os.environ.get("NAB_DIR", Path(__file__).resolve().parents[2] / "shared/data/nab"))
QUIET = 12 * 3600.0
"""Seconds."""
PROBATION, LONGEST_PROBATION = 0.15, 750
FALSE_ALARM = 0.11
Detector = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Times and values -> whether each is unusual, from what was before."""


def measure_anomaly(size: str, passes: int) -> dict[str, Any]:
    """The score of each detector and, for ours, what it found in each series."""
    scores = {name: _total(detector) for name, detector in DETECTORS.items()}
    return {
        "scores": {name: round(total, 1) for name, (total, _) in scores.items()},
        "files": scores["cohortsite"][1],
    }


def ours(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The detector of alert rules at its default sensitivity."""
    return np.abs(judge(values, _step(times)).score) > 1


def windowed_gaussian(times: np.ndarray, values: np.ndarray, width: int = 2_000, sigmas: float = 4.0) -> np.ndarray:
    """More than four standard deviations from the mean of the last 2,000 values."""
    found = np.zeros(len(values), dtype=bool)
    for at in range(50, len(values)):
        before = values[max(0, at - width) : at]
        found[at] = abs(values[at] - before.mean()) > sigmas * max(before.std(), 1e-9)
    return found


def same_hour_last_week(times: np.ndarray, values: np.ndarray, width: int = 2_000, spreads: float = 6.0) -> np.ndarray:
    """Further from the value a week ago than six times the usual distance."""
    found, lag = np.zeros(len(values), dtype=bool), round(WEEK / _step(times))
    errors = values[lag:] - values[:-lag]
    for at in range(50, len(errors)):
        before = errors[max(0, at - width) : at]
        middle = np.median(before)
        spread = 1.4826 * np.median(np.abs(before - middle))
        found[lag + at] = abs(errors[at] - middle) > spreads * max(spread, 1e-9)
    return found


DETECTORS: dict[str, Detector] = {
    "cohortsite": ours,
    "windowed Gaussian": windowed_gaussian,
    "same hour last week": same_hour_last_week,
}


def _total(detector: Detector) -> tuple[float, dict[str, dict[str, float]]]:
    raw, windows, files = 0.0, 0, {}
    for name, labelled in json.loads((SERIES / "windows.json").read_text()).items():
        times, values = _read(SERIES / name)
        borders = [(_seconds(start), _seconds(end)) for start, end in labelled]
        found = score(times, _once(times, detector(times, values)), borders)
        raw, windows = raw + found["score"], windows + found["windows"]
        files[name] = found
    return 100 * (raw + windows) / (2 * windows), files


def score(times: np.ndarray, detections: list[int], borders: list[tuple[float, float]]) -> dict[str, float]:
    """What the detections in one series come to, before scaling."""
    begin = min(int(PROBATION * len(times)), LONGEST_PROBATION)
    scored = [at for at in detections if at >= begin]
    places = [(int(np.searchsorted(times, a)), int(np.searchsorted(times, b, side="right")) - 1) for a, b in borders]
    places = [(first, last) for first, last in places if last >= begin]
    raw, hits, inside = 0.0, 0, set()
    for first, last in places:
        within = [at for at in scored if first <= at <= last]
        inside |= set(within)
        hits += bool(within)
        raw += _worth(-(last - within[0] + 1) / (last - first + 1)) / _worth(-1.0) if within else -1.0
    false = [at for at in scored if at not in inside]
    raw += FALSE_ALARM * sum(_worth(_after(at, places)) for at in false)
    return {"score": raw, "windows": len(places), "hits": hits, "false alarms": len(false)}


def _after(at: int, places: list[tuple[int, int]]) -> float:
    """How far behind the window before it a false alarm is, in widths of the window; far where there is none."""
    before = [(first, last) for first, last in places if last < at]
    if not before:
        return 3.0
    first, last = before[-1]
    return min(3.0, (at - last) / max(1, last - first))


def _worth(position: float) -> float:
    """From nearly 1 at a window's start (-1) through 0 at its end to -1 far behind it."""
    return float(2 / (1 + np.exp(5 * position)) - 1) if position < 3 else -1.0


def _once(times: np.ndarray, unusual: np.ndarray) -> list[int]:
    spoken: list[int] = []
    for at in np.flatnonzero(unusual):
        if not spoken or times[at] - times[spoken[-1]] > QUIET:
            spoken.append(int(at))
    return spoken


def _read(file: Path) -> tuple[np.ndarray, np.ndarray]:
    rows = list(csv.reader(file.open()))[1:]
    return np.array([_seconds(row[0]) for row in rows]), np.array([float(row[1]) for row in rows])


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _step(times: np.ndarray) -> float:
    return float(np.median(np.diff(times)))
