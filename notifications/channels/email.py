"""Email: one message for each recipient, as HTML and text, by any provider (anymail) or SMTP."""

from __future__ import annotations

import json
import logging
import re
import smtplib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.mime.image import MIMEImage
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from anymail.exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailError,
    AnymailInvalidAddress,
    AnymailRecipientsRefused,
    AnymailSerializationError,
    AnymailUnsupportedFeature,
)
from django import forms
from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.validators import validate_email
from django.urls import reverse

from notifications.channels.base import ChannelKind, Config, ConfigForm, DeliveryError, Letter, Limits, Outcome
from notifications.channels.call import Call, out_of_time
from notifications.channels.charts import thaw
from notifications.channels.drawing import data_url, draw
from notifications.channels.email_layout import UNSUBSCRIBE, write_alert, write_batch, write_notice
from notifications.message import AlertText, Message, NoticeText, encode, one_line

logger = logging.getLogger(__name__)
MOST_RECIPIENTS = 50
UNSUBSCRIBING = signing.Signer(salt="notifications.unsubscribe")
"""Without a time: every attempt sends the same link, and it holds for as long as the mail may be kept."""
TRY_AGAIN = {408, 425, 429}
BOUNDED = {"django.core.mail.backends.smtp.EmailBackend": "notifications.channels.smtp.EmailBackend"}
"""The backend that is taken for one that knows no end; providers' APIs are trusted, and have a timeout."""


class Addresses(forms.CharField):
    """Email addresses, as a list or as text separated by commas, semicolons or lines."""

    widget = forms.Textarea(attrs={"rows": 3, "placeholder": "success@example.com"})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        texts = value if isinstance(value, list) else re.split(r"[,;\s]+", str(value or ""))
        return list(dict.fromkeys(str(text).strip() for text in texts if str(text).strip()))

    def validate(self, value: Any) -> None:
        if not value:
            raise ValidationError("expected at least one email address")
        if len(value) > MOST_RECIPIENTS:
            raise ValidationError(f"expected at most {MOST_RECIPIENTS} email addresses")
        for address in value:
            try:
                validate_email(address)
            except ValidationError:
                raise ValidationError(f'expected an email address, not "{one_line(address, 80)}"') from None

    def run_validators(self, value: Any) -> None:
        """Each address is validated above; those of a text do not fit a list."""


class EmailForm(ConfigForm):
    """Who gets the mail."""

    recipients = Addresses(help_text="One address on each line; each gets a message of its own.")


class Email(ChannelKind):
    """The first customers by name, the others by number."""

    kind = "email"
    label = "Email"
    icon = "mail"
    about = "A message with the first customers, to each of the addresses."
    form = EmailForm
    looks = "notifications/looks/email.html"
    limits = Limits(customers=50)

    def destinations(self, config: Config) -> list[str]:
        return list(config["recipients"])

    def write(self, message: Message) -> str:
        return encode(write_batch(message))

    def write_notice(self, notice: NoticeText) -> str:
        return encode(write_notice(notice))

    def write_alert(self, alert: AlertText) -> str:
        return encode(write_alert(alert))

    def send(self, config: Config, letter: Letter) -> Outcome:
        mail = _mail(letter)
        with Call() as call, _failures_explained(call), _connection() as connection:
            connection.send_messages([mail])
            if call.is_over:
                raise out_of_time()
        return _accepted(mail, letter.recipient)

    def list_of(self, content: str) -> str:
        return str(json.loads(content)["list"])

    def summary(self, config: Config) -> str:
        first, *others = config["recipients"]
        return f"{first} and {len(others)} more" if others else str(first)


def readable(content: Mapping[str, Any]) -> str:
    """The HTML of a mail as a page can show it: with its picture inside."""
    html = str(content.get("html", ""))
    return html.replace(f"cid:{content['cid']}", data_url(thaw(content["chart"]))) if "chart" in content else html


class WayOut(NamedTuple):
    """Who may leave which list: the mails of a cohort or an alert rule, or without an id all mails."""

    address: str
    list_id: str = ""
    name: str = "anything"


def unsubscribing(token: str) -> WayOut | None:
    """Who wants no more mail of what; none when the token is not of this site."""
    try:
        said = UNSUBSCRIBING.unsign_object(token)
    except (signing.BadSignature, ValueError):
        return None
    return WayOut(said) if isinstance(said, str) else WayOut(*said)  # older mails name the address alone


def unsubscribe_url(way_out: WayOut) -> str:
    """Where somebody can leave the list, without an account and for as long as the mail may be kept."""
    return f"{settings.SITE_URL}{reverse('unsubscribe', args=[UNSUBSCRIBING.sign_object(way_out, compress=True)])}"


