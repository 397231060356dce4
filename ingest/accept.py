"""What the collector answers 201 for: records, kept in a row of the inbox until the next cycle records them.

One insertion and one commit, without a look at anything else that is stored: what is known already, who is named and
what was said before is found out when many arrivals are recorded together (`ingest.arrivals`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import psycopg
from django.db import InterfaceError, OperationalError, connection, transaction

from ingest.models import Arrival
from ingest.packing import Piece
from ingest.turns import turn_to_write

_INSERT = f"""INSERT INTO "{Arrival._meta.db_table}" (received_at, items, content, error) VALUES (%s, %s, %b, '')"""


def accept(packed: Sequence[Piece], now: datetime) -> None:
    """Keep the packed records, received at `now`, all or none; once it returns they survive whatever happens.

    Raises OperationalError when the database cannot be reached or stays locked.
    """
    if not packed:
        return
    if connection.vendor != "postgresql":
        with turn_to_write():
            Arrival.objects.bulk_create(Arrival(received_at=now, **piece._asdict()) for piece in packed)
        return
    try:
        _insert(packed, now)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block or connection.is_usable():
            raise
        # The server was restarted since the connection was last used. Had the rows got there all the same, their
        # items would only have come twice.
        connection.close()
        _insert(packed, now)


def _insert(packed: Sequence[Piece], now: datetime) -> None:
    if len(packed) == 1:  # commits by itself: one trip to the server and back
        return _insert_one(packed[0], now)
    with transaction.atomic():
        for piece in packed:
            _insert_one(piece, now)


def _insert_one(piece: Piece, now: datetime) -> None:
    """Past Django's cursor, which asks whether the connection lives before its first use, and writes bytes as text."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_INSERT, (now, piece.items, piece.content))
