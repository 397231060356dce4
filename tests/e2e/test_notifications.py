"""Subscribing a channel with the notification in sight, and seeing what became of what was sent."""

from __future__ import annotations

import json
import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from cohorts.models import Cohort
from notifications.batching import settle
from notifications.delivery import deliver, due_deliveries
from notifications.models import Channel, Delivery, Subscription
from tests.e2e.accessibility import assert_accessible
from tests.e2e.chromium import PHONE
from tests.factories import make_channel, make_cohort, make_customer, make_subscription
from tests.notifications.history import move, start
from tests.receivers import Answer

SECRET = "whsec_" + "c2VjcmV0" * 4


@pytest.fixture
def cohort() -> Cohort:
    cohort = make_cohort(name="New today and hit a 400")
    ada, alan = (make_customer(f"user-{name}", metadata={"name": name}) for name in ("Ada", "Alan"))
    start(cohort, timezone.now(), [ada])
    move(cohort, timezone.now(), added=[alan])
    return cohort


@pytest.fixture
def hook(receiver) -> Channel:
    return make_channel(name="Backend", config={"url": receiver.url, "secret": SECRET})


def open_dialog(page: Page):
    page.goto("/users/cohorts/")
    page.get_by_role("button", name="Notify a channel of").click()
    dialog = page.get_by_role("dialog", name="Notify a channel")
    expect(dialog).to_be_visible()
    return dialog


def shown_json(dialog):
    text = dialog.locator("#notification-json")
    expect(text).to_contain_text("cohort.membership_changed")
    return json.loads(text.text_content())


def only_names(dialog) -> None:
    """Fields whose values need no columns."""
    for field in ("Company", "First seen", "Last seen"):
        dialog.get_by_role("checkbox", name=field, exact=True).uncheck()


def test_a_webhook_made_in_place_is_previewed_tested_subscribed_and_told(page_as, cohort, receiver):
    page = page_as("Administrator")
    receiver.always = Answer(200, "thank you")
    dialog = open_dialog(page)
    only_names(dialog)
    dialog.get_by_role("radio", name="Webhook").check()
    dialog.get_by_role("textbox", name="Name").fill("Backend")
    dialog.get_by_label("URL").fill(receiver.url)
    expect(dialog.locator("#notification-json")).to_contain_text('"Ada"')
    assert [entry["name"] for entry in shown_json(dialog)["added"]] == ["Ada", "Alan"]
    dialog.get_by_role("checkbox", name="Email", exact=True).uncheck()
    expect(dialog.locator("#notification-json")).not_to_contain_text('"email"')

    dialog.get_by_role("button", name="Send a test").click()
    expect(dialog.get_by_role("status").filter(has_text="The test arrived: 200")).to_contain_text("thank you")
    assert receiver.requests[0].json["test"] is True
    assert not Channel.objects.exists()

    dialog.get_by_role("button", name="Subscribe").click()
    ready = page.get_by_role("dialog", name="Backend is ready")
    secret = ready.locator("#channel-secret").text_content()
    assert secret == Channel.objects.get().config["secret"]
    assert_accessible(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ready.get_by_role("button", name="Copy").first.click()
    expect(ready.get_by_role("button", name="Copied", exact=True)).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    ready.get_by_role("button", name="I have copied it").click()
    expect(page.get_by_role("row", name=re.compile(cohort.name)).get_by_role("button", name="Backend")).to_be_visible()

    subscription = Subscription.objects.get()
    move(cohort, timezone.now(), added=[make_customer("user-Grace", metadata={"name": "Grace"})])
    later = timezone.now() + subscription.period
    settle(subscription, later)
    for delivery in due_deliveries(later):
        deliver(delivery, later)
    assert [entry["name"] for entry in receiver.requests[-1].verified(secret)["added"]] == ["Grace"]
    page.goto("/deliveries/")
    row = page.get_by_role("row", name=re.compile(cohort.name))
    expect(row).to_contain_text("delivered")
    row.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name=f"{cohort.name} to Backend")).to_be_visible()
    expect(page.locator("#delivery-content")).to_contain_text("Grace")


