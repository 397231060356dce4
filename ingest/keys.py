"""API keys: `ck_live_<8 id>_<43 secret><6 checksum>`. The key is shown once; only its SHA-256 is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ingest.models import ApiKey, Scope

if TYPE_CHECKING:
    from django.contrib.auth.models import User

ALPHABET = string.digits + string.ascii_letters
PREFIX = "ck_live"
_FORM = re.compile(rf"{PREFIX}_([0-9A-Za-z]{{8}})_([0-9A-Za-z]{{43}})([0-9A-Za-z]{{6}})")
_NO_DIGEST = hashlib.sha256(b"").hexdigest()
_USE_IS_KEPT_TO = timedelta(minutes=1)
TRUSTED_FOR = timedelta(seconds=5)
"""How long a process takes a sender's key for what it was when it looked it up."""
_MOST_TRUSTED = 1_000
_trusted: dict[str, tuple[ApiKey, datetime]] = {}
"""Digest of the key -> the key, and when it was looked up."""


def make_key(
    name: str,
    scopes: Iterable[Scope],
    now: datetime,
    created_by: User | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Store a new key and return it with its text, which cannot be had again."""
    id_ = _random(8)
    body = f"{PREFIX}_{id_}_{_random(43)}"
    text = body + _checksum(body)
    key = ApiKey.objects.create(
        id=id_,
        name=name,
        digest=_digest(text),
        scopes=[str(scope) for scope in scopes],
        created_at=now,
        created_by=created_by,
        expires_at=expires_at,
    )
    return key, text


def find_key(text: str, now: datetime) -> ApiKey | None:
    """The live key with this text, or none when it is malformed, unknown, revoked or expired. Marks its use."""
    form = _FORM.fullmatch(text)
    if form is None or not hmac.compare_digest(form[3], _checksum(text[:-6])):
        return None
    key = ApiKey.objects.filter(pk=form[1]).first()
    # An unknown id costs a comparison too, so that time does not tell which ids exist.
    if not hmac.compare_digest(_digest(text), key.digest if key else _NO_DIGEST) or key is None:
        return None
    if not _opens(key, now):
        return None
    _mark_use(key, now)
    return key


def trusted_key(text: str, now: datetime) -> ApiKey | None:
    """As `find_key`, but a key that was looked up less than TRUSTED_FOR ago is not looked up again.

    For senders, of whom a busy one calls a hundred times a second.
    """
    digest = _digest(text)
    key, looked_up = _trusted.get(digest, (None, now))
    if key is not None and abs(now - looked_up) < TRUSTED_FOR and _opens(key, now):
        return key
    key = find_key(text, now)
    if key is not None:
        if len(_trusted) >= _MOST_TRUSTED:
            _trusted.clear()
        _trusted[digest] = key, now
    return key


def revoke_key(key: ApiKey, now: datetime) -> None:
    """From now on the key opens nothing, after TRUSTED_FOR in other processes; revoking it again changes nothing."""
    _trusted.clear()
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now)
    key.refresh_from_db()


def _opens(key: ApiKey, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


def _mark_use(key: ApiKey, now: datetime) -> None:
    if key.last_used_at is None or now - key.last_used_at >= _USE_IS_KEPT_TO:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
        key.last_used_at = now


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _checksum(body: str) -> str:
    """CRC-32 in six base62 digits: scanners tell a key from a chance match, typing errors cost no query."""
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
