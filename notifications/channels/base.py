"""What every kind of channel offers. A kind knows a config and a message, never a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django import forms

from notifications.message import AlertText, Message, NoticeText

Config = Mapping[str, Any]
"""A channel's settings as its form cleaned them, such as JSON holds."""

ANSWER_LIMIT = 2048
"""Bytes kept of what a destination answers."""


@dataclass(frozen=True)
class Limits:
    """How much one message holds: customers or alerts, and bytes of its content.

    With `parts` what is larger is cut into several messages; without, the first ones are shown.
    """

    customers: int
    size: int | None = None
    parts: bool = False


@dataclass(frozen=True)
class Letter:
    """A frozen message on its way. `id` is the same at every attempt; `content` is what the kind's `write` made."""

    id: str
    content: str
    recipient: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt."""

    succeeded: bool
    status: str = ""
    "What the destination answered, e.g. an HTTP status."
    answer: str = ""
    "The start of the answer's body."
    error: str = ""
    "Why it failed, for a person; holds no secret."
    permanent: bool = False
    "Trying again cannot help."
    disables: bool = False
    "Nor can any other message arrive, until somebody mends the channel."
    spares_channel: bool = False
    "Says nothing of the channel: nothing was tried."
    retry_after: float | None = None
    "Seconds after which the destination asked to be tried again."


class DeliveryError(Exception):
    """A send that failed. `message` is for a person and holds no secret; for the rest see `Outcome`."""

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        disables: bool = False,
        status: str = "",
        answer: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.outcome = Outcome(
            succeeded=False,
            error=message,
            permanent=permanent,
            disables=disables,
            status=status,
            answer=answer,
            retry_after=retry_after,
        )


class ConfigForm(forms.Form):
    """The settings of one kind of channel. A secret is never shown again; left empty, the stored one stays."""

    secrets: ClassVar[tuple[str, ...]] = ()

    def __init__(self, data: Mapping[str, Any] | None = None, *, stored: Config | None = None, **options: Any) -> None:
        self.stored = dict(stored or {})
        shown = {name: value for name, value in self.stored.items() if name not in self.secrets}
        super().__init__(data, initial=shown, **options)

    def config(self) -> dict[str, Any]:
        """The cleaned settings with the secrets that were kept; call after `is_valid`."""
        kept = {name: self.stored[name] for name in self.secrets if self.stored.get(name)}
        given = {name: value for name, value in self.cleaned_data.items() if value}
        return {**kept, **given}


class ChannelKind(ABC):
    """One kind of channel."""

    kind: ClassVar[str]
    label: ClassVar[str]
    icon: ClassVar[str] = "notifications"
    about: ClassVar[str]
    "A sentence for whoever chooses between the kinds."
    looks: ClassVar[str] = "notifications/looks/content.html"
    "The template that shows a message as it will look there."
    form: ClassVar[type[ConfigForm]]
    limits: ClassVar[Limits]

    def destinations(self, config: Config) -> list[str]:
        """The recipients that each message is sent to, one delivery for each."""
        return [""]

    @abstractmethod
    def write(self, message: Message) -> str:
        """The message as this kind sends it: text that is frozen before the first attempt."""

    @abstractmethod
    def write_notice(self, notice: NoticeText) -> str:
        """A notice to operators as this kind sends it."""

    @abstractmethod
    def write_alert(self, alert: AlertText) -> str:
        """What happened to alerts of a rule, as this kind sends it."""

    @abstractmethod
    def send(self, config: Config, letter: Letter) -> Outcome:
        """Send it once. Raises DeliveryError."""

    @abstractmethod
    def summary(self, config: Config) -> str:
        """Where it goes, in a few words without secrets."""

    def list_of(self, content: str) -> str:
        """What its recipients may leave: the id of the cohort or rule that a frozen message tells of."""
        return ""

    def visible(self, config: Config) -> dict[str, Any]:
        """The settings without the secrets."""
        return {name: value for name, value in config.items() if name not in self.form.secrets}

    def check_secret(self, name: str, value: object) -> str:
        """A secret that is usually made here, as somebody gives it. Raises ValueError with the expected form."""
        raise ValueError("unknown setting")

    def shown_once(self, config: Config) -> dict[str, str]:
        """Secrets made here that the channel's maker must be given, at creation only."""
        return {}

    def rotate(self, config: Config, now: datetime) -> dict[str, Any] | None:
        """The settings with a new secret in place of the one made here; none where there is no such secret."""
        return None