def test_what_is_wrong_is_said_and_what_was_typed_stays(page_as, cohort, guard):
    guard.allow("422")
    dialog = open_dialog(page_as("Operator"))
    dialog.get_by_role("radio", name="Slack").check()
    dialog.get_by_label("Incoming webhook URL").fill("https://hooks.slack.com/services/T/B/x")
    dialog.get_by_role("button", name="Subscribe").click()
    expect(dialog.get_by_role("alert")).to_be_focused()
    expect(dialog.get_by_text("This field is required.")).to_be_visible()
    expect(dialog.get_by_label("Incoming webhook URL")).to_have_value("https://hooks.slack.com/services/T/B/x")
    dialog.get_by_role("checkbox", name="joins").uncheck()
    dialog.get_by_role("checkbox", name="leaves").uncheck()
    expect(dialog.get_by_text("Nothing would be sent")).to_be_visible()
    dialog.get_by_role("button", name="Subscribe").click()
    expect(dialog.get_by_text("Choose additions, removals or both.")).to_be_visible()


def test_slack_and_mail_are_shown_as_they_will_look(page_as, cohort):
    page = page_as("Analyst")
    make_channel("slack", name="Growth")
    make_channel("email", name="Success")
    dialog = open_dialog(page)
    only_names(dialog)
    dialog.get_by_role("radio", name="Growth").check()
    slack = dialog.get_by_role("region", name="As Slack shows it")
    expect(slack.get_by_text("New today and hit a 400: 2 joined")).to_be_visible()
    expect(slack.get_by_role("link", name="Alan")).to_be_visible()
    dialog.get_by_role("radio", name="Success").check()
    mail = page.frame_locator("iframe[title='The mail as it will look']")
    expect(mail.get_by_role("link", name="Alan")).to_be_visible()
    expect(dialog.get_by_role("button", name="Send a test")).to_have_count(0)
    expect(dialog.get_by_role("radio", name="New")).to_have_count(0)


def test_a_channel_that_fails_shows_its_reason(page_as, cohort, hook, receiver):
    receiver.always = Answer(503, "down for <b>maintenance</b>")
    subscription = make_subscription(cohort=cohort, channel=hook, tell_existing=True)
    now = timezone.now()
    settle(subscription, now)
    deliver(due_deliveries(now)[0], now)
    page = page_as("Administrator")
    page.goto("/channels/")
    row = page.get_by_role("row", name=re.compile("Backend"))
    expect(row).to_contain_text("failing")
    expect(row).to_contain_text("answered 503, expected 2xx")
    page.goto("/deliveries/")
    row = page.get_by_role("row", name=re.compile("Backend"))
    expect(row).to_contain_text("waiting")
    expect(row).to_contain_text("answered 503, expected 2xx")
    row.get_by_role("link").first.click()
    page.get_by_text("What it answered").click()
    expect(page.get_by_text("down for <b>maintenance</b>")).to_be_visible()


def test_what_was_given_up_is_replayed(page_as, cohort, hook, receiver):
    subscription = make_subscription(cohort=cohort, channel=hook, tell_existing=True)
    settle(subscription, timezone.now())
    Delivery.objects.update(state="dead", attempt_count=10, last_error="Given up after 10 attempts")
    page = page_as("Operator")
    page.goto("/deliveries/")
    page.get_by_label("State").select_option("Given up")
    expect(page).to_have_url(re.compile("state=dead"))
    page.get_by_role("checkbox", name="Select the delivery").check()
    page.get_by_role("button", name="Replay selected").click()
    expect(page.get_by_text("1 delivery is sent again with the next cycle.")).to_be_visible()
    expect(page.get_by_text("No such delivery")).to_be_visible()
    delivery = Delivery.objects.get()
    deliver(delivery.pk, timezone.now())
    page.goto(f"/deliveries/{delivery.pk}/")
    expect(page.get_by_text("Arrived")).to_be_visible()
    page.on("dialog", lambda asked: asked.accept())
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("button", name="Replay")).to_have_count(0)
    assert Delivery.objects.get().state == "pending"


