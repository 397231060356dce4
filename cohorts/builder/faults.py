"""Faults of a definition in words for people who never saw its document."""

from __future__ import annotations

import re

from cohorts.builder.local_times import DATE_TO_CHOOSE
from cohorts.criteria import CriteriaError
from cohorts.criteria.durations import UNITS

_PLAIN = (
    (r"expected a text that is not empty", "Fill this in."),
    (r"expected a text$", "Fill this in."),
    (r"missing.*", "Fill this in."),
    (r"expected a text, a number.*", "Enter a number."),
    (r"expected a number", "Enter a number, such as 400 or 0.5."),
    (r"expected a whole number between.*", "This number is too large."),
    (r"expected a whole number, 0 or more", "Enter a whole number, 0 or more."),
    (r"expected 1 or more.*", "Enter 1 or more."),
    (r'expected no less than "at_least"', "The second number must not be smaller than the first."),
    (r'expected a duration such as "7d".*', "Enter how long, as a whole number above 0."),
    (r'expected a duration of at most "(\d+)h"', r"At most \1 hours are possible."),
    (r"expected a duration of at most.*", "At most 36,500 days (100 years) are possible."),
    (r'expected a longer age than "to"', "The first age must be the longer one, such as between 30 and 7 days ago."),
    (r'expected a later time than "after"', "The second date must be the later one."),
    (r"expected a time with an offset.*", "Choose a date and time."),
    (r"expected the lower bound first", "The smaller number comes first."),
    (r"expected the earlier bound first", "The earlier time comes first."),
    (r"expected at most (\d+) levels of nesting", r"Groups can be nested at most \1 levels deep."),
    (r"expected at most (\d+) conditions.*", r"At most \1 conditions are possible, those on events included."),
    (r"expected a list.*", "Fill this in."),
    (r"expected a whole number from (.+) to (.+)", r"Enter a whole number from \1 to \2."),
    (r"expected ([0-9,]+) to ([0-9,]+)", r"Enter a whole number from \1 to \2."),
)
_OPEN = ("expected a text that is not empty", "missing", "expected a list")


def say_fault(fault: CriteriaError, value: object) -> str:
    """What is wrong with the value at the fault's path."""
    if fault.path.endswith(".field") and not value:
        return "Choose a field."
    if fault.path.endswith(".field"):
        return "There is no such field. Choose one of the list, or write one such as metadata.plan."
    if fault.path.endswith((".of", ".cohort")) and not value:
        return "Choose a field." if fault.path.endswith(".of") else "Choose a cohort."
    for pattern, words in _PLAIN:
        if re.fullmatch(pattern, fault.message, re.DOTALL):
            return re.sub(pattern, words, fault.message, flags=re.DOTALL)
    return fault.message[:1].upper() + fault.message[1:] + ("" if fault.message.endswith(".") else ".")


def is_open(fault: CriteriaError, value: object) -> bool:
    """Whether something is only missing still: a new row is no mistake."""
    return value in ("", None, *UNITS, DATE_TO_CHOOSE, [], [""]) or fault.message.startswith(_OPEN)
