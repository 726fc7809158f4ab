"""Failover scenarios: their steps, where each leaves, and the campaigns that use them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from campaigns.admin.base import Fact, ScopedFilter, StaffAdmin, Verb
from campaigns.admin.scenario_form import PUSH, STEP_CHANNELS, ScenarioForm
from campaigns.models import App, Campaign, Route, Scenario
from campaigns.services.access import name_actor
from campaigns.services.scenarios import (
    archive_scenario,
    create_scenario,
    delete_scenario,
    restore_scenario,
    update_scenario,
)

MOST_SHOWN = 10
NAMES = dict(STEP_CHANNELS)


@admin.register(Scenario)
class ScenarioAdmin(StaffAdmin):
    """Ordered steps: who has not answered one in time gets the next."""

    form = ScenarioForm
    change_form_before_template = "staff/scenario_enter.html"
    also_seen: ClassVar[tuple[str, ...]] = ("steps",)
    change_form_after_template = "staff/scenario.html"
    list_before_template = "staff/scenarios.html"
    list_display = ["name", "show_steps", "show_state", "show_use", "workspace"]
    list_filter = [("workspace", ScopedFilter)]
    list_select_related = ["workspace"]
    search_fields = ["name", "key"]
    ordering = ["name"]
    fields = ["workspace", "name", "run_by", "is_default"]
    fixed_fields: ClassVar[tuple[str, ...]] = ("workspace",)
    audits_itself = True
    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb(name="archive", label=gettext_lazy("Archive"), icon="archive"),
        Verb(name="restore", label=gettext_lazy("Restore"), icon="unarchive"),
    )

    class Media:
        css: ClassVar[dict[str, list[str]]] = {"all": ["pushadmin/forms.css"]}

    # --- the list ---

    def list_visible(self, request: HttpRequest) -> QuerySet[Any]:
        """With how many campaigns, of those whom the user sees, use each."""
        seen = Campaign.objects.for_user(request.user).filter(scenario=OuterRef("pk"))
        used = seen.order_by().values("scenario").annotate(count=Count("pk"))
        count = Coalesce(Subquery(used.values("count")), 0)
        return super().list_visible(request).annotate(use_count=count)

    @admin.display(description=gettext_lazy("steps"))
    def show_steps(self, scenario: Scenario) -> str:
        return " → ".join(str(NAMES.get(step["channel"], "")) for step in scenario.steps)

    @display(description=gettext_lazy("state"), label={"default": "info", "archived": "warning"})
    def show_state(self, scenario: Scenario) -> tuple[str, str]:
        if scenario.archived_at:
            return "archived", _("Archived")
        return ("default", _("Default")) if scenario.is_default else ("", "")

    @admin.display(description=gettext_lazy("campaigns"), ordering="use_count")
    def show_use(self, scenario: Scenario) -> int:
        return int(scenario.use_count)  # type: ignore[attr-defined]  # annotated

    # --- one scenario ---

    def list_facts(self, request: HttpRequest, row: Scenario) -> list[Fact]:
        facts = [Fact(_("Key"), row.key, is_code=True)]
        if row.is_default:
            facts.append(Fact(_("State"), _("Default"), chip="info"))
        if row.archived_at:
            facts.append(Fact(_("State"), _("Archived"), chip="warn"))
        prices = [step["price"] for step in row.steps]
        if all(prices):
            most = str(sum(map(Decimal, prices)))
            facts.append(Fact(_("Who gets every step costs"), most))
        return facts + self.list_ways(request, row)

    def list_verbs(self, request: HttpRequest, row: Scenario) -> list[Verb]:
        archive, restore = self.verbs
        offered = [restore if row.archived_at else archive]
        return offered if self.has_change_permission(request, row) else []

    def archive(self, request: HttpRequest, row: Scenario) -> None:
        archive_scenario(row, actor=name_actor(request.user), now=timezone.now())
        messages.success(request, _("The scenario is archived; nobody can choose it."))

    def restore(self, request: HttpRequest, row: Scenario) -> None:
        restore_scenario(row, actor=name_actor(request.user), now=timezone.now())
        messages.success(request, _("The scenario can be chosen again."))

    def list_ways(self, request: HttpRequest, row: Scenario) -> list[Fact]:
        """By which accounts each text leaves, of apps that the user sees."""
        routes = Route.objects.for_user(request.user).filter(app__workspace=row.workspace_id)
        facts = []
        for channel in dict.fromkeys(step["channel"] for step in row.steps):
            if channel == PUSH:
                continue
            label = _("%(channel)s leaves by") % {"channel": NAMES[channel]}
            ways = routes.filter(platform=channel).select_related("account", "app")
            named = [f"{way.account} ({way.app})" for way in ways[:MOST_SHOWN]]
            missing = _("no route yet: add one on an app's page")
            text = ", ".join(named) or missing
            facts.append(Fact(label, text, chip="" if named else "warn"))
        return facts

    def draw_panel(self, request: HttpRequest, row: Scenario) -> dict[str, Any]:
        """With the campaigns that use it, the last ones first."""
        used = Campaign.objects.for_user(request.user).filter(scenario=row).order_by("-pk")
        return {
            **super().draw_panel(request, row),
            "template": "staff/scenario_use.html",
            "campaigns": used[:MOST_SHOWN],
            "steps": [self.describe_step(request, step) for step in row.steps],
        }

    def describe_step(self, request: HttpRequest, step: Any) -> dict[str, str]:
        """A step for who may only look at it."""
        sender = step["sender"]
        if step["channel"] == PUSH and sender.isdecimal():
            app = App.objects.for_user(request.user).filter(pk=int(sender)).first()
            sender = str(app or sender)
        return {**step, "channel": str(NAMES[step["channel"]]), "sender": sender}

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        kwargs["fields"] = ScenarioForm.Meta.fields  # the rest is saved by the service
        form = super().get_form(request, obj, change, **kwargs)
        return type("WorkspaceScenarioForm", (form,), {"apps": self.list_choices(App, request)})

    def save_model(self, request: HttpRequest, obj: Scenario, form: Any, change: bool) -> None:
        values = form.read_values()
        who: Any = {"actor": name_actor(request.user), "now": timezone.now()}
        if change:
            update_scenario(obj, values, version=form.version, **who)
        else:
            obj.pk = create_scenario(obj.workspace, values, **who).pk

    def delete_model(self, request: HttpRequest, obj: Scenario) -> None:
        delete_scenario(obj, actor=name_actor(request.user), now=timezone.now())