def test_a_channel_is_added_tested_paused_and_edited_on_its_page(page_as, receiver):
    page = page_as("Operator")
    page.goto("/channels/")
    page.get_by_role("main").get_by_role("button", name="Add channel").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Webhook").click()
    dialog.get_by_label("Name").fill("Backend")
    dialog.get_by_label("URL").fill(receiver.url)
    dialog.get_by_role("button", name="Add channel").click()
    dialog.get_by_role("button", name="I have copied it").click()
    row = page.get_by_role("row", name=re.compile("Backend"))
    expect(row).to_contain_text("not used yet")

    def choose(action: str) -> None:
        row.get_by_role("button", name="Actions for Backend").click()
        row.get_by_role("button", name=action).click()

    choose("Send a test")
    dialog.get_by_role("button", name="Send a test").click()
    expect(dialog.get_by_text("The test arrived: 200")).to_be_visible()
    dialog.get_by_role("button", name="Close").last.click()
    expect(row).to_contain_text("working")
    choose("Pause")
    expect(row).to_contain_text("paused")
    choose("Edit")
    dialog.get_by_label("Name").fill("Product backend")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name=re.compile("Product backend"))).to_be_visible()


def test_the_dialog_works_with_the_keyboard_alone(page_as, cohort, hook):
    page = page_as("Analyst")
    page.goto("/users/cohorts/")
    opener = page.get_by_role("button", name="Notify a channel of")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Notify a channel")
    expect(dialog).to_be_visible()
    radio = dialog.get_by_role("radio", name="Backend")
    for _ in range(4):
        page.keyboard.press("Tab")
        if radio.evaluate("radio => radio === document.activeElement"):
            break
    page.keyboard.press("Space")
    expect(radio).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(dialog.get_by_role("checkbox", name="leaves")).not_to_be_checked()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_on_a_phone_the_dialog_takes_the_whole_screen(page_as, cohort, hook):
    page = page_as("Operator")
    page.set_viewport_size(PHONE)
    dialog = open_dialog(page)
    box = dialog.bounding_box()
    assert (box["x"], box["width"], box["height"]) == (0, PHONE["width"], PHONE["height"])
    expect(dialog.get_by_role("button", name="Subscribe")).to_be_in_viewport()
    dialog.get_by_role("radio", name="Backend").check()
    dialog.get_by_role("button", name="Subscribe").click()
    expect(dialog).to_be_hidden()
    assert Subscription.objects.get().channel == hook


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [{"width": 1360, "height": 860}, PHONE], ids=["wide", "narrow"])
def test_every_page_and_dialog_is_accessible_and_fits(page_as, cohort, hook, scheme, size):
    page = page_as("superuser")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(size)
    make_channel("slack", name="Growth", last_error="Slack answered 404: no_service", failing_since=timezone.now())
    subscription = make_subscription(cohort=cohort, channel=hook, tell_existing=True)
    settle(subscription, timezone.now())
    Delivery.objects.update(state="dead", last_error="Given up: gone")
    addresses = ["/channels/", "/deliveries/", f"/deliveries/{Delivery.objects.get().pk}/"]
    for address in [*addresses, f"/cohorts/{cohort.pk}/notifications/"]:
        page.goto(address)
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") == size["width"], address
    dialog = open_dialog(page)
    for channel, look in (("Growth", ".slack"), ("New Email", ".mail"), ("New Webhook", ".code")):
        dialog.get_by_role("radio", name=channel).check()
        expect(dialog.locator(f"#preview > {look}")).to_be_visible()
        assert_accessible(page)
