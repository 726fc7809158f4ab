"""Texts and failover scenarios at a simulated vendor."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from providers.commands import Accepted, AcceptedMany
from providers.outcomes import Refusal, RefusalKind
from providers.scenarios import (
    FetchScenario,
    ListScenarios,
    SaveScenario,
    ScenarioRow,
    ScenarioRows,
    SendByScenario,
    SendText,
    SendTexts,
    Step,
)
from providers.simulator.memory import Acts, Memory, Visitor
from providers.simulator.rows import Row
from providers.simulator.sends import Sending, send

SHELF = "scenario"


def _save(memory: Memory, visitor: Visitor, command: SaveScenario) -> ScenarioRow:
    shelf = visitor.name_shelf(SHELF)
    if command.id:
        _find(memory, visitor, command.id)
    name = command.id or secrets.token_hex(16).upper()
    rows: dict[str, Row | None] = {}
    if command.is_default:  # there is one
        known = memory.rows.list(shelf).items()
        rows = {key: {**row, "is_default": False} for key, row in known if row["is_default"]}
    rows[name] = {
        "name": command.name,
        "is_default": command.is_default,
        "steps": [[step.channel, step.sender, step.wait] for step in command.steps],
    }
    memory.rows.change(shelf, rows)
    return _show(name, memory.rows.list(shelf)[name])


def _find(memory: Memory, visitor: Visitor, name: str) -> ScenarioRow:
    row = memory.rows.find(visitor.name_shelf(SHELF), name)
    if row is None:
        raise Refusal(RefusalKind.NOT_FOUND, f"There is no scenario {name}.")
    return _show(name, row)


def _show(name: str, row: Row) -> ScenarioRow:
    steps: list[list[Any]] = row["steps"]
    return ScenarioRow(
        id=name,
        name=row["name"],
        steps=tuple(Step(channel, sender, wait) for channel, sender, wait in steps),
        is_default=row["is_default"],
    )


def _fetch(memory: Memory, visitor: Visitor, command: FetchScenario) -> ScenarioRow:
    return _find(memory, visitor, command.id)


def _list(memory: Memory, visitor: Visitor, command: ListScenarios) -> ScenarioRows:
    rows = [
        _show(name, row)
        for name, row in memory.rows.list(visitor.name_shelf(SHELF)).items()
        if command.is_default in (None, row["is_default"])
    ]
    start = command.page * command.limit
    return ScenarioRows(tuple(rows[start : start + command.limit]))


def _send_text(memory: Memory, visitor: Visitor, command: SendText) -> Accepted:
    sending = Sending(channel=command.channel.value, text=command.message.text)
    return send(memory, visitor, command.push, sending)


def _send_texts(memory: Memory, visitor: Visitor, command: SendTexts) -> AcceptedMany:
    entries: list[Accepted | Refusal] = []
    for text in command.texts:
        sending = Sending(
            channel=text.channel.value, text=text.message.text, reference=command.client_key
        )
        try:
            entries.append(send(memory, visitor, text.push, sending))
        except Refusal as refusal:
            entries.append(refusal)
    return AcceptedMany(entries=tuple(entries), client_key=command.client_key)


def _send_by_scenario(memory: Memory, visitor: Visitor, command: SendByScenario) -> Accepted:
    """Goes out by the first step of the scenario; whom that does not reach by a later one."""
    scenario = _find_wanted(memory, visitor, command.scenario)
    first, *later = [step.channel for step in scenario.steps]
    text = command.texts[first].text if first in command.texts else ""
    failover = _find_failover(command, later)
    return send(memory, visitor, command.push, Sending(channel=first, text=text, failover=failover))


def _find_failover(command: SendByScenario, later: Sequence[str]) -> dict[str, str]:
    """By a target's id the first later channel for which it has an address and there is a text."""
    ids = [
        number
        for part in command.push.parts
        for targets in part.targets
        for number in targets.references or targets.ids
    ]
    found = {}
    for number, addresses in zip(ids, command.addresses, strict=False):
        usable = (name for name in later if name in addresses and name in command.texts)
        channel = next(usable, "")
        if number and channel:
            found[number] = channel
    return found


def _find_wanted(memory: Memory, visitor: Visitor, name: str) -> ScenarioRow:
    if name:
        return _find(memory, visitor, name)
    for key, row in memory.rows.list(visitor.name_shelf(SHELF)).items():
        if row["is_default"]:
            return _show(key, row)
    raise Refusal(RefusalKind.NOT_FOUND, "There is no default scenario.")


ACTS: Acts = {
    SaveScenario: _save,
    FetchScenario: _fetch,
    ListScenarios: _list,
    SendText: _send_text,
    SendTexts: _send_texts,
    SendByScenario: _send_by_scenario,
}
