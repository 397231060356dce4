"""Which company each user belongs to: the one given by its profile, else that of the latest event that names one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from pyroaring import BitMap

from ingest.columns.identities import Identities
from ingest.columns.memo import Arrays
from ingest.columns.weights import Adoption

LatestName = Callable[[np.ndarray, np.ndarray], Arrays]
"""Of users with several companies (ids, side by side), for each `user` the `company` whose external id is the last."""


def link(
    given: Arrays, pairs: Sequence[Arrays], identities: Identities, hidden: BitMap, resolve: LatestName
) -> Adoption:
    """The links, without hidden companies and without visitors that turned out to be somebody else.

    `given`: `user, company` by profile, a later row over an earlier one, 0 for none. `pairs`: parts with
    `user, company, last`.
    """
    size = 1 + max(int(part["user"].max(initial=0)) for part in (given, *pairs))
    companies = np.zeros(size, dtype=np.int64)
    companies[given["user"]] = given["company"]
    named = _joined([_naming(part, companies) for part in pairs])
    if len(named["user"]):
        users, latest = _latest(named["user"], named["company"], named["last"], resolve)
        companies[users] = latest
    companies[identities.visitors[identities.visitors < size]] = 0
    if hidden:
        companies[np.isin(companies, np.array(hidden.to_array(), dtype=np.int64))] = 0
    found = np.flatnonzero(companies)
    return Adoption(found, companies[found])


def _naming(pairs: Arrays, companies: np.ndarray) -> Arrays:
    """Those of the pairs that tell the company of a user of whom the profile does not: `user, company, last`."""
    rows = (pairs["company"] > 0) & (pairs["user"] > 0) & (companies[pairs["user"]] == 0)
    return {name: pairs[name][rows] for name in ("user", "company", "last")}


def _joined(parts: Sequence[Arrays]) -> Arrays:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _latest(
    users: np.ndarray, companies: np.ndarray, last: np.ndarray, resolve: LatestName
) -> tuple[np.ndarray, np.ndarray]:
    """Of each user the company named last; of several named at the same instant the one that `resolve` says."""
    latest = np.full(int(users.max()) + 1, np.iinfo(np.int64).min)
    np.maximum.at(latest, users, last)
    chosen = np.unique(np.stack([users, companies])[:, last == latest[users]], axis=1)
    ids, counts = np.unique(chosen[0], return_counts=True)
    tied = np.isin(chosen[0], ids[counts > 1])
    resolved = resolve(chosen[0][tied], chosen[1][tied]) if tied.any() else {"user": ids[:0], "company": ids[:0]}
    return (
        np.concatenate([chosen[0][~tied], resolved["user"]]),
        np.concatenate([chosen[1][~tied], resolved["company"]]),
    )
