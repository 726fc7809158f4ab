"""Failover scenarios: which channels are tried in which order (seed section "Create OMNI
Scenario", wire facts, section 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from providers.inbound import Call, Reply
from providers.scenarios import (
    FetchScenario,
    ListScenarios,
    SaveScenario,
    ScenarioRow,
    ScenarioRows,
    Step,
)

from .wire_reports import read_limit
from .wire_values import Block, read_body, read_query_text, refuse

SCENARIOS_PATH, SCENARIO_PATH = "omni/1/scenarios", "omni/1/scenarios/{key}"
CHANNELS = ("SMS", "EMAIL", "VOICE", "PUSH", "VIBER", "LINE", "VKONTAKTE", "KAKAO_CHINGU",
            "KAKAO_ALIM", "WHATSAPP")  # fmt: skip
MAX_FLOW, MAX_LIMIT = 10, 100


def write_scenario(row: ScenarioRow) -> dict[str, Any]:
    return {"key": row.id, **_write_flow(row.steps, row.name, is_default=row.is_default)}


def read_scenario(body: Any) -> ScenarioRow:
    """Raises KeyError and the like. The sample of creation has no key, every other one has."""
    return ScenarioRow(
        id=str(body["key"]),
        name=str(body.get("name") or ""),
        steps=tuple(Step(str(item["channel"]).lower(), str(item["from"])) for item in body["flow"]),
        is_default=bool(body.get("default")),
    )


def write_save(command: SaveScenario) -> dict[str, Any]:
    return _write_flow(command.steps, command.name, is_default=command.is_default)


def _write_flow(steps: Sequence[Step], name: str, *, is_default: bool) -> dict[str, Any]:
    flow = [{"from": step.sender, "channel": step.channel.upper()} for step in steps]
    return {"name": name, "flow": flow, "default": is_default}


def read_create(call: Call) -> SaveScenario:
    """The old SDK calls the flag `defaultScenario`."""
    body = read_body(call.body)
    flow = body.take_blocks("flow")
    if len(flow) > MAX_FLOW:
        raise refuse("flow", f"holds more than {MAX_FLOW} steps")
    is_default = body.find_flag("default")
    if is_default is None:
        is_default = body.find_flag("defaultScenario")
    return SaveScenario(
        steps=tuple(_read_step(item) for item in flow),
        name=body.find_text("name", 255, 0) or "",
        is_default=bool(is_default),
    )


def _read_step(item: Block) -> Step:
    channel = item.find_choice("channel", CHANNELS)
    if channel is None:
        raise refuse(item.at("channel"), "must not be null")
    return Step(channel.lower(), item.find_text("from", 255) or "")


def read_update(call: Call) -> SaveScenario:
    return replace(read_create(call), id=call.path["key"])


def read_fetch(call: Call) -> FetchScenario:
    return FetchScenario(call.path["key"])


def read_list(call: Call) -> ListScenarios:
    default = read_query_text(call.query, "isDefault", 10).lower()
    page = read_query_text(call.query, "page", 9)
    if page and not (page.isascii() and page.isdigit()):
        raise refuse("page", "must be a whole number")
    return ListScenarios(
        page=int(page or 0),
        limit=read_limit(call, MAX_LIMIT, MAX_LIMIT),
        is_default={"true": True, "false": False}.get(default),
    )


def write_list_query(command: ListScenarios) -> dict[str, str]:
    query = {"page": str(command.page), "limit": str(command.limit)}
    if command.is_default is not None:
        query["isDefault"] = str(command.is_default).lower()
    return query


def write_created(row: ScenarioRow, call: Call) -> Reply:
    return Reply(201, write_scenario(row))


def write_found(row: ScenarioRow, call: Call) -> Reply:
    return Reply(200, write_scenario(row))


def write_scenarios(rows: ScenarioRows, call: Call) -> Reply:
    return Reply(200, {"scenarios": [write_scenario(row) for row in rows.rows]})


def read_scenarios(body: Any) -> ScenarioRows:
    return ScenarioRows(tuple(read_scenario(item) for item in body["scenarios"]))
