"""Failover scenarios that scripts keep through a dialect's door."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from campaigns.errors import Invalid, NotFound
from campaigns.models import ApiKey, Scenario
from campaigns.services.callers import Acts, Caller, find_app
from campaigns.services.scenarios import (
    DEFAULT_WAIT,
    ScenarioValues,
    create_scenario,
    update_scenario,
)
from providers.scenarios import (
    Channel,
    FetchScenario,
    ListScenarios,
    SaveScenario,
    ScenarioRow,
    ScenarioRows,
    Step,
)

Scope = ApiKey.Scope
MAX_KEY = 32


def _save_scenario(command: SaveScenario, caller: Caller) -> ScenarioRow:
    """Prices, and waits where the call gives none, stay as they were."""
    known = find_scenario(command.id, caller) if command.id else None
    _refuse_foreign_apps(command, caller)
    values = ScenarioValues(command.name, _write_steps(command, known), command.is_default)
    if known is None:
        made = create_scenario(caller.key.workspace, values, actor=caller.actor, now=caller.now)
        return _describe(made)
    return _describe(update_scenario(known, values, actor=caller.actor, now=caller.now))


def _write_steps(command: SaveScenario, known: Scenario | None) -> list[dict[str, object]]:
    kept = {step["channel"]: step for step in known.steps} if known else {}
    return [
        {
            "channel": step.channel,
            "sender": step.sender,
            "wait": step.wait or kept.get(step.channel, {}).get("wait") or DEFAULT_WAIT,
            "price": kept.get(step.channel, {}).get("price", ""),
        }
        for step in command.steps
    ]


def _refuse_foreign_apps(command: SaveScenario, caller: Caller) -> None:
    """The sender of a push is an app that the key reaches."""
    for number, step in enumerate(command.steps):
        if step.channel == Channel.PUSH:
            try:
                find_app(step.sender, caller)
            except NotFound as refusal:
                path = f"steps.{number}.sender"
                raise Invalid(refusal.message, fields={path: refusal.message}) from refusal


def find_scenario(key: str, caller: Caller) -> Scenario:
    """The scenario of that key in the caller's workspace; raises NotFound."""
    found = None
    if len(key) <= MAX_KEY and key.isascii() and key.isalnum():
        found = _list_own(caller).filter(key=key.upper()).first()
    if found is None:
        words = _("There is no such scenario.")
        raise NotFound(words, fields={"scenario": words}, subject=key)
    scenario: Scenario = found
    return scenario


def find_default(caller: Caller) -> Scenario:
    """The default scenario of the caller's workspace; raises NotFound."""
    found: Scenario | None = _list_own(caller).filter(is_default=True).first()
    if found is None:
        words = _("No scenario is the default one. Name one by its key.")
        raise NotFound(words, fields={"scenario": words})
    return found


def _list_own(caller: Caller) -> QuerySet[Scenario]:
    rows: QuerySet[Scenario] = Scenario.objects.for_user(caller.key)
    return rows.select_related("workspace").order_by("pk")


def _fetch_scenario(command: FetchScenario, caller: Caller) -> ScenarioRow:
    return _describe(find_scenario(command.id, caller))


def _list_scenarios(command: ListScenarios, caller: Caller) -> ScenarioRows:
    rows = _list_own(caller)
    if command.is_default is not None:
        rows = rows.filter(is_default=command.is_default)
    start = command.page * command.limit
    return ScenarioRows(tuple(_describe(row) for row in rows[start : start + command.limit]))


def _describe(scenario: Scenario) -> ScenarioRow:
    return ScenarioRow(
        id=scenario.key,
        name=scenario.name,
        steps=tuple(Step(step["channel"], step["sender"], step["wait"]) for step in scenario.steps),
        is_default=scenario.is_default,
    )


ACTS: Acts = {
    SaveScenario: (Scope.COMPOSE, _save_scenario),
    FetchScenario: (Scope.READ, _fetch_scenario),
    ListScenarios: (Scope.READ, _list_scenarios),
}
