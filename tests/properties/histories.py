"""Random histories: what a few users and companies send around an instant at which clocks do odd things."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.reference_world import Received

USERS = ["u1", "u2", "u3", "u4"]
COMPANIES = ["c1", "c2", "c3"]
VISITORS = ["a1", "a2", "u4"]
"Anonymous ids; one of them is somebody's own id too."
TICK = timedelta(microseconds=1)

ANCHORS = [
    ("UTC", datetime(2026, 1, 1)),
    ("America/Sao_Paulo", datetime(2018, 11, 4, 3)),  # midnight is missing
    ("America/Sao_Paulo", datetime(2018, 2, 18, 2)),  # 23:00 comes twice
    ("America/Havana", datetime(2025, 11, 2, 5)),  # midnight comes twice
    ("America/St_Johns", datetime(2010, 11, 7, 2, 31)),  # midnight comes twice, the day before between
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15)),  # half an hour twice
    ("Australia/Lord_Howe", datetime(2025, 10, 4, 13, 30)),  # local midnight before half an hour is missing
    ("Asia/Kathmandu", datetime(2026, 3, 1, 18, 15)),  # local midnight
    ("Europe/Berlin", datetime(2026, 3, 29, 1)),  # an hour is missing
    ("America/Toronto", datetime(1919, 3, 31, 4, 30)),  # midnight lies inside a missing hour
    ("Pacific/Apia", datetime(2011, 12, 30, 10)),  # a day is missing
]
DURATIONS = ["1s", "30m", "1h", "23h", "24h", "1d", "25h", "7d", "1w", "30d"]
OFFSETS = [
    timedelta(seconds=seconds)
    for seconds in (0, 1, 1800, 3600, 23 * 3600, 86400, 25 * 3600, 2 * 86400, 7 * 86400, 8 * 86400, 30 * 86400)
]


@dataclass(frozen=True)
class History:
    """What was received, in the order of arrival, and the instants to look at it from."""

    zone: ZoneInfo
    anchor: datetime
    received: list[Received]
    sealed_after: frozenset[int]
    "Numbers of items after which the rows are sealed; at the end they are in any case."
    instants: list[datetime]


COMMON = ["pro", "Pro", "free", 1, 2, True]
"Few enough for customers to have the same, and for criteria to ask for it."
TEXTS = [
    *("pro", "Pro", "PROfessional", "100%", "a_b", "axb", "a\\b", "İSTANBUL", "istanbul", "ΣΑΣ", "σας", "", " ", "400"),
    *("true", "\U0001f600\n", "Straße"),
]


@cache
def values(anchor: datetime) -> st.SearchStrategy[Any]:
    """What stands in metadata: every type, near misses, and times around the anchor."""
    return st.one_of(
        st.sampled_from(COMMON),
        st.sampled_from(COMMON),
        st.sampled_from(TEXTS),
        st.sampled_from([0, -0.0, 1, 1.0, 2.5, -3, 400, 1e18, True, False, None, [], ["pro"], {}, {"tier": "pro"}]),
        times(anchor),
    )


@cache
def times(anchor: datetime) -> st.SearchStrategy[str]:
    return st.one_of(
        near(anchor).flatmap(lambda instant: st.sampled_from(written(instant))),
        st.sampled_from(
            ["2026-03-01", "20260301", "2026-W09-7", "2026-13-01", "0001-01-01T00:00:00+14:00", "1772323200"]
        ),
    )


def written(instant: datetime) -> list[str]:
    """Ways in which a sender may write an instant."""
    naive = instant.replace(tzinfo=None).isoformat()
    east = instant.astimezone(ZoneInfo("Asia/Kathmandu")).isoformat()
    return [naive, naive + "Z", naive + "+00:00", east, instant.strftime("%Y-%m-%dT%H:%M:%S.%f") + "999Z"]


@cache
def near(anchor: datetime) -> st.SearchStrategy[datetime]:
    """Instants on and beside the borders of windows that start or end at the anchor."""
    return st.builds(
        lambda offset, sign, more, ticks: anchor + sign * offset + more + ticks * TICK,
        st.sampled_from(OFFSETS),
        st.sampled_from([-1, -1, -1, 1]),
        st.sampled_from([timedelta(), timedelta(), timedelta(hours=1), timedelta(minutes=-30)]),
        st.sampled_from([0, 0, 1, -1]),
    )


@cache
def metadata(anchor: datetime) -> st.SearchStrategy[dict[str, Any]]:
    value = values(anchor)
    inner = st.dictionaries(st.sampled_from(["b", "c"]), value, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "plan": value,
            "n": st.one_of(st.sampled_from([0, 1, 2, 2.5, 3]), value),
            "when": times(anchor),
            "a": st.one_of(value, inner),
            "a.b": value,
            "email": value,
            "name": value,
        },
    )


COMPANY = st.sampled_from([None, *COMPANIES])
USER = st.sampled_from([None, *USERS])
VISITOR = st.sampled_from([None, None, *VISITORS])
TRANSACTION = st.sampled_from([None, None, None, "t1", "t2", "t3"])
URIS = ["https://api.acme.test/items/42?x=1", "/items/9f86d081", "/items/new#top", "/a%b/deadbeef"]
HEADERS = st.dictionaries(
    st.sampled_from(["Accept", "X-Plan"]),
    st.sampled_from(["pro", "text/html", 5, "2026-03-01T00:00:00Z", ""]),
    max_size=2,
)
WEIGHTS = [None, 1, 2, 5, 10**6, 10**6 + 1, 0, -1, 2.5, "3", "x", True]


@st.composite
def events(draw: st.DrawFn, anchor: datetime) -> Received:
    happened = draw(near(anchor))
    item: dict[str, Any] = {
        "request": {
            "time": draw(st.sampled_from(written(happened))),
            "verb": draw(st.sampled_from(["GET", "POST"])),
            "uri": draw(st.sampled_from(URIS)),
            "headers": draw(HEADERS),
        },
        "user_id": draw(USER),
        "company_id": draw(COMPANY),
        "transaction_id": draw(TRANSACTION),
        "weight": draw(st.sampled_from(WEIGHTS)),
        "metadata": draw(metadata(anchor)),
        "tags": draw(st.sampled_from([None, "", [], ["pro"], ["Pro", "x"], "pro"])),
        "action_name": draw(st.sampled_from([None, "signup"])),
    }
    if draw(st.booleans()):
        item["request"]["body"] = draw(
            st.sampled_from([{"order": {"amount": 5}, "card": 1}, {"order": [5]}, "x", None])
        )
        item["request"]["transfer_encoding"] = draw(st.sampled_from([None, "json", "base64"]))
    if draw(st.booleans()):
        took = draw(st.sampled_from([timedelta(), TICK, timedelta(seconds=1), -TICK]))
        item["response"] = {
            "time": (happened + took).isoformat(),
            "status": draw(st.sampled_from([200, 400, "400", 400.0, 500])),
            "headers": draw(HEADERS),
        }
    return Received("event", item, draw(receipt(happened)))


@st.composite
def actions(draw: st.DrawFn, anchor: datetime) -> Received:
    happened = draw(near(anchor))
    item = {
        "action_name": draw(st.sampled_from(["signup", "Signup", "invite"])),
        "user_id": draw(USER),
        "anonymous_id": draw(VISITOR),
        "company_id": draw(COMPANY),
        "transaction_id": draw(TRANSACTION),
        "request": draw(st.sampled_from([{}, *({"time": text} for text in written(happened))])),
        "metadata": draw(metadata(anchor)),
        "weight": draw(st.sampled_from(WEIGHTS)),
    }
    return Received("action", item, draw(receipt(happened)))


@st.composite
def statements(draw: st.DrawFn, anchor: datetime) -> Received:
    what = draw(st.sampled_from(["user", "user", "company", "subscription"]))
    if what == "subscription":
        return draw(subscriptions(anchor))
    item: dict[str, Any] = {"metadata": draw(metadata(anchor))}
    if draw(st.booleans()):
        sources = st.sampled_from(["ads", "Mail", None])
        item["campaign"] = draw(st.fixed_dictionaries({}, optional={"utm_source": sources, "utm_term": sources}))
    if what == "user":
        ids = st.tuples(USER, VISITOR).filter(any)
        user, visitor = draw(ids)
        item |= {"user_id": user, "anonymous_id": visitor, "company_id": draw(COMPANY)}
    else:
        domains = st.sampled_from([None, "acme.test", "Acme.TEST"])
        item |= {"company_id": draw(st.sampled_from(COMPANIES)), "company_domain": draw(domains)}
    return Received(what, item, draw(near(anchor)))


@st.composite
def subscriptions(draw: st.DrawFn, anchor: datetime) -> Received:
    moments = near(anchor).flatmap(lambda instant: st.sampled_from(written(instant)))
    item = {
        "subscription_id": draw(st.sampled_from(["s1", "s2", "s3"])),
        "company_id": draw(st.sampled_from(COMPANIES)),
        "status": draw(st.sampled_from(["active", "active", "trialing", "cancelled", "odd", None])),
        "current_period_start": draw(st.one_of(st.none(), moments)),
        "current_period_end": draw(st.one_of(st.none(), moments)),
        "metadata": draw(metadata(anchor)),
    }
    return Received("subscription", item, draw(near(anchor)))


@cache
def receipt(happened: datetime) -> st.SearchStrategy[datetime]:
    """At once, late, or ahead of the time that the event claims (by a day and more: a wrong clock)."""
    hours = [0, 0, 0, 1, 24, 240, -1, -24, -25]
    return st.sampled_from([happened + timedelta(hours=late) for late in hours])


@st.composite
def histories(draw: st.DrawFn) -> History:
    """A dozen items or more; some come late, some twice, some tell of the past."""
    name, naive = draw(st.sampled_from(ANCHORS))
    anchor = naive.replace(tzinfo=UTC)
    happenings = draw(st.lists(st.one_of(events(anchor), events(anchor), actions(anchor)), min_size=8, max_size=30))
    later = draw(st.sampled_from([timedelta(), timedelta(hours=1)]))
    again = draw(st.lists(st.sampled_from(happenings), max_size=3))
    happenings += [Received(one.what, one.item, one.at + later) for one in again]
    received = sorted(happenings, key=lambda one: one.at)
    for one in draw(st.lists(statements(anchor), min_size=4, max_size=12)):
        received.insert(draw(st.integers(0, len(received))), one)
    return History(
        zone=ZoneInfo(name),
        anchor=anchor,
        received=received,
        sealed_after=draw(st.frozensets(st.integers(1, 25), max_size=3)),
        instants=draw(st.lists(instants(anchor), min_size=1, max_size=2)),
    )


def instants(anchor: datetime) -> st.SearchStrategy[datetime]:
    """Mostly when much has been received."""
    after = [timedelta(), TICK, timedelta(hours=1), timedelta(days=1), timedelta(days=8)]
    return st.one_of(st.sampled_from([anchor + each for each in after]), near(anchor))
