"""People, groups, and django-q2's rows in the admin, in the look of the others."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator
from django_q.admin import FailAdmin, QueueAdmin, ScheduleAdmin, TaskAdmin
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from cohortsite.models import Heartbeat, Process
from ingest.admin_parts import ReadOnlyAdmin

for model in (User, Group, Schedule, Success, Failure, OrmQ):
    admin.site.unregister(model)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    """People."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "first_name", "last_name", "is_staff", "is_superuser", "last_login"]


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Roles: what their people may do."""


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    """When the worker last showed that it lives."""

    list_display = ["name", "at"]
    search_fields = ["name"]


@admin.register(Process)
class ProcessAdmin(ReadOnlyAdmin):
    """Which sites and workers were started, and where."""

    list_display = ["role", "host", "started_at", "data_mark"]
    search_fields = ["host"]


@admin.register(Schedule)
class QScheduleAdmin(ReadOnlyAdmin, ScheduleAdmin):
    """What the worker runs and when; the code keeps it so."""

    list_display = ["name", "func", "schedule_type", "next_run", "get_last_run", "get_success"]
    list_display_links = ["name"]


@admin.register(Success)
class QSuccessAdmin(ReadOnlyAdmin, TaskAdmin):
    """Units of work that the worker has done."""

    list_display = ["name", "func", "args_", "started", "stopped", "time_taken"]
    actions: list[str] = []

    @display(description="Unit")
    def args_(self, task: Success) -> str:
        return ", ".join(map(str, task.args or ()))


@admin.register(Failure)
class QFailureAdmin(ReadOnlyAdmin, FailAdmin):
    """Units of work that failed; the next tick finds what is still due."""

    list_display = ["name", "func", "args_", "started", "stopped", "short_result"]
    actions: list[str] = []

    @display(description="Unit")
    def args_(self, task: Failure) -> str:
        return ", ".join(map(str, task.args or ()))

    @display(description="Reason")
    def short_result(self, task: Failure) -> str:
        return Truncator(str(task.result).strip().splitlines()[-1]).chars(100)


@admin.register(OrmQ)
class QQueueAdmin(ReadOnlyAdmin, QueueAdmin):
    """What waits for a worker."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrmQ]:
        return super().get_queryset(request).order_by("id")
