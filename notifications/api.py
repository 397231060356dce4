"""The management API of channels, subscriptions and deliveries."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from cohorts.edit import pause_time
from cohorts.models import Cohort
from cohorts.pages import NewestFirst, NewestId
from cohorts.permissions import HasModelPermission, person_of
from cohorts.upsert import read_document, refuse_race
from ingest.authentication import HasScope
from ingest.models import ApiKey, Scope
from ingest.problems import Problem
from notifications.batching import subscribe
from notifications.channels import CHANNELS, kind_choices
from notifications.channels.webhook import ROTATION
from notifications.delivery import replay, replay_found, send_test
from notifications.holds import decide
from notifications.limits import TOO_MANY, may_test
from notifications.models import Channel, Delivery, Hold, Subscription
from notifications.rotation import NoSecret, rotate_secret
from notifications.serializers import (
    ChannelSerializer,
    CreatedChannelSerializer,
    DecisionSerializer,
    DeliveryDetailSerializer,
    DeliverySerializer,
    HoldSerializer,
    OutcomeSerializer,
    ReplayedSerializer,
    RotatedSerializer,
    SelectionSerializer,
    SubscriptionSerializer,
)
from notifications.upsert import upsert_channel, upsert_subscription


class ChannelFilter(filters.FilterSet):
    """Which channels a list holds."""

    key = filters.CharFilter()
    kind = filters.ChoiceFilter(choices=kind_choices)
    name = filters.CharFilter(lookup_expr="icontains", label="Part of the name.")
    paused = filters.BooleanFilter(field_name="paused_at", lookup_expr="isnull", exclude=True)


class ChannelViewSet(viewsets.ModelViewSet[Channel]):
    """Channels: places to notify."""

    queryset = Channel.objects.all()
    serializer_class = ChannelSerializer
    filterset_class = ChannelFilter
    pagination_class = NewestFirst
    permission_classes = [HasScope, HasModelPermission]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    required_scopes = {"POST": Scope.ADMIN, "PATCH": Scope.ADMIN, "DELETE": Scope.ADMIN}
    required_verbs: dict[str, str] = {}

    def get_serializer_context(self) -> dict[str, Any]:
        context = {**super().get_serializer_context(), "may_manage": _may_manage(self.request)}
        return {**context, "may_read_answers": _may_read_answers(self.request)}

    @extend_schema(request=ChannelSerializer, responses={201: CreatedChannelSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Save a channel. The secret of a webhook stands in this answer and is not told again."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        values["paused_at"] = pause_time(values.get("paused_at", False), None, timezone.now())
        channel = serializer.save(created_at=timezone.now(), created_by=person_of(request))
        told_once = CHANNELS[channel.kind].shown_once(channel.config)
        return Response({**serializer.data, **told_once}, status=status.HTTP_201_CREATED)

    @extend_schema(request=ChannelSerializer, responses={201: CreatedChannelSerializer, 200: ChannelSerializer})
    @action(
        detail=False,
        methods=["put"],
        url_path="by-key/(?P<key>[-a-zA-Z0-9_]{1,100})",
        filterset_class=None,
        http_method_names=["put", "options"],
        required_verbs={"PUT": "change"},
        required_scopes={"PUT": Scope.ADMIN},
    )
    def by_key(self, request: Request, key: str) -> Response:
        """Make the channel with this key what the request says, or make it: 201 when it is new, else 200.

        The request is whole, but for secrets: those that `config` leaves out stay as they are stored.
        """
        with refuse_race():
            saved = upsert_channel(key, read_document(request), timezone.now(), by=person_of(request))
        answer = self.get_serializer(saved.row).data
        if not saved.created:
            return Response(answer)
        told_once = CHANNELS[saved.row.kind].shown_once(saved.row.config)
        return Response({**answer, **told_once}, status=status.HTTP_201_CREATED)

    def perform_update(self, serializer: BaseSerializer[Channel]) -> None:
        _update(serializer)

    def perform_destroy(self, instance: Channel) -> None:
        try:
            instance.delete()
        except ProtectedError:
            raise Problem(409, "in_use", "Subscriptions use this channel: delete them first.") from None

    @extend_schema(request=None, responses=OutcomeSerializer)
    @action(detail=True, methods=["post"], required_verbs={"POST": "change"})
    def test(self, request: Request, pk: str) -> Response:
        """Send a test now, by the same path as real notifications, and tell what the destination answered."""
        channel = self.get_object()
        now = timezone.now()
        who = f"key-{request.auth.pk}" if isinstance(request.auth, ApiKey) else f"person-{request.user.pk}"
        if not may_test(who, now):
            raise Problem(429, "too_many_tests", TOO_MANY)
        outcome = send_test(channel, now)
        return Response(OutcomeSerializer(outcome, context=self.get_serializer_context()).data)

    @extend_schema(request=None, responses=RotatedSerializer)
    @action(detail=True, methods=["post"], required_verbs={"POST": "change"})
    def rotate(self, request: Request, pk: str) -> Response:
        """Give a webhook a new signing secret, told here and not again. The one before signs too for 24 hours."""
        now = timezone.now()
        try:
            channel = rotate_secret(self.get_object().pk, now)
        except NoSecret:
            raise Problem(409, "no_secret", "Only webhooks have a signing secret.") from None
        told_once = CHANNELS[channel.kind].shown_once(channel.config)
        return Response(RotatedSerializer({**told_once, "previous_until": now + ROTATION}).data)


class SubscriptionFilter(filters.FilterSet):
    """Which subscriptions a list holds."""

    cohort = filters.UUIDFilter(field_name="cohort_id")
    channel = filters.UUIDFilter(field_name="channel_id")
    paused = filters.BooleanFilter(field_name="paused_at", lookup_expr="isnull", exclude=True)


class SubscriptionViewSet(viewsets.ModelViewSet[Subscription]):
    """Subscriptions: a cohort's notification rule on one channel."""

    queryset = Subscription.objects.select_related("cohort")
    serializer_class = SubscriptionSerializer
    filterset_class = SubscriptionFilter
    pagination_class = NewestFirst
    permission_classes = [HasScope, HasModelPermission]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    required_verbs: dict[str, str] = {}

    def perform_create(self, serializer: BaseSerializer[Subscription]) -> None:
        now, values = timezone.now(), serializer.validated_data
        values["paused_at"] = pause_time(values.get("paused_at", False), None, now)
        try:
            with transaction.atomic():
                serializer.instance = subscribe(**values, created_by=person_of(self.request), now=now)
        except IntegrityError:
            detail = "The cohort has a subscription on this channel already."
            raise Problem(409, "already_subscribed", detail) from None

    @extend_schema(request=SubscriptionSerializer, responses={201: SubscriptionSerializer, 200: SubscriptionSerializer})
    @action(
        detail=False,
        methods=["put"],
        url_path="by-key/(?P<cohort>[-a-zA-Z0-9_]{1,100})/(?P<channel>[-a-zA-Z0-9_]{1,100})",
        filterset_class=None,
        http_method_names=["put", "options"],
        required_verbs={"PUT": "change"},
    )
    def by_key(self, request: Request, cohort: str, channel: str) -> Response:
        """Make the subscription of the cohort on the channel with these keys what the request says, or make it.

        The request is whole: what it leaves out has its default. `cohort` and `channel` stand in the address only.
        """
        rows = get_object_or_404(Cohort, key=cohort), get_object_or_404(Channel, key=channel)
        with refuse_race():
            saved = upsert_subscription(*rows, read_document(request), timezone.now(), by=person_of(request))
        created = status.HTTP_201_CREATED if saved.created else status.HTTP_200_OK
        return Response(self.get_serializer(saved.row).data, status=created)

    def perform_update(self, serializer: BaseSerializer[Subscription]) -> None:
        _update(serializer)


