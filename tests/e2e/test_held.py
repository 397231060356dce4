"""What a person decides about sending, in a browser: held batches, addresses to which nothing is sent, a new secret."""

from __future__ import annotations

from datetime import timedelta

from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import expect

from notifications.batching import settle, subscribe
from notifications.delivery import deliver, due_deliveries
from notifications.models import Suppression
from notifications.suppression import suppress
from tests.e2e.accessibility import assert_accessible
from tests.e2e.chromium import PHONE
from tests.factories import make_channel, make_cohort, make_customer
from tests.notifications.history import move, start

SECRET = "whsec_" + "c2VjcmV0" * 4


def test_a_held_batch_is_sent_and_the_next_one_dropped(page_as, receiver):
    cache.clear()
    now, cohort = timezone.now() - timedelta(hours=1), make_cohort(name="Quiet for a week")
    hook = make_channel(name="Backend", config={"url": receiver.url, "secret": SECRET})
    start(cohort, now, [])
    subscription = subscribe(cohort, hook, now=now, hold_above=2)
    page = page_as("Operator")
    page.on("dialog", lambda asked: asked.accept())

    def hold(names: str, minutes: int) -> None:
        move(cohort, now + timedelta(minutes=minutes), added=[make_customer(f"{name}-{minutes}") for name in names])
        settle(subscription, now + timedelta(minutes=minutes))
        page.goto("/deliveries/")
        expect(page.get_by_role("region", name="Held")).to_contain_text("3 customers would be told of at once")

    def decided(minutes: int) -> None:
        later = now + timedelta(minutes=minutes)
        subscription.refresh_from_db()
        settle(subscription, later)
        for delivery in due_deliveries(later):
            deliver(delivery, later)

    hold("abc", 15)
    assert_accessible(page)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("is sent with the next cycle")).to_be_visible()
    decided(16)
    assert receiver.requests[-1].json["counts"]["added"] == 3

    subscription.refresh_from_db()
    hold("def", 40)
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.get_by_role("button", name="Drop").click()
    expect(page.get_by_text("is dropped with the next cycle")).to_be_visible()
    decided(41)
    assert len(receiver.requests) == 1
    page.goto("/")
    expect(page.get_by_role("region", name="Held")).to_have_count(0)


def test_an_address_is_sent_to_again_and_a_secret_is_rotated(page_as, receiver):
    hook = make_channel(name="Backend", config={"url": receiver.url, "secret": SECRET})
    suppress("gone@x.test", Suppression.Reason.BOUNCED, timezone.now(), "550 no such user")
    page = page_as("Administrator")
    page.on("dialog", lambda asked: asked.accept())
    page.goto("/channels/suppressed/")
    row = page.get_by_role("row", name="gone@x.test")
    expect(row).to_contain_text("550 no such user")
    assert_accessible(page)
    row.get_by_role("button", name="Lift").click()
    expect(page.get_by_text("No address is suppressed")).to_be_visible()
    assert not Suppression.objects.exists()

    page.goto("/channels/")
    page.get_by_role("button", name="Actions for Backend").click()
    page.get_by_role("button", name="Rotate the secret").click()
    dialog = page.get_by_role("dialog", name="A new secret for Backend")
    shown = dialog.locator("#channel-secret").text_content()
    hook.refresh_from_db()
    assert shown == hook.config["secret"]
    assert shown != SECRET
    assert_accessible(page)
