"""The management API's forms of backtests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cohorts.backtest.summary import Summary
from cohorts.backtest.who import Move
from cohorts.criteria import CriteriaError, parse
from cohorts.enums import ChangeKind
from cohorts.models import DEFAULT_PERIOD, LONGEST_PERIOD, SHORTEST_PERIOD, Backtest, Cohort
from cohorts.serializers.fields import CriteriaField, PeriodField, StrictSerializer, parse_criteria
from cohorts.time_zones import check_time_zone
from ingest.models import CustomerKind

MOST_DAYS, DEFAULT_DAYS = 90, 30
LONGEST_NOTIFIED = timedelta(days=7)
DEFINITION = ("criteria", "time_zone", "week_starts_on", "period")


class BacktestRequestSerializer(StrictSerializer):
    """What is tried: the definition of a saved cohort, or one that is given."""

    cohort = serializers.PrimaryKeyRelatedField[Cohort](
        queryset=Cohort.objects.all(), required=False, help_text="A saved cohort; then nothing but `days` beside it."
    )
    cohort_type = serializers.ChoiceField(choices=CustomerKind.choices, required=False)
    criteria = CriteriaField(required=False, help_text="The definition, `{version: 1, match: ...}`.")
    time_zone = serializers.CharField(required=False, max_length=64, validators=[check_time_zone])
    week_starts_on = serializers.IntegerField(required=False, min_value=1, max_value=7, help_text="1 is Monday.")
    period = PeriodField(shortest=SHORTEST_PERIOD, longest=LONGEST_PERIOD, required=False)
    days = serializers.IntegerField(
        default=DEFAULT_DAYS, min_value=1, max_value=MOST_DAYS, help_text="How far back it begins."
    )

    def validate_cohort(self, cohort: Cohort) -> Cohort:
        if cohort.is_list:
            raise serializers.ValidationError("a static list has no criteria to try")
        return cohort

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "cohort" in attrs:
            self._refuse(attrs, ("cohort_type", *DEFINITION), "comes from the cohort: leave it out")
            return attrs
        missing = [name for name in ("cohort_type", "criteria") if name not in attrs]
        if missing:
            raise serializers.ValidationError(dict.fromkeys(missing, 'missing; expected it, or a "cohort"'))
        parse_criteria(attrs["criteria"], attrs["cohort_type"])
        return attrs

    def _refuse(self, attrs: dict[str, Any], names: tuple[str, ...], why: str) -> None:
        found = [name for name in names if name in attrs]
        if found:
            raise serializers.ValidationError(dict.fromkeys(found, why))

    @property
    def definition(self) -> dict[str, Any]:
        """As `start_backtest` takes it; call after `is_valid`."""
        values = self.validated_data
        if cohort := values.get("cohort"):
            return {"kind": cohort.kind, **{name: getattr(cohort, name) for name in DEFINITION}}
        usual = {"time_zone": "UTC", "week_starts_on": 1, "period": DEFAULT_PERIOD}
        return {"kind": values["cohort_type"], **usual, **{name: values[name] for name in DEFINITION if name in values}}


class DaySerializer(serializers.Serializer[Any]):
    """A day of the definition's time zone."""

    start = serializers.DateTimeField(help_text="Its first instant.")
    joined = serializers.IntegerField()
    left = serializers.IntegerField()
    members = serializers.IntegerField(help_text="At its end.")
    notifications = serializers.IntegerField(source="batches")
    told = serializers.IntegerField(help_text="Customers in its notifications.")


class MomentSerializer(serializers.Serializer[Any]):
    """An instant, and how many moved then."""

    at = serializers.DateTimeField()
    joined = serializers.IntegerField()
    left = serializers.IntegerField()


class RestlessSerializer(serializers.Serializer[Any]):
    """A customer who moved more than once."""

    user_id = serializers.CharField(required=False)
    company_id = serializers.CharField(required=False)
    moves = serializers.IntegerField()