def _way_out(content: Mapping[str, Any], recipient: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The content with the recipient's own link in place of the common one, and the headers for mail programs.

    Notices to operators have none: they are about the site itself.
    """
    if UNSUBSCRIBE not in content["text"]:
        return dict(content), {}
    url = unsubscribe_url(WayOut(recipient, content["list"], content.get("name", "this")))
    headers = {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    return {**content, **{name: content[name].replace(UNSUBSCRIBE, url) for name in ("text", "html")}}, headers


class Mail(EmailMultiAlternatives):
    """What is attached belongs to what is shown."""

    mixed_subtype = "related"


def _mail(letter: Letter) -> Mail:
    content, way_out = _way_out(json.loads(letter.content), letter.recipient)
    host = urlsplit(settings.SITE_URL).hostname or "localhost"
    mail = Mail(
        subject=content["subject"],
        body=content["text"],
        to=[letter.recipient],
        headers={
            "Message-ID": f"<{letter.id}@{host}>",  # the same at every attempt: readers fold duplicates
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
            "List-Id": f"<{content['list']}.{host}>",
            **way_out,
        },
    )
    mail.attach_alternative(content["html"], "text/html")
    if "chart" in content:
        _attach_chart(mail, content)
    return mail


def _attach_chart(mail: Mail, content: Mapping[str, Any]) -> None:
    """The picture inside the mail. One that cannot be drawn keeps back no alert: the mail says what it shows."""
    try:
        picture = MIMEImage(draw(thaw(content["chart"])), "png")
    except Exception:
        logger.exception("A chart could not be drawn")
        return
    picture.add_header("Content-ID", f"<{content['cid']}>")
    picture.add_header("Content-Disposition", "inline", filename="chart.png")
    mail.attach(picture)


@contextmanager
def _connection() -> Iterator[BaseEmailBackend]:
    """An open connection whose goodbye does not count: a mail that was taken is not sent again for it."""
    connection = get_connection(BOUNDED.get(settings.EMAIL_BACKEND))
    try:
        connection.open()
        yield connection
    finally:
        with suppress(OSError, smtplib.SMTPException, AnymailError):
            connection.close()


@contextmanager
def _failures_explained(call: Call) -> Iterator[None]:
    """In words of ours: a provider's own texts may hold keys."""
    try:
        yield
    except AnymailAPIError as error:  # before OSError, which it is too
        raise _provider_refusal(error) from None
    except (smtplib.SMTPException, OSError) as error:
        raise out_of_time() if call.is_over else _smtp_failure(error) from None
    except (AnymailInvalidAddress, AnymailRecipientsRefused) as error:
        raise DeliveryError("the provider refused the address", permanent=True, status=type(error).__name__) from None
    except (AnymailConfigurationError, AnymailUnsupportedFeature, AnymailSerializationError) as error:
        raise DeliveryError(
            f"the email settings do not allow it ({type(error).__name__})", permanent=True, status="settings"
        ) from None


def _smtp_failure(error: Exception) -> DeliveryError:
    match error:
        case smtplib.SMTPRecipientsRefused():
            code, reason = next(iter(error.recipients.values()))
            return _smtp_refusal(code, reason, whole=True)
        case smtplib.SMTPResponseException():
            return _smtp_refusal(error.smtp_code, error.smtp_error, whole=False)
    return DeliveryError(f"the mail server was not reached ({type(error).__name__})", status="failed")


def _smtp_refusal(code: int, reason: bytes | str, *, whole: bool) -> DeliveryError:
    """`whole`: the address itself was refused. A 5xx there is for good; elsewhere someone may yet mend the settings."""
    said = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    return DeliveryError(
        f"the mail server answered {code}: {one_line(said, 200)}",
        permanent=whole and 500 <= code < 600,
        status=str(code),
        answer=said[:2000],
    )


def _provider_refusal(error: AnymailAPIError) -> DeliveryError:
    code = getattr(error, "status_code", None)
    if code is None:
        return DeliveryError("the email provider was not reached", status="failed")
    return DeliveryError(
        f"the email provider answered {code}",
        permanent=400 <= code < 500 and code not in TRY_AGAIN,
        status=str(code),
    )


def _accepted(mail: EmailMultiAlternatives, recipient: str) -> Outcome:
    """What the provider says of the recipient; plain SMTP says nothing more than that it took the mail."""
    known = getattr(getattr(mail, "anymail_status", None), "recipients", {}).get(recipient)
    if known is None:
        return Outcome(succeeded=True, status="handed over")
    if known.status in ("invalid", "rejected"):
        raise DeliveryError(f"the provider says: {known.status}", permanent=True, status=known.status)
    if known.status == "failed":
        raise DeliveryError("the provider says: failed", status="failed")
    return Outcome(succeeded=True, status=str(known.status), answer=str(known.message_id or ""))