class HoldFilter(filters.FilterSet):
    """Which holds a list has."""

    open = filters.BooleanFilter(field_name="ended_at", lookup_expr="isnull", label="Whether it still lasts.")
    subscription = filters.UUIDFilter(field_name="subscription_id")
    cohort = filters.UUIDFilter(field_name="subscription__cohort_id")
    channel = filters.UUIDFilter(field_name="subscription__channel_id")


class HoldViewSet(viewsets.ReadOnlyModelViewSet[Hold]):
    """Holds: batches that wait until somebody sends or drops them."""

    queryset = Hold.objects.select_related("subscription").defer("customers")
    serializer_class = HoldSerializer
    filterset_class = HoldFilter
    pagination_class = NewestId
    permission_classes = [HasScope, HasModelPermission]
    required_scopes = {"POST": Scope.ADMIN}
    required_verbs = {"POST": "change"}

    @extend_schema(request=DecisionSerializer, responses=HoldSerializer)
    @action(detail=True, methods=["post"])
    def send(self, request: Request, pk: str) -> Response:
        """Tell of those that are held, with the next cycle."""
        return self._decide(request, Hold.Decision.SEND)

    @extend_schema(request=DecisionSerializer, responses=HoldSerializer)
    @action(detail=True, methods=["post"])
    def drop(self, request: Request, pk: str) -> Response:
        """Never tell of those that are held: their changes are settled as not asked for."""
        return self._decide(request, Hold.Decision.DROP)

    def _decide(self, request: Request, decision: Hold.Decision) -> Response:
        asked = DecisionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        revision = asked.validated_data.get("revision")
        if not decide(self.get_object(), decision, person_of(request), timezone.now(), revision):
            raise Problem(409, "not_undecided", "It was decided already, changed meanwhile, or is no longer held.")
        return Response(HoldSerializer(self.get_object()).data)


