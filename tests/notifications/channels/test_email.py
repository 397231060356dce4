"""Email against a real SMTP server, and what providers answer by way of anymail."""

from __future__ import annotations

import re

import pytest
import requests
from anymail.exceptions import (
    AnymailConfigurationError,
    AnymailInvalidAddress,
    AnymailRecipientsRefused,
    AnymailRequestsAPIError,
)
from anymail.message import AnymailStatus
from django.core.mail.backends.base import BaseEmailBackend

from cohorts.enums import ChangeKind
from notifications.channels import CHANNELS
from notifications.channels.base import DeliveryError, Letter
from notifications.channels.email import EmailForm
from tests.notifications.messages import BATCH, HOSTILE, entry, message

kind = CHANNELS["email"]
CONFIG = {"recipients": ["success@example.com"]}


def letter(*entries, recipient="success@example.com", **values) -> Letter:
    return Letter(BATCH, kind.write(message(*entries, **values)), recipient)


def failure(sent: Letter):
    with pytest.raises(DeliveryError) as caught:
        kind.send(CONFIG, sent)
    return caught.value.outcome


def test_a_mail_says_who_joined_who_left_and_why(mailbox):
    left = entry("Grace Hopper", 2, ChangeKind.REMOVED, because="Went quiet for 7 days")
    outcome = kind.send(CONFIG, letter(entry("Ada Lovelace", because="Had 3 errors today"), left, added=11))
    assert outcome.succeeded
    [mail] = mailbox.mails
    assert mail.recipients == ["success@example.com"]
    assert mail.message["To"] == "success@example.com"
    assert mail.message["Subject"] == "Big spenders: 12 joined, 1 left"
    for text in (mail.part("plain"), mail.part("html")):
        for part in (
            "12 users joined and 1 left between 13:00 and 13:15 on 2 March 2026 (Europe/Berlin)",
            "Joined (12)",
            "Ada Lovelace",
            "user1@example.com, user-1",
            "Had 3 errors today",
            "http://testserver/customers/user/user-1/",
            "and 11 more",
            "Left (1)",
            "Grace Hopper",
            "Went quiet for 7 days",
            "http://testserver/cohorts/",
        ):
            assert part in text


def test_the_headers_tell_machines_apart_and_attempts_together(mailbox):
    for _ in range(2):
        kind.send(CONFIG, letter(entry()))
    first, second = (mail.message for mail in mailbox.mails)
    assert first["Message-ID"] == second["Message-ID"] == f"<{BATCH}@testserver>"
    assert first["Auto-Submitted"] == "auto-generated"
    assert re.fullmatch(r"<[0-9a-f-]{36}\.testserver>", first["List-Id"])


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_harmless(mailbox, name):
    people = [entry(name, 1, because=name), entry(name, 2, ChangeKind.REMOVED)]
    kind.send(CONFIG, letter(*people, cohort=name[:200] + "!"))
    [mail] = mailbox.mails
    assert mail.recipients == ["success@example.com"]
    assert mail.message["Bcc"] is None
    assert len(mail.message["Subject"].strip()) <= 150
    html = mail.part("html")
    assert "<script" not in html
    assert "<img" not in html
    assert "\u202e" not in html + mail.part("plain") + mail.message["Subject"]
    assert "only-for-tests" not in html
    assert all(link.startswith("http://testserver/") for link in re.findall(r'href="([^"]*)"', html))
    assert all(len(line) <= 998 for line in mail.message.as_bytes().splitlines())


def test_each_recipient_is_a_destination():
    assert kind.destinations({"recipients": ["a@example.com", "b@example.com"]}) == ["a@example.com", "b@example.com"]


@pytest.mark.parametrize(
    ("answer", "permanent"), [("550 no such user", True), ("553 no", True), ("451 try later", False)]
)
def test_a_refused_address_is_for_good_if_the_server_says_so(mailbox, answer, permanent):
    mailbox.refusals["success@example.com"] = answer
    outcome = failure(letter(entry()))
    assert (outcome.permanent, outcome.status) == (permanent, answer[:3])
    assert answer in outcome.error.replace(": ", " ")


