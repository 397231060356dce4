"""Finding customers by what people know of them."""

import pytest
from django.utils import timezone

from cohorts.search import find_customers
from ingest.erase import erase_customer
from ingest.models import CustomerKind
from tests.factories import make_company, make_user

pytestmark = pytest.mark.django_db


def search(text, kind=CustomerKind.USER):
    return set(find_customers(kind, text))


def test_users_are_found_by_a_part_of_id_address_or_name():
    ann = make_user("U-1001", metadata={"email": "ann@Example.com"})
    bob = make_user("U-1002", metadata={"name": "Bob Example", "email": 7})
    make_company("U-1001-company")

    assert search("u-100") == {ann.pk, bob.pk}
    assert search("EXAMPLE") == {ann.pk, bob.pk}
    assert search("ann@") == {ann.pk}
    assert search("nobody") == set()
    assert search("%") == search('"') == search("\0\u202e") == set()


@pytest.mark.parametrize("name", ['Zoë "Zo" Müller', "back\\slash", "表", "100%_sure"])
def test_every_character_can_be_searched_for(name):
    zoe = make_user("U-1", metadata={"name": name})
    make_user("U-2", metadata={"name": "Somebody else"})

    assert search(name) == search(name[-4:]) == {zoe.pk}


def test_companies_are_found_by_a_part_of_id_name_or_domain():
    acme = make_company("C-1", metadata={"name": "Acme"}, company_domain="acme.example")

    for text in ("c-1", "ACM", "me.exa"):
        assert search(text, CustomerKind.COMPANY) == {acme.pk}


def test_an_erased_customer_is_found_by_its_id_alone():
    ann = make_user("U-1001", metadata={"email": "ann@example.com"})
    erase_customer(ann, timezone.now())

    assert search("U-1001") == {ann.pk}
    assert search("ann@") == set()
