"""Real receivers on loopback: an HTTP server, one that checks what Slack checks, and an SMTP server.

Each is a context manager; what arrives is kept. An answer may be given in advance: a status with headers and body, or
a function that writes what it likes to the connection.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from standardwebhooks import Webhook


@dataclass(frozen=True)
class Answer:
    """What a server answers."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


Behavior = Answer | Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Request:
    """One request as it arrived; header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def verified(self, secret: str) -> Any:
        """The body, if the published library accepts its signature. Raises what the library raises."""
        return Webhook(secret).verify(self.body, self.headers)


class Receiver:
    """An HTTP server that keeps the requests; `answers` are used up in order, then it answers as `always` says."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: deque[Behavior] = deque()
        self.always: Behavior = Answer()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def url(self) -> str:
        return f"{self.address}/hooks/cohorts"

    def judge(self, request: Request) -> Behavior:
        """What to answer to the request."""
        return self.answers.popleft() if self.answers else self.always

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, body)
                receiver.requests.append(request)
                behavior = receiver.judge(request)
                if isinstance(behavior, Answer):
                    self.answer(behavior)
                else:
                    behavior(self)

            do_GET = do_POST

            def answer(self, given: Answer) -> None:
                body = given.body.encode()
                self.send_response(given.status)
                for name, value in given.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    self.close_connection = True  # the sender hung up

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        return Handler


class SlackServer(Receiver):
    """Takes incoming webhooks at /services/... and chat.postMessage at /api/, and refuses what Slack refuses.

    `pings` are the mentions that a message would have made; unless it `fetches`, it gets no picture that it asks for.
    """

    TOKEN = "xoxb-1234-abcdef"

    def __init__(self) -> None:
        super().__init__()
        self.pings: list[str] = []
        self.fetches = True

    @property
    def webhook_url(self) -> str:
        return f"{self.address}/services/T000/B000/secret0000"

    @property
    def api_url(self) -> str:
        return f"{self.address}/api/"

    def judge(self, request: Request) -> Behavior:
        if self.answers:
            return self.answers.popleft()
        by_bot = request.path == "/api/chat.postMessage"
        fault = _bot_fault(request) if by_bot else _webhook_fault(request)
        fault = fault or _message_fault(request.json) or ("" if self.fetches else _picture_fault(request.json))
        if not fault:
            self.pings += _mentions(request.json)
        if by_bot:
            known = {"ok": False, "error": fault} if fault else {"ok": True, "ts": "1.2", "channel": "C0123456789"}
            return Answer(200, json.dumps(known), {"Content-Type": "application/json"})
        return Answer(400, fault) if fault else Answer(200, "ok")


def _webhook_fault(request: Request) -> str:
    if not request.path.startswith("/services/"):
        return "no_service"
    return "" if request.headers.get("content-type", "").startswith("application/json") else "invalid_payload"


def _bot_fault(request: Request) -> str:
    if request.headers.get("authorization") != f"Bearer {SlackServer.TOKEN}":
        return "invalid_auth"
    return "" if request.json.get("channel") == "#growth" else "channel_not_found"


def _message_fault(message: dict[str, Any]) -> str:
    text, blocks = message.get("text"), message.get("blocks", [])
    if not isinstance(text, str) or not text:
        return "no_text"
    if len(text) > 4_000 or len(json.dumps(message, ensure_ascii=False)) > 13_000:
        return "msg_too_long"
    return "" if 0 < len(blocks) <= 50 and all(map(_block_is_valid, blocks)) else "invalid_blocks"


def _picture_fault(message: dict[str, Any]) -> str:
    return "invalid_blocks" if any(block["type"] == "image" for block in message["blocks"]) else ""


def _block_is_valid(block: dict[str, Any]) -> bool:
    match block:
        case {"type": "header", "text": {"type": "plain_text", "text": str(text)}}:
            return 0 < len(text) <= 150
        case {"type": "section", "text": {"type": "plain_text" | "mrkdwn", "text": str(text)}}:
            return 0 < len(text) <= 3000
        case {"type": "context", "elements": [*elements]}:
            return 0 < len(elements) <= 10 and all(0 < len(one["text"]) <= 3000 for one in elements)
        case {"type": "image", "image_url": str(url), "alt_text": str(text)}:
            return url.startswith("https://") and len(url) <= 3000 and 0 < len(text) <= 2000
        case {"type": "rich_text", "elements": [_, *_] as elements}:
            return all(map(_rich_is_valid, elements))
    return False


def _rich_is_valid(element: dict[str, Any]) -> bool:
    match element:
        case {"type": "rich_text_section", "elements": [_, *_] as elements}:
            return all(map(_rich_is_valid, elements))
        case {"type": "rich_text_list", "style": "bullet" | "ordered", "elements": [_, *_] as elements}:
            return all(one["type"] == "rich_text_section" and _rich_is_valid(one) for one in elements)
        case {"type": "text", "text": str(text)}:
            return 0 < len(text) <= 3000
        case {"type": "link", "url": str(url), "text": str(text)}:
            return bool(re.fullmatch(r"https?://[!-~]+", url)) and len(url) <= 3000 and 0 < len(text) <= 3000
    return False


def _mentions(value: Any) -> list[str]:
    """Control sequences in any text, also in those that Slack shows literally: they may be quoted elsewhere."""
    if isinstance(value, dict):
        broadcast = [value["type"]] if value.get("type") in ("broadcast", "user", "usergroup", "channel") else []
        return broadcast + [found for one in value.values() for found in _mentions(one)]
    if isinstance(value, list):
        return [found for one in value for found in _mentions(one)]
    return re.findall(r"<[!@#][^>]*>", value) if isinstance(value, str) else []


@dataclass(frozen=True)
class Mail:
    """One mail as it arrived, with the envelope's addresses."""

    sender: str
    recipients: list[str]
    message: EmailMessage

    def part(self, subtype: str) -> str:
        """The text of the `plain` or `html` part."""
        found = self.message.get_body((subtype,))
        assert found is not None
        return str(found.get_content())


class _AnyPort(Controller):
    """Lets the system choose the port; the parent class would connect to port 0 to see whether it is up."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class Mailbox:
    """An SMTP server that keeps the mails; `refusals` answer an address, `data_answers` the next mails."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.refusals: dict[str, str] = {}
        self.data_answers: deque[str] = deque()
        self.controller = _AnyPort(self, hostname="127.0.0.1", port=0)

    @property
    def port(self) -> int:
        return int(self.controller.port)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.data_answers:
            return self.data_answers.popleft()
        message = message_from_bytes(envelope.content, policy=modern)
        assert isinstance(message, EmailMessage)
        self.mails.append(Mail(envelope.mail_from, list(envelope.rcpt_tos), message))
        return "250 OK"


@contextmanager
def http_receiver() -> Iterator[Receiver]:
    """A receiver of webhooks."""
    yield from _serve(Receiver())


@contextmanager
def slack_server() -> Iterator[SlackServer]:
    """Slack, as far as we use it."""
    yield from _serve(SlackServer())


def _serve(receiver: Any) -> Iterator[Any]:
    thread = Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()


@contextmanager
def smtp_server() -> Iterator[Mailbox]:
    """A mail server."""
    mailbox = Mailbox()
    mailbox.controller.start()
    try:
        yield mailbox
    finally:
        mailbox.controller.stop()