class ResultSerializer(serializers.Serializer[Any]):
    """What happened, and what a subscription would have sent of it."""

    joined = serializers.IntegerField()
    left = serializers.IntegerField()
    customers = serializers.IntegerField(help_text="How many different ones moved.")
    notifications = serializers.IntegerField()
    told = serializers.IntegerField(help_text="Customers in all notifications together.")
    largest = serializers.IntegerField(help_text="Customers in the largest notification.")
    days = DaySerializer(many=True)
    busiest = MomentSerializer(many=True)
    restless = RestlessSerializer(many=True, help_text="Who moved most often.")


def result_of(summary: Summary) -> dict[str, Any]:
    """What ResultSerializer tells of a summary."""
    numbers = {name: getattr(summary, name) for name in ("joined", "left", "customers", "told", "largest", "days")}
    return {
        **numbers,
        "notifications": len(summary.batches),
        "busiest": [{"at": each.at, "joined": len(each.added), "left": len(each.removed)} for each in summary.busiest],
        "restless": [
            {f"{each.customer.kind}_id": each.customer.external_id, "moves": each.moves} for each in summary.restless
        ],
    }


class BacktestSerializer(serializers.ModelSerializer[Backtest]):
    """A definition that is tried on the past, and how far it came."""

    cohort_type = serializers.CharField(source="kind", read_only=True)
    words = serializers.SerializerMethodField(help_text="The criteria in plain words.")
    period = PeriodField(shortest=SHORTEST_PERIOD, longest=LONGEST_PERIOD, read_only=True)
    progress = serializers.SerializerMethodField(help_text="From 0 to 1.")
    error = serializers.SerializerMethodField(help_text="Why it failed; null when it did not.")

    class Meta:
        model = Backtest
        fields = [
            "id",
            "cohort",
            "cohort_type",
            "criteria",
            "words",
            "time_zone",
            "week_starts_on",
            "period",
            "days",
            "start",
            "end",
            "state",
            "progress",
            "error",
            "members_at_start",
            "created_at",
            "finished_at",
        ]
        read_only_fields = fields

    def get_words(self, backtest: Backtest) -> str:
        return words_of(backtest)

    def get_progress(self, backtest: Backtest) -> float:
        return round(backtest.done / backtest.total, 4)

    def get_error(self, backtest: Backtest) -> str | None:
        return backtest.error or None


class BacktestDetailSerializer(BacktestSerializer):
    """A backtest with what was found so far."""

    result = serializers.SerializerMethodField(help_text="Null before anything is replayed.")

    class Meta(BacktestSerializer.Meta):
        fields = [*BacktestSerializer.Meta.fields, "result"]
        read_only_fields = fields

    @extend_schema_field(ResultSerializer(allow_null=True))
    def get_result(self, backtest: Backtest) -> Any:
        summary = self.context.get("summary")
        return ResultSerializer(result_of(summary)).data if summary else None


class MoveSerializer(serializers.Serializer[Any]):
    """One customer who would have joined or left."""

    at = serializers.DateTimeField()
    change = serializers.ChoiceField(choices=ChangeKind.choices)
    user_id = serializers.CharField(required=False)
    company_id = serializers.CharField(required=False)


class MovesPageSerializer(serializers.Serializer[Any]):
    """Moves in the order of time."""

    next = serializers.IntegerField(allow_null=True, help_text="The `offset` of the next page; null after the last.")
    results = MoveSerializer(many=True)


def move_of(move: Move) -> dict[str, Any]:
    """What MoveSerializer tells of a move."""
    return {"at": move.at, "change": move.change, f"{move.customer.kind}_id": move.customer.external_id}


def words_of(backtest: Backtest) -> str:
    """Its criteria in words; nothing where they name a cohort that is gone."""
    try:
        return parse(backtest.criteria, CustomerKind(backtest.kind)).words()
    except CriteriaError:
        return ""
