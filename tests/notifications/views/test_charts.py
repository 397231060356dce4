"""The picture of an alert's chart, for who has its address."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from notifications.channels.charts import LIFE, chart_url, freeze
from notifications.message import encode
from notifications.models import Delivery
from tests.factories import make_delivery, make_told
from tests.notifications.messages import alerts

pytestmark = pytest.mark.django_db


@pytest.fixture
def told():
    return make_told(about="alert", content=encode({"chart": freeze(alerts("acme").chart)}))


def address(delivery: Delivery, ago: timedelta = timedelta()) -> str:
    return chart_url(str(delivery.pk), timezone.now() - ago).removeprefix("http://testserver")


def test_nobody_sees_a_chart_without_its_address_or_after_its_time(client, told):
    assert client.get(address(told)).status_code == 200
    assert client.get(address(told, LIFE)).status_code == 404
    for token in ("x", str(told.pk), address(told)[8:-6]):
        assert client.get(reverse("signed_chart", args=[token])).status_code == 404
    assert client.post(address(told)).status_code == 405


def test_what_is_gone_or_has_no_chart_is_not_found(client, told):
    assert client.get(address(make_delivery())).status_code == 404
    gone = address(told)
    told.delete()
    assert client.get(gone).status_code == 404
