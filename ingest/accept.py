"""What the collector answers 201 for: records, kept in a row of the inbox until the next cycle records them.

One insertion and one commit, without a look at anything else that is stored: what is known already, who is named and
what was said before is found out when many arrivals are recorded together (`ingest.arrivals`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import psycopg
from django.db import InterfaceError, OperationalError, connection
from psycopg.errors import error_from_result
from psycopg.pq import DiagnosticField, ExecStatus, Format

from ingest.models import Arrival
from ingest.packing import Piece
from ingest.turns import turn_to_write

_INSERT = (
    f"""INSERT INTO "{Arrival._meta.db_table}" (received_at, items, content, error) VALUES ($1, $2, $3, '')""".encode()
)
_FORMATS = (Format.TEXT, Format.TEXT, Format.BINARY)


def accept(packed: Sequence[Piece], now: datetime) -> None:
    """Keep the packed records, received at `now`, all or none; once it returns they survive whatever happens.

    Raises OperationalError when the database cannot be reached or stays locked.
    """
    if not packed:
        return
    if len(packed) == 1 and connection.vendor == "postgresql" and not connection.in_atomic_block:
        return _insert_alone(packed[0], now)
    arrivals = [Arrival(received_at=now, **piece._asdict()) for piece in packed]
    with turn_to_write():
        Arrival.objects.bulk_create(arrivals, batch_size=1)  # pieces are large


def _insert_alone(piece: Piece, now: datetime) -> None:
    """What nearly every request is: one row, one trip to the server and back, which commits by itself."""
    try:
        _insert(piece, now)
    except (OperationalError, InterfaceError):
        if connection.is_usable():
            raise
        # The server was restarted since the connection was last used. Had the row got there all the same, its items
        # would only have come twice.
        connection.close()
        _insert(piece, now)


def _insert(piece: Piece, now: datetime) -> None:
    """Past the cursors of Django and of psycopg, which take twice the time that the server takes."""
    connection.ensure_connection()
    values = (now.isoformat().encode(), str(piece.items).encode(), piece.content)
    with connection.wrap_database_errors:
        result = connection.connection.pgconn.exec_params(_INSERT, values, param_formats=_FORMATS)
        if result.status != ExecStatus.COMMAND_OK:
            lost = result.error_field(DiagnosticField.SQLSTATE) is None
            raise psycopg.OperationalError(result.get_error_message()) if lost else error_from_result(result)
