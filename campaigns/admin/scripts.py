"""What scripts keep with us and wait to be told: to look at, for only scripts change it."""

from __future__ import annotations

from datetime import UTC
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from campaigns.admin.base import Fact, ReadOnlyAdmin, ScopedFilter
from campaigns.admin.paginator import BoundedPaginator
from campaigns.models import OutboxRow, ScriptRecord, ScriptSchedule
from providers.scrub import Scrubber

MOST_SHOWN = 10
SCRUBBER = Scrubber()


class KeptAdmin(ReadOnlyAdmin):
    """A row that a script made; its body may hold addresses with a password in them."""

    list_filter = [("app", ScopedFilter)]
    list_select_related = ["app", "workspace"]
    paginator = BoundedPaginator
    search_fields = ["=pk"]
    search_help_text = gettext_lazy("The whole id")
    hidden_fields: ClassVar[tuple[str, ...]] = ("body", "api_key")

    @admin.display(description=gettext_lazy("what the script wrote"))
    def show_body(self, row: Any) -> str:
        return SCRUBBER.scrub_body(row.body)


@admin.register(ScriptSchedule)
class ScriptScheduleAdmin(KeptAdmin):
    """A push that a script planned, with what it has planned here."""

    list_display = ["name", "dialect", "app", "is_enabled", "updated_at"]
    fields = [
        "name", "dialect", "workspace", "app", "is_enabled", "show_body", "created_at",
        "updated_at",
    ]  # fmt: skip

    def list_facts(self, request: HttpRequest, row: ScriptSchedule) -> list[Fact]:
        """The last sends that it planned, those of apps that the user sees."""
        facts = []
        planned = row.planned.select_related("transfer__app", "campaign__app").order_by("-pk")
        for one in planned[:MOST_SHOWN]:
            if one.transfer is not None:
                due = f"{one.transfer.due_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
                link = reverse("transfer", args=[one.transfer.pk])
                facts.append(Fact(_("Planned"), f"{one.transfer.app}, {due}", link=link))
            elif one.campaign is not None:
                link = reverse("campaign", args=[one.campaign.pk])
                facts.append(Fact(_("Comes again"), one.campaign.name, link=link))
        return facts


@admin.register(ScriptRecord)
class ScriptRecordAdmin(KeptAdmin):
    """A thing that only a dialect knows, such as a prepared text."""

    list_display = ["__str__", "dialect", "app", "is_archived", "updated_at"]
    fields = [
        "kind", "dialect", "workspace", "app", "schedule", "is_archived", "show_body",
        "created_at", "updated_at",
    ]  # fmt: skip


@admin.register(OutboxRow)
class OutboxRowAdmin(ReadOnlyAdmin):
    """A callback that a script waits for, or that nobody could make."""

    list_display = ["created_at", "show_address", "show_state", "tries", "words"]
    list_select_related = ["submission"]
    paginator = BoundedPaginator
    fields = ["show_address", "created_at", "due_at", "tries", "given_up_at", "words"]

    @admin.display(description=gettext_lazy("address"))
    def show_address(self, row: OutboxRow) -> str:
        """Without what stands behind the path: scripts put secrets there."""
        asked = row.submission.callback or {}
        if asked.get("by_door"):
            return _("The one that is set for the door")
        return SCRUBBER.scrub_text(str(asked.get("url", ""))).partition("?")[0]

    @display(description=gettext_lazy("state"), label={"lost": "danger", "waits": "info"})
    def show_state(self, row: OutboxRow) -> tuple[str, str]:
        return ("lost", _("Given up")) if row.given_up_at else ("waits", _("Waiting"))

    def list_facts(self, request: HttpRequest, row: OutboxRow) -> list[Fact]:
        link = reverse("transfer", args=[row.part.transfer_id])
        return [Fact(_("Transfer"), str(row.part.transfer_id), link=link)]
