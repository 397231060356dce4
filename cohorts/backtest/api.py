"""The management API of backtests: start one, watch it, read what it found, cancel it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from cohorts.backtest.run import TooMuch, cancel_backtest, start_backtest
from cohorts.backtest.serializers import (
    LONGEST_NOTIFIED,
    BacktestDetailSerializer,
    BacktestRequestSerializer,
    BacktestSerializer,
    MovesPageSerializer,
    move_of,
)
from cohorts.backtest.summary import summarize
from cohorts.backtest.who import read_moves
from cohorts.models import SHORTEST_PERIOD, Backtest
from cohorts.pages import LIMIT, NewestFirst, read_limit
from cohorts.periods import parse_period
from cohorts.permissions import HasModelPermission, person_of
from ingest.authentication import HasScope
from ingest.models import Scope
from ingest.problems import Problem

NOTIFY_EVERY = OpenApiParameter(
    "notify_every", description="The period of the subscription whose notifications are counted; 15m if not given."
)
OFFSET = OpenApiParameter(
    "offset", OpenApiTypes.INT, description="Results to leave out: the `next` of the page before."
)
LARGEST_OFFSET = 10**9


class BacktestFilter(filters.FilterSet):
    """Which backtests a list holds."""

    cohort = filters.UUIDFilter(field_name="cohort_id")
    state = filters.ChoiceFilter(choices=Backtest.State.choices)


class BacktestViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, viewsets.GenericViewSet[Backtest]):
    """Backtests: definitions that are tried on the past. Whoever may look customers up may start one."""

    queryset = Backtest.objects.defer("parts", "kept")
    serializer_class = BacktestSerializer
    filterset_class = BacktestFilter
    pagination_class = NewestFirst
    permission_classes = [HasScope, HasModelPermission]
    required_scopes = {"POST": Scope.READ}
    required_verbs = {"POST": "view"}

    @extend_schema(request=BacktestRequestSerializer, responses={201: BacktestSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Start a backtest of a saved cohort or of a definition. The worker does it in the background."""
        asked = BacktestRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        try:
            backtest = start_backtest(
                asked.definition, values["days"], timezone.now(), cohort=values.get("cohort"), by=person_of(request)
            )
        except TooMuch as error:
            raise Problem(409, "too_much", str(error)) from None
        return Response(BacktestSerializer(backtest).data, status=status.HTTP_201_CREATED)

    @extend_schema(parameters=[NOTIFY_EVERY], responses=BacktestDetailSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A backtest and what was found: so far, while it runs."""
        backtest, period = self.get_object(), _read_period(request)
        summary = summarize(backtest, period) if backtest.done else None
        return Response(BacktestDetailSerializer(backtest, context={"summary": summary}).data)

    @extend_schema(request=None, responses=BacktestSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop a backtest. What was found until then stays."""
        backtest = self.get_object()
        if not cancel_backtest(backtest.pk, timezone.now()):
            raise Problem(409, "already_ended", f"The backtest has ended already: it is {backtest.state}.")
        backtest.refresh_from_db()
        return Response(BacktestSerializer(backtest).data)

    @extend_schema(parameters=[LIMIT, OFFSET], responses=MovesPageSerializer)
    @action(detail=True, filterset_class=None, pagination_class=None)
    def moves(self, request: Request, pk: str) -> Response:
        """Who would have joined and left, and when, in the order of time."""
        backtest, limit, skip = self.get_object(), read_limit(request), _read_offset(request)
        end = backtest.end + timedelta(microseconds=1)
        found = read_moves(backtest, backtest.start, end, skip, limit + 1)
        following = skip + limit if len(found) > limit else None
        page = {"next": following, "results": [move_of(move) for move in found[:limit]]}
        return Response(MovesPageSerializer(page).data)


def _read_period(request: Request) -> timedelta:
    try:
        period = parse_period(request.query_params.get("notify_every", "15m"))
    except ValueError as error:
        raise ValidationError({"notify_every": str(error)}) from None
    if not SHORTEST_PERIOD <= period <= LONGEST_NOTIFIED:
        raise ValidationError({"notify_every": "expected a length of 1m to 7d"})
    return period


def _read_offset(request: Request) -> int:
    text = request.query_params.get("offset", "0")
    if not (text.isascii() and text.isdigit()) or int(text[:12]) > LARGEST_OFFSET:
        raise ValidationError({"offset": "expected a whole number of 0 or more"})
    return int(text)