class DeliveryFilter(filters.FilterSet):
    """Which deliveries a list holds."""

    state = filters.ChoiceFilter(choices=Delivery.State.choices)
    about = filters.ChoiceFilter(choices=Delivery.About.choices)
    channel = filters.UUIDFilter(field_name="channel_id")
    cohort = filters.UUIDFilter(field_name="batch__subscription__cohort_id")
    subscription = filters.UUIDFilter(field_name="batch__subscription_id")
    batch = filters.UUIDFilter(field_name="batch_id")
    created_after = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")


class DeliveryViewSet(viewsets.ReadOnlyModelViewSet[Delivery]):
    """Deliveries: what was sent where, and what became of it."""

    queryset = Delivery.objects.select_related("batch__subscription__cohort", "channel").defer(
        "content", "channel__config", "batch__subscription__cohort__criteria"
    )
    serializer_class = DeliverySerializer
    filterset_class = DeliveryFilter
    pagination_class = NewestFirst
    permission_classes = [HasScope, HasModelPermission]
    required_scopes = {"POST": Scope.ADMIN}
    required_verbs = {"POST": "change"}

    @extend_schema(responses=DeliveryDetailSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A delivery with its content and every attempt."""
        context = {"may_read_answers": _may_read_answers(request)}
        return Response(DeliveryDetailSerializer(self.get_object(), context=context).data)

    @extend_schema(request=None, responses=DeliverySerializer)
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str) -> Response:
        """Send a delivery that was given up, or that arrived, once more under the same id, with the next cycle."""
        if not replay([self.get_object().pk], timezone.now()):
            raise Problem(409, "not_settled", "The delivery is waiting to be sent already.")
        return Response(DeliverySerializer(self.get_object()).data)

    @extend_schema(operation_id="deliveries_replay_selected", request=SelectionSerializer, responses=ReplayedSerializer)
    @action(detail=False, methods=["post"], url_path="replay")
    def replay_selected(self, request: Request) -> Response:
        """Send several once more, by their ids or all of a stretch of time (up to 10,000, oldest first; ask again for
        more). Those that are waiting to be sent, and ids of none, are left alone."""
        selection = SelectionSerializer(data=request.data)
        selection.is_valid(raise_exception=True)
        now, ids = timezone.now(), selection.validated_data.get("deliveries")
        number = replay_found(selection.found(), now) if ids is None else replay(ids, now)
        return Response(ReplayedSerializer({"replayed": number}).data)


def _update(serializer: BaseSerializer[Any]) -> None:
    values = serializer.validated_data
    if "paused_at" in values and serializer.instance is not None:
        values["paused_at"] = pause_time(values["paused_at"], serializer.instance.paused_at, timezone.now())
    serializer.save()


def _may_manage(request: Request) -> bool:
    if isinstance(request.auth, ApiKey):
        return Scope.ADMIN in request.auth.scopes
    return request.user.has_perm("notifications.change_channel")


def _may_read_answers(request: Request) -> bool:
    if isinstance(request.auth, ApiKey):
        return Scope.ADMIN in request.auth.scopes
    return request.user.has_perm("notifications.view_answer")
