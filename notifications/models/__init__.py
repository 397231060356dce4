"""Who is told of what, and what became of the telling.

Channel (where) <- Subscription (which cohort, which changes) <- Batch (frozen content of one period) <- Delivery (one
frozen message to one recipient, claimed by compare-and-set) <- Attempt (one try). `Settlement` says of every change
what its subscription did with it, `Waiting` which change is not told yet, `Hold` that a person is to decide.
"""

from __future__ import annotations

from notifications.models.batch import Batch
from notifications.models.channel import Channel
from notifications.models.delivery import Attempt, Delivery
from notifications.models.edited_by_people import EditedByPeople
from notifications.models.hold import Hold
from notifications.models.sent_tests import SentTests
from notifications.models.settlement import Settlement, Waiting
from notifications.models.subscription import (
    DEFAULT_PERIOD,
    LONGEST_PERIOD,
    LONGEST_WAIT,
    SHORTEST_PERIOD,
    SHORTEST_WAIT,
    Subscription,
    every_day,
)
from notifications.models.suppression import Suppression

__all__ = [
    "DEFAULT_PERIOD",
    "LONGEST_PERIOD",
    "LONGEST_WAIT",
    "SHORTEST_PERIOD",
    "SHORTEST_WAIT",
    "Attempt",
    "Batch",
    "Channel",
    "Delivery",
    "EditedByPeople",
    "Hold",
    "SentTests",
    "Settlement",
    "Subscription",
    "Suppression",
    "Waiting",
    "every_day",
]
