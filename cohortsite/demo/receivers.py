"""What the demo sends its notifications to: a webhook receiver and an SMTP server, both on loopback."""

from __future__ import annotations

import email
import json
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default as modern
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from standardwebhooks import Webhook, WebhookVerificationError

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Hook:
    """A webhook as it arrived."""

    verified: bool
    body: dict[str, Any]

    @property
    def is_alert(self) -> bool:
        """Whether it tells of alerts; else of a cohort."""
        return str(self.body["type"]).startswith("alert.")


@dataclass(frozen=True)
class Mail:
    """A mail as it arrived."""

    to: str
    subject: str
    text: str


class Receivers:
    """Both receivers; what arrives waits in `arrived`. The webhook's port is free to choose, that of SMTP is given."""

    def __init__(self, smtp_port: int) -> None:
        self.arrived: SimpleQueue[Hook | Mail] = SimpleQueue()
        self.secret = ""
        "The signing secret, as soon as the channel has one."
        self.hooks = ThreadingHTTPServer((HOST, 0), hook_handler(self._take_hook))
        self.hooks.daemon_threads = True
        self.mails = Controller(MailHandler(self.arrived), hostname=HOST, port=smtp_port)

    @property
    def url(self) -> str:
        """Where webhooks are received."""
        return f"http://{HOST}:{self.hooks.server_port}/cohorts"

    def start(self) -> None:
        """Receive from now on. Raises OSError when the SMTP port is taken."""
        Thread(target=self.hooks.serve_forever, daemon=True).start()
        self.mails.start()

    def stop(self) -> None:
        """Close both."""
        self.hooks.shutdown()
        self.hooks.server_close()
        self.mails.stop()

    def take_all(self) -> list[Hook | Mail]:
        """What arrived since the last call, in that order."""
        return [self.arrived.get() for _ in range(self.arrived.qsize())]

    def _take_hook(self, body: bytes, headers: dict[str, str]) -> None:
        try:
            Webhook(self.secret).verify(body, headers)
            verified = True
        except (WebhookVerificationError, ValueError, RuntimeError):
            verified = False
        self.arrived.put(Hook(verified, json.loads(body)))


def hook_handler(take: Callable[[bytes, dict[str, str]], None]) -> type[BaseHTTPRequestHandler]:
    """The class that answers each POST with 204 after `take` has it."""

    class HookHandler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            take(body, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the demo prints what arrived."""

    return HookHandler


class MailHandler:
    """Keeps the mails that an SMTP session hands over."""

    def __init__(self, arrived: SimpleQueue[Hook | Mail]) -> None:
        self.arrived = arrived

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Called by aiosmtpd with each mail; the answer goes to the sender."""
        message = email.message_from_bytes(envelope.original_content or b"", policy=modern)
        assert isinstance(message, EmailMessage)
        part = message.get_body(("plain",))
        text = part.get_content() if part else ""
        self.arrived.put(Mail(", ".join(envelope.rcpt_tos), str(message["Subject"]), text))
        return "250 OK"
