"""Finding customers by what people know of them."""

import pytest
from django.utils import timezone

from cohorts.search import find_customers
from ingest.columns import open_columns
from ingest.erase import erase_customer
from tests.factories import make_company, make_user

pytestmark = pytest.mark.django_db


def search(kind, text):
    return set(find_customers(kind, text, timezone.now()))


def test_users_are_found_by_a_part_of_id_address_or_name():
    ann = make_user("U-1001", metadata={"email": "ann@Example.com"})
    bob = make_user("U-1002", metadata={"name": "Bob Example"})
    make_company("U-1001-company")
    open_columns().seal(timezone.now())

    assert search("user", "u-100") == {ann.pk, bob.pk}
    assert search("user", "EXAMPLE") == {ann.pk, bob.pk}
    assert search("user", "ann@") == {ann.pk}
    assert search("user", "nobody") == set()


def test_an_erased_customer_is_found_by_its_whole_id_alone():
    ann = make_user("U-1001", metadata={"email": "ann@example.com"})
    erase_customer(ann, timezone.now())
    open_columns().seal(timezone.now())

    assert search("user", "U-1001") == {ann.pk}
    assert search("user", "U-100") == set()
