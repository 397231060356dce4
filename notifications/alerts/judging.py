"""Judge the intervals of rules that share a pass: what they were, what was expected, and what that does to alerts.

The same code watches and replays. What it says of an interval follows from the events that had arrived in time, and
from how the groups stood before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ingest.columns.interface import Snapshot
from notifications.alerts.busiest import Busiest, find_busiest
from notifications.alerts.conditions import Judged, Past
from notifications.alerts.figures import or_none
from notifications.alerts.groups import Group, Groups
from notifications.alerts.life import Course, State, Turn
from notifications.alerts.panes import Asked, Reader
from notifications.alerts.plan import Plan
from notifications.alerts.series import AllSeries, Series, read_series

FORGOTTEN = "too little traffic to tell"


@dataclass(frozen=True)
class Task:
    """A plan, the intervals to judge (by the numbers of their ends), and how those of its groups stand of whom
    anything is remembered."""

    plan: Plan
    numbers: range
    states: Mapping[Group, State] = field(default_factory=dict)


@dataclass(frozen=True)
class Happening:
    """What happened to the alert of a group in an interval, by the number of its end, and why."""

    number: int
    group: Group
    turn: Turn
    value: float | None
    low: float | None
    high: float | None
    sentence: str


@dataclass(frozen=True)
class Judgement:
    """What came of a task: what happened, in order; how the groups stand now that were remembered or had an alert;
    and how many groups with events were not watched in the last interval."""

    happenings: list[Happening]
    states: dict[Group, State]
    unwatched: int


@dataclass(frozen=True)
class Track:
    """A group's series as it was judged: arrays for `numbers`, which begin as far back as the condition looks."""

    numbers: range
    past: Past
    judged: Judged

    def happening(self, number: int, group: Group, turn: Turn) -> Happening:
        """What happened in an interval, as it was judged."""
        place = number - self.numbers.start
        value, low, high = (or_none(each[place]) for each in (self.past.values, self.judged.low, self.judged.high))
        sentence = FORGOTTEN if turn == Turn.FORGOTTEN else self.judged.say(place)
        return Happening(number, group, turn, value, low, high, sentence)


@dataclass(frozen=True)
class Reading:
    """What one pass read for tasks that share it."""

    tasks: Sequence[Task]
    groups: Groups
    watched: Sequence[Sequence[Busiest]] | None
    "Per task and interval of the pass; none where there are no groups."
    first: int
    series: AllSeries | None
    "None where no group is of interest."

    def judge(self, place: int) -> Judgement:
        """Judge the intervals of the task at a place."""
        task = self.tasks[place]
        rules, ends = task.plan.rules, [task.plan.grid.border(number) for number in task.numbers]
        happenings: list[Happening] = []
        states: dict[Group, State] = {}
        for group, track, watched in self.tracks(place):
            start = task.numbers.start - track.numbers.start
            course = Course(task.states.get(group, State()), rules)
            verdicts, known = track.judged.verdicts[start:], track.past.known[start:]
            for at, turn in course.follow(verdicts, watched, known, ends):
                happenings.append(track.happening(task.numbers[at], group, turn))
            if course.state != State():
                states[group] = course.state
        happenings.sort(key=lambda happening: (happening.number, happening.group.key))
        return Judgement(happenings, states, self._busiest(place)[-1].others)

    def tracks(self, place: int) -> Iterator[tuple[Group, Track, np.ndarray]]:
        """The groups of interest to the task at a place: each with its series as it was judged, and for each of the
        task's intervals whether it was watched."""
        task = self.tasks[place]
        busiest = self._busiest(place)
        remembered = {number for number in self._found(task.states) if number is not None}
        named = self.groups.named({number for one in busiest for number in one.watched.tolist()} | remembered)
        flags = _flags(busiest, sorted(named))
        for number, group in sorted(named.items()):
            yield group, self.track(place, number), flags[number]
        for group in task.states.keys() - set(named.values()):  # its customer is no more
            yield group, self.track(place, None), np.zeros(len(task.numbers), dtype=bool)

    def busiest(self, place: int) -> list[Group]:
        """The groups that the task at a place watched in its last interval."""
        return list(self.groups.named(self._busiest(place)[-1].watched.tolist()).values())

    def _found(self, groups: Iterable[Group]) -> list[int | None]:
        return self.groups.find([group.values for group in groups])

    def _busiest(self, place: int) -> Sequence[Busiest]:
        """Of the task's intervals."""
        numbers = self.tasks[place].numbers
        if self.watched is None:
            return [Busiest(np.array([self.groups.number(())]), 0)] * len(numbers)
        return self.watched[place][numbers.start - self.first : numbers.stop - self.first]

    def track(self, place: int, number: int | None) -> Track:
        """The series of a group as the task at a place sees it; without a number that of one that is no more."""
        task = self.tasks[place]
        series = _nothing(task) if self.series is None or number is None else self.series.of(place, number)
        numbers = range(series.first, task.numbers.stop)
        values, events = series.values[: len(numbers)], series.events[: len(numbers)]
        past = Past(numbers.start, values, events, task.plan.known(numbers), task.numbers.start - numbers.start)
        return Track(numbers, past, task.plan.definition.condition.judge(past, task.plan.definition.frame))


