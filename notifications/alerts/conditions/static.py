"""`static`: the metric is on the wrong side of a number, or outside a range."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from cohorts.criteria.operators import COMPARISONS
from cohorts.criteria.place import Place, read_choice, read_count, read_list, read_number, read_object
from notifications.alerts.conditions.condition import (
    Condition,
    ConditionKind,
    Frame,
    Judged,
    Past,
    Verdict,
    expected,
)

EXPECTED = 'a threshold such as {"op": ">", "value": 0.05} or {"outside": [10, 20]}'
EXPECTED_PAIR = "a list of the lower and the upper bound"
MOST_LAST = 100


@dataclass(frozen=True)
class Bounds:
    """The least and the most that is good; `strict` ones are not good themselves."""

    low: float | None
    high: float | None
    strict: bool = False

    def hold(self, values: np.ndarray) -> np.ndarray:
        """Whether values are good; NaN never is."""
        low, high = (-inf if self.low is None else self.low), (inf if self.high is None else self.high)
        if self.strict:
            return np.asarray((values > low) & (values < high))
        return np.asarray((values >= low) & (values <= high))


@dataclass(frozen=True)
class Static(Condition):
    """Off while the value is not `good`, in `k` of the last `n` intervals; well again as `recovered` says."""

    op: str
    good: Bounds
    recovered: Bounds
    k: int = 1
    n: int = 1

    def words(self, frame: Frame) -> str:
        said = [frame.metric.say(value) for value in (self.good.low, self.good.high) if value is not None]
        side = "outside" if self.op == "outside" else COMPARISONS[self.op][1]
        last = f", in {self.k} of the last {self.n} {frame.plural}" if self.n > 1 else ""
        return f"is {side} {' to '.join(said)}{last}"

    def looks_back(self, frame: Frame) -> int:
        return self.n - 1

    def judge(self, past: Past, frame: Frame) -> Judged:
        there = past.enough(frame) & ~np.isnan(past.values)
        off = (there & ~self.good.hold(past.values)).astype(int)
        before = np.concatenate([[0], np.cumsum(off)])
        starts = np.maximum(np.arange(len(off)) + 1 - self.n, 0)
        bad = before[1:] - before[starts] >= self.k
        verdicts = np.where(bad, Verdict.BAD, np.where(self.recovered.hold(past.values), Verdict.OK, Verdict.NEAR))
        low, high = (np.nan if bound is None else bound for bound in (self.good.low, self.good.high))
        wanted = expected(frame, low, high, strictly=self.good.strict)
        last = f", in {self.k} or more of the last {self.n} {frame.plural}" if self.n > 1 else ""

        def say(place: int) -> str:
            return f"expected {wanted}, saw {frame.metric.say(past.values[place])}{last if bad[place] else ''}"

        bounds = {"low": np.full(len(off), low), "high": np.full(len(off), high)}
        return Judged(np.where(there, verdicts, Verdict.UNKNOWN), **bounds, say=say)


def parse(value: dict[str, Any], place: Place, frame: Frame) -> Static:
    """The condition of an object with the key `static`. Raises CriteriaError."""
    read_object(value, place, "an object", ("static", "of_last"))
    at = place.key("static")
    given = read_object(value["static"], at, EXPECTED, ("op", "value", "outside", "recover_at"))
    if "outside" in given:
        read_object(given, at, EXPECTED, ("outside", "recover_at"))
        op, good = "outside", Bounds(*_pair(given["outside"], at.key("outside")))
    else:
        read_object(given, at, EXPECTED, ("op", "value", "recover_at"), ("op", "value"))
        op = read_choice(given["op"], at.key("op"), list(COMPARISONS))
        good = _bounds(op, read_number(given["value"], at.key("value")))
    recovered = good
    if "recover_at" in given:
        recovered = _parse_recovered(given["recover_at"], op, good, at.key("recover_at"))
    return Static(op, good, recovered, *_parse_last(value, place))


def _bounds(op: str, value: float) -> Bounds:
    """What is good where `op value` is bad."""
    low, high = (None, value) if op.startswith(">") else (value, None)
    return Bounds(low, high, strict=op.endswith("="))


def _parse_recovered(value: object, op: str, good: Bounds, place: Place) -> Bounds:
    recovered = Bounds(*_pair(value, place)) if op == "outside" else _bounds(op, read_number(value, place))
    inside = np.array([each for each in (recovered.low, recovered.high) if each is not None])
    if not Bounds(good.low, good.high).hold(inside).all():
        raise place.fault("expected what is good, not what is bad")
    return recovered


def _pair(value: object, place: Place) -> tuple[float, float]:
    pair = read_list(value, place, EXPECTED_PAIR)
    if len(pair) != 2:
        raise place.fault(f"expected {EXPECTED_PAIR}")
    low, high = (read_number(each, place.item(index)) for index, each in enumerate(pair))
    if low > high:
        raise place.fault("expected the lower bound first")
    return low, high


def _parse_last(value: dict[str, Any], place: Place) -> tuple[int, int]:
    if "of_last" not in value:
        return 1, 1
    at = place.key("of_last")
    given = read_object(value["of_last"], at, 'counts such as {"k": 2, "n": 3}', ("k", "n"), ("k", "n"))
    k, n = (read_count(given[key], at.key(key)) for key in ("k", "n"))
    if not 1 <= n <= MOST_LAST:
        raise at.key("n").fault(f"expected 1 to {MOST_LAST}")
    if not 1 <= k <= n:
        raise at.key("k").fault('expected 1 to "n"')
    return k, n


KIND = ConditionKind(
    parse=parse, label="Crosses a number", icon="horizontal_rule", blank={"static": {"op": ">", "value": ""}}
)
