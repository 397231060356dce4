"""Keys, customers and events in the admin."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.utils import timezone

from ingest.keys import find_key, make_key
from ingest.models import ApiKey, Customer, Event, Scope
from tests.factories import NOON, make_customer, make_person, make_stored_event, make_version

pytestmark = pytest.mark.django_db
KEYS = "/admin/ingest/apikey/"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def boss(client):
    client.force_login(make_person())
    return client


def test_a_new_key_is_shown_once_and_opens(boss):
    answer = boss.post(f"{KEYS}add/", {"name": "Sender", "scopes": ["collector", "read"]})

    key = ApiKey.objects.get()
    [shown] = [str(message) for message in get_messages(answer.wsgi_request) if "ck_live_" in str(message)]
    text = shown.partition("<code>")[2].partition("</code>")[0]
    assert find_key(text, timezone.now()) == key
    assert (key.name, key.scopes) == ("Sender", ["collector", "read"])
    assert key.created_by.username == answer.wsgi_request.user.username
    assert text in boss.get(KEYS).content.decode()
    assert text not in boss.get(KEYS).content.decode()
    assert key.digest not in boss.get(f"{KEYS}{key.pk}/change/").content.decode()


def test_a_key_needs_a_name_and_a_known_scope(boss):
    answer = boss.post(f"{KEYS}add/", {"name": "", "scopes": ["everything"]})

    assert sorted(answer.context["adminform"].form.errors) == ["name", "scopes"]
    assert not ApiKey.objects.exists()


def test_an_edit_changes_the_scopes_and_not_the_key(boss):
    key, text = make_key("Sender", [Scope.COLLECTOR], NOON)

    boss.post(f"{KEYS}{key.pk}/change/", {"name": "Reader", "scopes": ["read"]})

    stored = find_key(text, NOON + timedelta(days=1))
    assert (stored.name, stored.scopes) == ("Reader", ["read"])


@pytest.mark.parametrize("way", ["list", "page"])
def test_a_revoked_key_opens_nothing_and_its_row_stays(boss, way):
    key, text = make_key("Sender", [Scope.COLLECTOR], NOON)

    if way == "list":
        boss.post(KEYS, {"action": "revoke_selected", "_selected_action": [key.pk]})
    else:
        boss.post(f"{KEYS}{key.pk}/revoke/", {"_form_submitted": "True"})

    assert find_key(text, timezone.now()) is None
    assert "revoked" in boss.get(KEYS).content.decode()
    assert boss.post(f"{KEYS}{key.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    ("search", "found"), [("u1", ["u1"]), ("u", ["u1", "u2"]), ("two@example.com", ["u2"]), ("x", [])]
)
def test_customers_are_found_by_the_start_of_the_id_or_the_email_address(boss, search, found):
    make_customer("u1")
    make_customer("u2", metadata={"email": "two@example.com"})

    listed = boss.get("/admin/ingest/customer/", {"q": search}).context["cl"].result_list

    assert sorted(customer.external_id for customer in listed) == found


def test_a_customer_is_erased_once_from_its_page(boss):
    customer = make_customer("u1", metadata={"name": "Ann"})
    make_stored_event(user=customer)
    page = f"/admin/ingest/customer/{customer.pk}/"

    assert f"{page}erase/" in boss.get(f"{page}change/").content.decode()
    boss.post(f"{page}erase/", {"_form_submitted": "True"})

    customer.refresh_from_db()
    assert customer.erased_at is not None
    assert customer.profile == {}
    assert not Event.objects.exists()
    assert f"{page}erase/" not in boss.get(f"{page}change/").content.decode()


def test_who_may_not_delete_customers_cannot_erase_one(client):
    person = make_person(superuser=False)
    person.user_permissions.add(Permission.objects.get(codename="view_customer"))
    client.force_login(person)
    customer = make_customer("u1")
    page = f"/admin/ingest/customer/{customer.pk}/"

    assert f"{page}erase/" not in client.get(f"{page}change/").content.decode()
    assert client.post(f"{page}erase/", {"_form_submitted": "True"}).status_code == 403
    assert Customer.objects.get().erased_at is None


def test_events_are_found_by_the_id_of_a_customer(boss):
    event = make_stored_event(user=make_customer("u1"))
    make_stored_event()

    listed = boss.get("/admin/ingest/event/", {"q": "u1"}).context["cl"].result_list

    assert list(listed) == [event]


def test_an_event_reads_as_a_line_and_leads_to_its_customers(boss):
    event = make_stored_event()

    page = boss.get("/admin/ingest/event/").content.decode()

    assert "GET /things/:id 400" in page
    assert f"/admin/ingest/customer/{event.user_id}/change/" in page


def test_what_customers_sent_is_shown_harmless(boss):
    customer = make_customer(HOSTILE, metadata={"name": HOSTILE, "email": HOSTILE, HOSTILE: HOSTILE})
    event = make_stored_event(user=customer, fields={"action_name": HOSTILE, "metadata": {HOSTILE: HOSTILE}})
    make_version(customer, patch={"metadata": {HOSTILE: HOSTILE}})

    for address in (
        "/admin/ingest/customer/",
        f"/admin/ingest/customer/{customer.pk}/change/",
        "/admin/ingest/event/",
        f"/admin/ingest/event/{event.pk}/change/",
        "/admin/ingest/customerversion/",
    ):
        answer = boss.get(address)
        assert answer.status_code == 200
        assert HOSTILE not in answer.content.decode()
