"""Something that those who operate the site are told of, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from notifications.message.text import VERSION, encode, instant

TYPE = "operators.notice"


@dataclass(frozen=True)
class NoticeText:
    """Something that those who operate the site are told of; `url` is the page to go to."""

    id: str
    created_at: datetime
    title: str
    text: str
    url: str

    def encode(self) -> str:
        """The body that a webhook sends."""
        head = {"type": TYPE, "version": VERSION, "id": self.id, "created_at": instant(self.created_at)}
        return encode({**head, "title": self.title, "text": self.text, "url": self.url})
