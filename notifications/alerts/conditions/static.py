"""`static`: the metric is on the wrong side of a number, or outside a range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cohorts.criteria.operators import COMPARISONS
from cohorts.criteria.place import Place, read_choice, read_count, read_list, read_number, read_object
from notifications.alerts.conditions.condition import Condition, ConditionKind, Frame

EXPECTED = 'a threshold such as {"op": ">", "value": 0.05} or {"outside": [10, 20]}'
EXPECTED_PAIR = "a list of the lower and the upper bound"
MOST_LAST = 100


@dataclass(frozen=True)
class Bounds:
    """The least and the most that is good; `strict` ones are not good themselves."""

    low: float | None
    high: float | None
    strict: bool = False

    def hold(self, value: float) -> bool:
        """Whether a value is good."""
        if self.strict:
            return (self.low is None or value > self.low) and (self.high is None or value < self.high)
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


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
        last = f", in {self.k} of the last {self.n} {frame.step_name}" if self.n > 1 else ""
        return f"is {side} {' to '.join(said)}{last}"


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
    inside = [each for each in (recovered.low, recovered.high) if each is not None]
    limits = Bounds(good.low, good.high)
    if not all(limits.hold(each) for each in inside):
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
