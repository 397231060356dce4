"""The picture of an alert's chart for who cannot sign in: Slack, which fetches what a message shows."""

from __future__ import annotations

import json

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from notifications.channels.charts import charted, thaw
from notifications.channels.drawing import draw
from notifications.models import Delivery


@login_not_required
@require_safe
def signed_chart(request: HttpRequest, token: str) -> HttpResponse:
    """The chart of a delivery, for who has its signed address, until that is over."""
    delivery = charted(token, timezone.now())
    content = delivery and Delivery.objects.filter(pk=delivery).values_list("content", flat=True).first()
    chart = json.loads(content).get("chart") if content else None
    if chart is None:
        raise Http404
    headers = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
    return HttpResponse(draw(thaw(chart)), content_type="image/png", headers=headers)
