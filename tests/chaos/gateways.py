"""What the simulator's gateways have taken, held against our books."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from campaigns.dispatch.fan_out import LEAST_FLUSH
from providers.contract import Dialect
from tests.chaos.count import Count, compare
from tests.chaos.machine import Machine
from tests.vendor_cases.accounts import GATEWAYS, make_device_token, name_taken

Taken = list[dict[str, Any]]  # journal lines, oldest first


def fill_gateways(
    machine: Machine, recipients: int, dialects: Sequence[Dialect] = GATEWAYS, **filling: Any
) -> list[tuple[Dialect, dict[str, Any]]]:
    """An app for each gateway, as `Filling`; gives what was made with its dialect."""
    made = machine.fill_all(
        *(
            {
                "slug": f"{dialect.key}-app",
                "dialect": dialect.key,
                "recipients": recipients,
                "campaign": {},
                **filling,
            }
            for dialect in dialects
        )
    )
    return list(zip(dialects, made, strict=True))


def find_window(dialect: Dialect, rate: int | None = None) -> int:
    """How many of a worker's calls may be in doubt when it dies: those in flight and those that
    no flush has settled yet. At a `rate` no batch is larger than a second's worth."""
    streams = dialect.limits.streams
    return min(streams + max(LEAST_FLUSH, streams), dialect.limits.batch_size, rate or streams * 2)


def read_taken(machine: Machine, dialect: Dialect) -> Taken:
    """Every send that a gateway has accepted, each on disk before it was answered."""
    path = machine.folder / "simulator.gateways.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    taken = [json.loads(line) for line in lines]
    return [line for line in taken if line["gateway"] == dialect.key]


def count_gateway(machine: Machine, dialect: Dialect, transfer: int) -> Count:
    """One transfer of a gateway's only app, which was filled by `fill_gateways`."""
    ((audience,),) = machine.ask("SELECT audience FROM campaigns_transfer WHERE id = ?", transfer)
    url = machine.gateway_url
    tokens = {
        name_taken(dialect, url, number): make_device_token(dialect, url, number)
        for number in range(audience)
    }
    taken = read_taken(machine, dialect)
    return compare(machine, transfer, Counter(tokens[line["recipient"]] for line in taken))


def list_changed_keys(machine: Machine, dialect: Dialect) -> list[str]:
    """Recipients whose second notification would not replace the first: its key is another."""
    keys: dict[str, set[str]] = {}
    for line in read_taken(machine, dialect):
        keys.setdefault(line["recipient"], set()).add(line["key"])
    return [recipient for recipient, found in keys.items() if len(found) > 1 or "" in found]
