"""Every process that starts leaves word of itself, so that the doctor sees whether all share one data directory."""

from __future__ import annotations

import hashlib
import logging
import socket
import uuid
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, connection

from cohortsite.models import Process

logger = logging.getLogger(__name__)
SITE, WORKER = "site", "worker"
MARK = "site_id"
"""The file in DATA_DIR that marks it: made once, at random."""


def announce(role: str, now: datetime) -> None:
    """Note that a process of this role starts here. A database that is not there yet is no reason not to start."""
    try:
        Process.objects.update_or_create(
            role=role,
            host=socket.gethostname()[:253],
            defaults={"started_at": now, "data_mark": data_mark(), "key_mark": key_mark()},
        )
    except (DatabaseError, OSError) as error:
        logger.warning("The start of this %s was not noted: %s", role, error)
    finally:
        if not connection.in_atomic_block:
            connection.close()  # a server that forks after its start must not share it


def data_mark() -> str:
    """What marks DATA_DIR; made at the first start. Raises OSError when it cannot be read or made."""
    file = settings.DATA_DIR / MARK
    try:
        with file.open("x") as new:
            new.write(str(uuid.uuid4()))
    except FileExistsError:
        pass
    return str(file.read_text().strip())[:36]


def key_mark() -> str:
    """Tells one SECRET_KEY from another without giving it away."""
    return hashlib.sha256(f"mark {settings.SECRET_KEY}".encode()).hexdigest()[:16]