def read(snapshot: Snapshot, tasks: Sequence[Task], only: Callable[[Group], bool] | None = None) -> Reading:
    """Read for tasks whose plans share a pass; none of them is without intervals. With `only`, of the watched groups
    those for which it is true. Raises TooManyGroups and ColumnsDamaged."""
    plan = tasks[0].plan
    groups = Groups(plan.definition.group_by)
    reader = Reader(snapshot, plan.grid, groups)
    first, last = min(task.numbers.start for task in tasks), max(task.numbers.stop for task in tasks) - 1
    asked = [_asked(task) for task in tasks]
    if not groups.group_by:
        return Reading(tasks, groups, None, first, read_series(reader, asked, last))
    watched = find_busiest(reader, asked, [task.plan.definition.most_groups for task in tasks], first, last)
    among = {number for of_task in watched for one in of_task for number in one.watched.tolist()}
    if only is not None:
        among = {number for number, group in groups.named(among).items() if only(group)}
        watched = [[one.among(among) for one in of_task] for of_task in watched]
    for task in tasks:
        among |= set(groups.find([group.values for group in task.states])) - {None}
    series = read_series(reader, asked, last, sorted(among)) if among else None
    return Reading(tasks, groups, watched, first, series)


def trace(snapshot: Snapshot, plan: Plan, numbers: range, groups: Sequence[Group]) -> dict[Group, Track]:
    """The series of some groups of a plan, as the intervals were or would have been judged. Raises ColumnsDamaged."""
    task = Task(plan, numbers)
    known = Groups(plan.definition.group_by)
    found = known.find([group.values for group in groups])
    reader = Reader(snapshot, plan.grid, known)
    series = read_series(reader, [_asked(task)], numbers.stop - 1, [number for number in found if number is not None])
    reading = Reading([task], known, None, numbers.start, series)
    return {group: reading.track(0, number) for group, number in zip(groups, found, strict=True)}


def judge(snapshot: Snapshot, tasks: Sequence[Task]) -> list[Judgement]:
    """Judge tasks whose plans share a pass. Raises as `read` does."""
    reading = read(snapshot, tasks)
    return [reading.judge(place) for place in range(len(tasks))]


def _asked(task: Task) -> Asked:
    definition = task.plan.definition
    back = definition.condition.looks_back(definition.frame)
    return Asked(definition.metric, definition.grace.length, task.numbers.start - back - task.plan.grid.panes)


def _nothing(task: Task) -> Series:
    first = _asked(task).first + task.plan.grid.panes
    size = task.numbers.stop - first
    return Series(first, np.full(size, np.nan), np.zeros(size, dtype=np.int64))


def _flags(busiest: Sequence[Busiest], numbers: Sequence[int]) -> dict[int, np.ndarray]:
    """For each of the groups in which of the intervals it is watched."""
    place_of = np.full(max(numbers, default=0) + 1, -1)
    place_of[list(numbers)] = np.arange(len(numbers))
    flags = np.zeros((len(numbers) + 1, len(busiest)), dtype=bool)  # the last row is for groups that are no more
    for interval, one in enumerate(busiest):
        watched = one.watched[one.watched < len(place_of)]
        flags[place_of[watched], interval] = True
    return dict(zip(numbers, flags, strict=False))
