"""Django's way to a mail server, with connections that are cut when the call's time is over.

Its own timeout holds from one byte to the next: a server that sends one now and then would hold a worker for ever.
"""

from __future__ import annotations

import smtplib
import socket

from django.core.mail.backends import smtp

from notifications.channels.addresses import resolve
from notifications.channels.call import Call


class _Connection(smtplib.SMTP):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        call = Call.current()
        opened = call.connect(resolve(host, port, min(timeout, call.left)), timeout)
        opened.settimeout(timeout)
        return opened


class _SecureConnection(smtplib.SMTP_SSL, _Connection):
    """Its own socket comes from the class beside it, and is then secured."""


class EmailBackend(smtp.EmailBackend):
    """Sends within a `Call`."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _SecureConnection if self.use_ssl else _Connection
