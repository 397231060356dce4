from __future__ import annotations

import re
from datetime import timedelta

import pytest

from ingest.keys import TRUSTED_FOR, find_key, make_key, revoke_key, trusted_key
from ingest.models import ApiKey, Scope

pytestmark = pytest.mark.django_db


def test_a_key_has_its_documented_form_and_is_stored_as_a_digest_only(now):
    key, text = make_key("shop", [Scope.COLLECTOR], now)
    assert re.fullmatch(r"ck_live_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}", text)
    assert text.split("_")[2] == key.pk
    stored = str(ApiKey.objects.values().get())
    assert text not in stored
    assert text.split("_")[3] not in stored
    assert find_key(text, now) == key


def test_no_two_keys_are_alike(now):
    assert len({make_key("n", [], now)[1] for _ in range(50)}) == 50


@pytest.mark.parametrize("text", ["", "ck_live_", "x" * 66, "ck_live_" + "é" * 58, "ck_test_00000000_" + "0" * 49])
def test_malformed_keys_are_unknown_without_a_query(now, text, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert find_key(text, now) is None


def test_a_typing_error_is_told_by_the_checksum_without_a_query(now, django_assert_num_queries):
    _, text = make_key("shop", [Scope.COLLECTOR], now)
    swapped = text[:20] + ("a" if text[20] != "a" else "b") + text[21:]
    with django_assert_num_queries(0):
        assert find_key(swapped, now) is None


def test_another_secret_under_a_known_id_opens_nothing(now):
    key, text = make_key("one", [Scope.COLLECTOR], now)
    ApiKey.objects.filter(pk=key.pk).update(digest="0" * 64)
    assert find_key(text, now) is None


def test_a_deleted_key_opens_nothing(now):
    key, text = make_key("one", [Scope.COLLECTOR], now)
    key.delete()
    assert find_key(text, now) is None


def test_a_revoked_key_opens_nothing_and_keeps_the_time_of_its_revocation(now):
    key, text = make_key("one", [Scope.COLLECTOR], now)
    revoke_key(key, now)
    revoke_key(key, now + timedelta(days=1))
    assert find_key(text, now) is None
    assert key.revoked_at == now


def test_a_key_opens_until_it_expires(now):
    _, text = make_key("one", [Scope.COLLECTOR], now, expires_at=now)
    assert find_key(text, now - timedelta(seconds=1)) is not None
    assert find_key(text, now) is None


def test_the_last_use_is_kept_to_the_minute(now, django_assert_num_queries):
    key, text = make_key("one", [Scope.COLLECTOR], now)
    find_key(text, now)
    with django_assert_num_queries(1):
        find_key(text, now + timedelta(seconds=59))
    key.refresh_from_db()
    assert key.last_used_at == now
    find_key(text, now + timedelta(minutes=1))
    key.refresh_from_db()
    assert key.last_used_at == now + timedelta(minutes=1)


def test_a_senders_key_is_looked_up_once_in_a_while(now, django_assert_num_queries):
    key, text = make_key("one", [Scope.COLLECTOR], now)
    assert trusted_key(text, now) == key
    with django_assert_num_queries(0):
        assert trusted_key(text, now + TRUSTED_FOR - timedelta(microseconds=1)) == key
    with django_assert_num_queries(1):
        assert trusted_key(text, now + TRUSTED_FOR) == key


def test_a_key_revoked_elsewhere_opens_the_collector_for_some_seconds_only(now):
    key, text = make_key("one", [Scope.COLLECTOR], now)
    trusted_key(text, now)
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=now)  # by another process
    assert trusted_key(text, now + TRUSTED_FOR) is None


def test_a_key_revoked_in_this_process_or_expired_opens_nothing_at_once(now):
    key, text = make_key("one", [Scope.COLLECTOR], now)
    trusted_key(text, now)
    revoke_key(key, now)
    assert trusted_key(text, now) is None
    _, brief = make_key("two", [Scope.COLLECTOR], now, expires_at=now + timedelta(seconds=1))
    assert trusted_key(brief, now) is not None
    assert trusted_key(brief, now + timedelta(seconds=1)) is None


def test_unknown_keys_are_not_remembered(now, django_assert_num_queries):
    key, text = make_key("one", [Scope.COLLECTOR], now)
    key.delete()
    for _ in range(2):
        with django_assert_num_queries(1):
            assert trusted_key(text, now) is None
