"""The management API of cohorts and customers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from cohorts.activity import seen_of
from cohorts.cursors import refuse_cursor
from cohorts.edit import edit_cohort, pause_time
from cohorts.export import change_lines, csv_response, member_lines
from cohorts.feed import Cursor, cohorts_of, read_changes, read_members
from cohorts.impact import Impact, impact_of
from cohorts.lists import Wish, listed
from cohorts.models import Cohort
from cohorts.pages import LIMIT, NewestAsOf, NewestFirst, NewestId, read_limit
from cohorts.permissions import HasModelPermission, key_of, person_of
from cohorts.preview import Preview, preview
from cohorts.references import CohortInUse, delete_unused, lock_named
from cohorts.refresh import evaluate_now, take_effect
from cohorts.same import is_same
from cohorts.serializers.cohort import CohortSerializer, EvaluationSerializer
from cohorts.serializers.customer import CustomerDetailSerializer, CustomerSerializer, customer_of, profile_of
from cohorts.serializers.lists import ListEditedSerializer, ListEditSerializer
from cohorts.serializers.membership import ChangesPageSerializer, MembersPageSerializer, change_of
from cohorts.serializers.preview import PreviewRequestSerializer, PreviewSerializer, preview_of
from cohorts.upsert import read_document, refuse_race, upsert_cohort
from ingest.authentication import HasScope
from ingest.columns.interface import ColumnsDamaged
from ingest.models import Customer, CustomerKind, Scope
from ingest.problems import Problem

PAGE = OpenApiParameter("page", description="Leave out for the first page; the others are in `next`.")
AFTER = OpenApiParameter("after", description="A cursor from `members/` or from the call before.")
WRONG_CURSOR = "The cursor is not one of this cohort's: read members/ and go on from the cursor it gives."


class CohortFilter(filters.FilterSet):
    """Which cohorts a list holds."""

    key = filters.CharFilter()
    cohort_type = filters.ChoiceFilter(field_name="kind", choices=CustomerKind.choices)
    name = filters.CharFilter(lookup_expr="icontains", label="Part of the name.")
    paused = filters.BooleanFilter(field_name="paused_at", lookup_expr="isnull", exclude=True)


class CohortViewSet(viewsets.ModelViewSet[Cohort]):
    """Cohorts: dynamic lists of customers that match criteria."""

    queryset = Cohort.objects.annotate(member_count=F("membership__count"))
    serializer_class = CohortSerializer
    filterset_class = CohortFilter
    pagination_class = NewestFirst
    permission_classes = [HasScope, HasModelPermission]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    required_scopes: dict[str, Scope] = {}
    required_verbs: dict[str, str] = {}

    @extend_schema(responses={201: CohortSerializer, 200: CohortSerializer})
    @transaction.atomic
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Save a cohort.

        The same request again with the same `key` answers 200 with the cohort that is there; a different one with
        that key is refused.
        """
        lock_named(request.data)
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = _stored_values(serializer.validated_data)
        try:
            with transaction.atomic():
                cohort = Cohort.objects.create(created_at=timezone.now(), created_by=person_of(request), **values)
        except IntegrityError:
            cohort = self.get_queryset().get(key=values["key"])
            if any(not is_same(getattr(cohort, name), value) for name, value in values.items() if name != "paused_at"):
                raise _key_taken(values["key"]) from None
            return Response(self.get_serializer(cohort).data)
        return Response(self.get_serializer(cohort).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=CohortSerializer, responses={201: CohortSerializer, 200: CohortSerializer})
    @action(
        detail=False,
        methods=["put"],
        url_path="by-key/(?P<key>[-a-zA-Z0-9_]{1,100})",
        filterset_class=None,
        http_method_names=["put", "options"],
        required_verbs={"PUT": "change"},
    )
    def by_key(self, request: Request, key: str) -> Response:
        """Make the cohort with this key what the request says, or make it: 201 when it is new, else 200.

        The request is whole: what it leaves out has its default. The same request again changes nothing.
        """
        with refuse_race():
            saved = upsert_cohort(key, read_document(request), timezone.now(), by=person_of(request))
        answer = self.get_serializer(self.get_queryset().get(pk=saved.row.pk)).data
        return Response(answer, status=status.HTTP_201_CREATED if saved.created else status.HTTP_200_OK)

    @transaction.atomic
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Edit a cohort."""
        lock_named(request.data)
        return super().update(request, *args, **kwargs)

    def perform_update(self, serializer: BaseSerializer[Cohort]) -> None:
        cohort = self.get_object()
        values = _stored_values(serializer.validated_data, cohort)
        try:
            edit_cohort(cohort, values, tell=serializer.validated_data.get("tell_edit", False))
        except IntegrityError:
            raise _key_taken(values["key"]) from None
        serializer.instance = cohort

    def perform_destroy(self, instance: Cohort) -> None:
        try:
            delete_unused(instance)
        except CohortInUse as error:
            using = [{"id": str(cohort.pk), "name": cohort.name} for cohort in error.users]
            raise Problem(409, "cohort_in_use", str(error), extra={"used_by": using}) from None

    @extend_schema(parameters=[LIMIT, PAGE], responses=MembersPageSerializer)
    @action(detail=True, filterset_class=None, pagination_class=None, required_verbs={"POST": "change"})
    def members(self, request: Request, pk: str) -> Response:
        """The members, by pages, and the cursor for `changes/` from which a copy of them is kept up to date."""
        cohort, limit = self.get_object(), read_limit(request)
        with refuse_cursor(WRONG_CURSOR):
            page = read_members(cohort, request.query_params.get("page", ""), limit)
        more = f"{request.path}?{urlencode({'page': page.next, 'limit': limit})}"
        answer = {
            "next": request.build_absolute_uri(more) if page.next else None,
            "cursor": page.cursor.encode(cohort),
            "results": [{"since": member.since, **profile_of(member.customer)} for member in page.members],
        }
        return Response(MembersPageSerializer(answer).data)

    @extend_schema(request=ListEditSerializer, responses=ListEditedSerializer)
    @members.mapping.post
    def edit_members(self, request: Request, pk: str) -> Response:
        """Put customers on a static list, take others off it, or set it. Subscribers are told as of any change."""
        cohort, now = self.get_object(), timezone.now()
        if not cohort.is_list:
            raise Problem(409, "not_static", "The members of this cohort follow from its criteria.")
        asked = ListEditSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        wish = Wish(
            add=values.get("set", values["add"]),
            remove=values["remove"],
            replace="set" in values,
            make=values["create_unknown"],
        )
        edited = wish.fulfil(cohort, now, by=person_of(request), note=key_of(request) or "API")
        take_effect(cohort, now)
        told = {"added": len(edited.moved.added), "removed": len(edited.moved.removed), "members": len(listed(cohort))}
        return Response(ListEditedSerializer({**told, "unknown": edited.unknown, "erased": edited.erased}).data)

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    @action(detail=True, url_path="members/csv", filterset_class=None, pagination_class=None)
    def members_csv(self, request: Request, pk: str) -> StreamingHttpResponse:
        """All members as a CSV file."""
        return csv_response(member_lines(self.get_object()), "members")

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    @action(detail=True, url_path="changes/csv", filterset_class=None, pagination_class=None)
    def changes_csv(self, request: Request, pk: str) -> StreamingHttpResponse:
        """All changes as a CSV file, oldest first."""
        return csv_response(change_lines(self.get_object()), "changes")

    @extend_schema(parameters=[LIMIT, AFTER], responses=ChangesPageSerializer)
    @action(detail=True, filterset_class=None, pagination_class=None)
    def changes(self, request: Request, pk: str) -> Response:
        """Who was added and removed after a cursor, oldest first; without one from the beginning."""
        cohort, limit, after = self.get_object(), read_limit(request), request.query_params.get("after", "")
        with refuse_cursor(WRONG_CURSOR):
            page = read_changes(cohort, Cursor.decode(after, cohort) if after else Cursor(version=0), limit)
        answer = {
            "cursor": page.cursor.encode(cohort),
            "restarted": page.restarted,
            "results": [change_of(change) for change in page.changes],
        }
        return Response(ChangesPageSerializer(answer).data)

    @extend_schema(responses=EvaluationSerializer(many=True))
    @action(detail=True, filterset_class=None, pagination_class=NewestAsOf)
    def evaluations(self, request: Request, pk: str) -> Response:
        """The runs of the cohort, newest first."""
        evaluations: QuerySet[Any] = self.get_object().evaluations.defer("criteria")
        page: Sequence[Any] = self.paginate_queryset(evaluations) or ()
        return self.get_paginated_response(EvaluationSerializer(page, many=True).data)

    @extend_schema(request=None, responses=EvaluationSerializer)
    @action(detail=True, methods=["post"], required_verbs={"POST": "change"})
    def evaluate(self, request: Request, pk: str) -> Response:
        """Evaluate the cohort as of now, also when it is paused; a fault stands in `error`."""
        cohort = self.get_object()
        evaluations = evaluate_now([cohort], timezone.now())
        if not evaluations:
            raise Problem(409, "superseded", "Another evaluation or an edit came first; nothing was written.")
        return Response(EvaluationSerializer(evaluations[0]).data)

    @extend_schema(request=PreviewRequestSerializer, responses=PreviewSerializer)
    @action(
        detail=False,
        methods=["post"],
        url_path="preview",
        required_scopes={"POST": Scope.READ},
        required_verbs={"POST": "view"},
    )
    def try_out(self, request: Request) -> Response:
        """What a definition would match now, how many each condition keeps, and what it would do to a saved cohort.

        Nothing is saved.
        """
        definition = PreviewRequestSerializer(data=request.data)
        definition.is_valid(raise_exception=True)
        values, now = definition.validated_data, timezone.now()
        clock = (values["time_zone"], values["week_starts_on"], now)
        try:
            found: Preview | Impact
            if values["cohort"] is None:
                found = preview(definition.parsed, *clock)
            else:
                found = impact_of(values["cohort"], definition.parsed, *clock)
        except ColumnsDamaged as error:
            raise Problem(503, "columns_damaged", str(error)) from None
        return Response(PreviewSerializer(preview_of(found)).data)


class CustomerFilter(filters.FilterSet):
    """Which customers a list holds."""

    cohort_type = filters.ChoiceFilter(field_name="kind", choices=CustomerKind.choices)
    user_id = filters.CharFilter(method="with_id", label="The user with this id.")
    company_id = filters.CharFilter(method="with_id", label="The company with this id.")
    search = filters.CharFilter(method="with_text", label="Part of the id or of the email address.")

    def with_id(self, queryset: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        return queryset.filter(kind=name.removesuffix("_id"), external_id=value)

    def with_text(self, queryset: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        return queryset.filter(Q(external_id__icontains=value) | Q(profile__metadata__email__icontains=value))


class CustomerViewSet(viewsets.ReadOnlyModelViewSet[Customer]):
    """Users and companies that something named."""

    queryset = Customer.objects.filter(erased_at=None).select_related("company")
    filterset_class = CustomerFilter
    pagination_class = NewestId
    permission_classes = [HasScope, HasModelPermission]

    @extend_schema(responses=CustomerSerializer(many=True))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Customers, newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(CustomerSerializer(map(customer_of, page or ()), many=True).data)

    @extend_schema(responses=CustomerDetailSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A customer, when it was seen, and the cohorts that it is in."""
        customer = self.get_object()
        try:
            first, last = seen_of(customer, timezone.now())
        except ColumnsDamaged:  # the rest can be told all the same
            first = last = None
        stays = [{"id": cohort.pk, "name": cohort.name, "since": since} for cohort, since in cohorts_of(customer)]
        seen = {"first_seen_time": first, "last_seen_time": last}
        return Response(CustomerDetailSerializer({**customer_of(customer), **seen, "cohorts": stays}).data)


def _stored_values(validated: dict[str, Any], cohort: Cohort | None = None) -> dict[str, Any]:
    values = {name: value for name, value in validated.items() if name != "tell_edit"}
    if "paused_at" in values:
        values["paused_at"] = pause_time(values["paused_at"], cohort.paused_at if cohort else None, timezone.now())
    return values


def _key_taken(key: str) -> Problem:
    return Problem(409, "key_taken", f'Another cohort has the key "{key}".')
