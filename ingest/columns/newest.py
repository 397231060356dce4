"""Single events of a few customers: the newest of those that a condition looks at, as SQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ingest.columns.interface import NAMED, Newest
from ingest.columns.visible import Visible, within_span


def newest_source(asked: Newest, visible: Visible, new_since: Callable[[datetime], str]) -> str:
    """The events in the spans, some twice where spans overlap; `new_since` names the table of those that arrived."""
    if asked.since is not None:
        arrived = new_since(asked.since)
        return " UNION ALL ".join(within_span(arrived, span) for span in asked.spans)
    seen = visible if asked.then is None else Visible(visible.segments, asked.then)
    return " UNION ALL ".join(seen.events(span) for span in asked.spans)


def newest_of(asked: Newest, chosen: str, adopting: str | None) -> str:
    """Of what `chosen` leaves, the rows asked for; `adopting` (`user, company`) says whose events a company adopts."""
    adopted = f'LEFT JOIN {adopting} AS a ON company_id IS NULL AND user_id = a."user"' if adopting else ""
    owner = "coalesce(company_id, a.company)" if adopting else "user_id"
    ids = ", ".join(map(str, asked.ids))
    order = "time, id" if asked.first else "time DESC, id DESC"
    return f"""SELECT * FROM (
            SELECT DISTINCT {owner} AS customer, {", ".join(NAMED)} FROM ({chosen}) {adopted} WHERE {owner} IN ({ids}))
        QUALIFY row_number() OVER (PARTITION BY customer ORDER BY {order}) <= {asked.most}
        ORDER BY customer, {order}"""