def test_a_mail_refused_for_now_is_tried_again(mailbox):
    mailbox.data_answers.append("452 too much mail")
    assert not failure(letter(entry())).permanent
    assert mailbox.mails == []


def test_a_mail_server_out_of_reach_is_tried_again(mailbox, settings):
    settings.EMAIL_PORT = 9
    outcome = failure(letter(entry()))
    assert not outcome.permanent
    assert outcome.error == "the mail server was not reached (ConnectionRefusedError)"


class Provider(BaseEmailBackend):
    """A provider that does what the test says."""

    fault: Exception | None = None
    says = "queued"
    breaks_off = False

    def send_messages(self, messages):
        if Provider.fault:
            raise Provider.fault
        for one in messages:
            one.anymail_status = AnymailStatus()
            one.anymail_status.set_recipient_status(
                {address: type("Said", (), {"status": Provider.says, "message_id": "m1"})() for address in one.to}
            )
        return len(messages)

    def close(self):
        if Provider.breaks_off:
            raise ConnectionResetError


@pytest.fixture
def provider(settings, monkeypatch):
    settings.EMAIL_BACKEND = f"{__name__}.Provider"
    for name, value in (("fault", None), ("says", "queued"), ("breaks_off", False)):
        monkeypatch.setattr(Provider, name, value)
    return Provider


def api_error(status):
    response = requests.Response()
    response.status_code = status
    return AnymailRequestsAPIError("key-123 was refused", response=response)


@pytest.mark.parametrize(("status", "permanent"), [(400, True), (401, True), (429, False), (408, False), (503, False)])
def test_what_a_provider_answers(provider, status, permanent):
    provider.fault = api_error(status)
    outcome = failure(letter(entry()))
    assert (outcome.permanent, outcome.error) == (permanent, f"the email provider answered {status}")


@pytest.mark.parametrize(
    "fault", [AnymailInvalidAddress("x"), AnymailRecipientsRefused("x"), AnymailConfigurationError("key-123")]
)
def test_what_no_attempt_can_mend_is_given_up(provider, fault):
    provider.fault = fault
    outcome = failure(letter(entry()))
    assert outcome.permanent
    assert "key-123" not in outcome.error


@pytest.mark.parametrize(("says", "permanent"), [("rejected", True), ("invalid", True), ("failed", False)])
def test_what_a_provider_says_of_the_recipient(provider, says, permanent):
    provider.says = says
    outcome = failure(letter(entry()))
    assert (outcome.permanent, outcome.status) == (permanent, says)


def test_a_mail_that_was_taken_counts_although_the_goodbye_failed(provider):
    provider.breaks_off = True
    outcome = kind.send(CONFIG, letter(entry()))
    assert (outcome.succeeded, outcome.status, outcome.answer) == (True, "queued", "m1")


@pytest.mark.parametrize(
    "given",
    ["", "nobody", "a@example.com, nobody", "a@example.com\nBcc: b@example.com", "<a@example.com>", ["a@example"], []],
)
def test_the_form_refuses_what_is_no_address(given):
    assert "recipients" in EmailForm({"recipients": given}).errors


@pytest.mark.parametrize(
    "given",
    [
        "a@example.com, b@example.com",
        "a@example.com\r\nb@example.com;a@example.com",
        ["a@example.com", "b@example.com"],
    ],
)
def test_the_form_takes_addresses_as_text_or_list(given):
    form = EmailForm({"recipients": given})
    assert form.is_valid(), form.errors
    assert form.config() == {"recipients": ["a@example.com", "b@example.com"]}


def test_the_form_shows_the_stored_addresses_again():
    page = EmailForm(stored={"recipients": ["a@example.com", "b@example.com"]}).as_p()
    assert "a@example.com\nb@example.com" in page


def test_the_form_takes_no_mailing_list():
    assert "at most 50" in str(EmailForm({"recipients": [f"u{n}@example.com" for n in range(51)]}).errors)


def test_the_summary_is_short():
    assert (
        kind.summary({"recipients": ["a@example.com", "b@example.com", "c@example.com"]}) == "a@example.com and 2 more"
    )
    assert kind.summary(CONFIG) == "success@example.com"
