"""What batching ought to do, from lists alone: slow, obvious, and the judge of `notifications.batching`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

LOOK_AGAIN = timedelta(minutes=15)


@dataclass
class Change:
    version: int
    name: str
    kind: str
    at: datetime
    ripe_at: datetime | None = None  # of one that waits


@dataclass
class Plain:
    """A subscription. `outcomes` are by (version, name)."""

    choices: dict
    began: datetime
    members: set[str]
    settled_at: datetime = None
    open: list[Change] = field(default_factory=list)
    told: dict[str, datetime] = field(default_factory=dict)
    outcomes: dict[tuple[int, str], tuple[str, str]] = field(default_factory=dict)
    existing_told: bool = False
    held: set[str] | None = None
    looked_at: datetime = None
    decision: str = ""

    def __post_init__(self):
        self.settled_at = self.began

    @property
    def starts(self) -> bool:
        return self.choices["tell_existing"] and not self.existing_told

    def is_due(self, now: datetime) -> bool:
        ripe = any(one.ripe_at is None or one.ripe_at <= now for one in self.open)
        if not (ripe or self.starts or self.choices.get("send_at")):
            return False
        if self.decision:
            return True
        if self.held is not None and now < self.looked_at + LOOK_AGAIN:
            return False
        return self.is_time(now)

    def is_time(self, now: datetime) -> bool:
        """Minute by minute, as a person with a clock would."""
        zone = ZoneInfo(self.choices["time_zone"])
        if send_at := self.choices.get("send_at"):
            minute = now
            while minute > self.settled_at and now - minute <= timedelta(hours=12):
                local = minute.astimezone(zone)
                if local.time() == send_at and local.isoweekday() in self.choices["days"]:
                    return True
                minute -= timedelta(minutes=1)
            return False
        local = now.astimezone(zone)
        quiet = self.choices.get("quiet_from") and self._between(local.time())
        return (
            now - self.settled_at >= self.choices["period"] and local.isoweekday() in self.choices["days"] and not quiet
        )

    def _between(self, clock) -> bool:
        start, end = self.choices["quiet_from"], self.choices["quiet_to"]
        return start <= clock < end if start < end else not end <= clock < start

    def settle(self, now: datetime) -> tuple[set[str], set[str]] | None:
        """Who is told of as joined and as left; None when nobody is."""
        if not self.is_due(now):
            return None
        names = sorted({one.name for one in self.open} | (self.members if self.starts else set()))
        judged = {name: self.judge(name, now) for name in names if self.is_open(name, now)}
        told = {name for name, (verdict, _) in judged.items() if verdict == "told"}
        existing = {name for name in told if self.starts and not self.last_is(name, "added")}
        let_through = self.held if self.decision == "send" else set()
        dropped = told & self.held if self.decision == "drop" else set()
        most = self.choices["hold_above"]
        if most is not None and len(told - dropped - existing - let_through) > most:
            self.held, self.looked_at, self.decision = told, now, ""
            return None
        joined, left = set(), set()
        settles = bool(existing - dropped)
        for name, (verdict, direction) in judged.items():
            verdict = "dropped" if name in dropped else verdict
            settles |= self.close(name, verdict, direction, now)
            if verdict == "told":
                (joined if direction == "added" else left).add(name)
                self.told[name] = now
        if settles or self.choices.get("send_at") or self.starts:
            self.settled_at = now
        self.existing_told |= self.choices["tell_existing"]
        self.held, self.decision = None, ""
        return (joined, left) if joined or left else None

    def is_open(self, name: str, now: datetime) -> bool:
        mine = [one for one in self.open if one.name == name]
        return not mine or any(one.ripe_at is None or one.ripe_at <= now for one in mine)

    def last_is(self, name: str, kind: str) -> bool:
        mine = [one for one in self.open if one.name == name]
        return bool(mine) and mine[-1].kind == kind

    def judge(self, name: str, now: datetime) -> tuple[str, str]:
        """What is to be done with the customer's last change, and whether it joined or left."""
        mine = [one for one in self.open if one.name == name]
        if self.starts:
            direction = "added" if name in self.members else ""
        else:
            direction = mine[0].kind if mine[0].kind == mine[-1].kind else ""
            if (direction == "added") != (name in self.members):
                direction = ""
        if not direction:
            return "cancelled", ""
        if self.choices["once_per_customer"] and name in self.told:
            return "once", direction
        if self.last_is(name, direction) and self.ripe_at(name, mine, now) > now:
            return "waits", direction
        wanted = self.choices["send_on_addition" if direction == "added" else "send_on_removal"]
        return ("told" if wanted else "kind"), direction

    def ripe_at(self, name: str, mine: list[Change], now: datetime) -> datetime:
        moments = [now]
        if self.choices["minimum_stay"]:
            moments += [one.at + self.choices["minimum_stay"] for one in mine]
        if self.choices["cool_down"] and name in self.told:
            moments.append(self.told[name] + self.choices["cool_down"])
        return max(moments)

    def close(self, name: str, verdict: str, direction: str, now: datetime) -> bool:
        """Write down what became of the customer's changes; whether anything is settled."""
        mine = [one for one in self.open if one.name == name]
        ripe_at = self.ripe_at(name, mine, now)
        self.open = [one for one in self.open if one.name != name]
        for one in mine:
            self.outcomes[one.version, name] = ("cancelled", "")
        if not mine:
            return False
        last = mine[-1]
        if verdict == "waits":
            del self.outcomes[last.version, name]
            last.ripe_at = ripe_at
            self.open.append(last)
            return len(mine) > 1
        if verdict in ("kind", "once", "dropped"):
            self.outcomes[last.version, name] = ("unwanted", verdict)
        if verdict == "told" and last.kind == direction:
            self.outcomes[last.version, name] = ("told", "")
        return True
