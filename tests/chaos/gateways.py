"""What the simulator's gateways have taken, held against our books."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any

from campaigns.dispatch.fan_out import LEAST_FLUSH
from campaigns.models.packing import unpack_ids
from providers.contract import Dialect
from tests.chaos.count import Count, compare
from tests.chaos.machine import Machine
from tests.installation import wait_for
from tests.vendor_cases.accounts import (
    GATEWAYS,
    load_own_data,
    make_device_token,
    name_taken,
)

Taken = list[dict[str, Any]]  # journal lines, oldest first
ENDS = """
    SELECT delivery.outcome, delivery.reason, count(*)
    FROM campaigns_delivery AS delivery
    JOIN campaigns_part AS part ON part.id = delivery.part_id
    WHERE part.transfer_id = ? GROUP BY delivery.outcome, delivery.reason
"""
# Fan-outs that ended with their worker, each with the window that it had committed last.
STRUCK = """
    SELECT attempt.first, attempt.last
    FROM campaigns_attempt AS attempt
    JOIN campaigns_batch AS batch ON batch.id = attempt.batch_id
    WHERE batch.transfer_id = ? AND attempt.outcome = 'unknown' AND attempt.first <= attempt.last
"""
# Fan-outs that ended by themselves, and whom each left without an answer.
UNANSWERED = """
    SELECT attempt.doubts
    FROM campaigns_attempt AS attempt
    JOIN campaigns_batch AS batch ON batch.id = attempt.batch_id
    WHERE batch.transfer_id = ? AND attempt.outcome = 'unknown' AND attempt.first > attempt.last
"""
DISABLED = "SELECT count(*) FROM campaigns_device WHERE app_id = ? AND token_state <> 'active'"


def name_dialect(dialect: Dialect) -> str:
    return dialect.key


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


def list_struck(machine: Machine, transfer: int) -> list[int]:
    """Of each fan-out that a worker died of, how many calls may have been on their way."""
    return [last - first + 1 for first, last in machine.ask(STRUCK, transfer)]


def count_unanswered(machine: Machine, transfer: int) -> int:
    """How many calls had no answer within the seconds that one may take, on a busy machine or from
    a bad gateway: once for each pass that left them so."""
    return sum(len(unpack_ids(doubts)) for (doubts,) in machine.ask(UNANSWERED, transfer))


def find_busy(dialect: Dialect) -> str:
    """Whom a 429 of a gateway concerns: the account, a service or a device."""
    return str(load_own_data(dialect).get("busy", "account"))


def read_taken(machine: Machine, dialect: Dialect) -> Taken:
    """Every send that a gateway has accepted, each on disk before it was answered."""
    path = machine.folder / "simulator.gateways.jsonl"
    text = path.read_text() if path.exists() else ""
    whole = text[: text.rfind("\n") + 1]  # of the last one perhaps a half is there yet
    taken = [json.loads(line) for line in whole.splitlines()]
    return [line for line in taken if line["gateway"] == dialect.key]


def list_moments(
    machine: Machine, dialect: Dialect, recipients: range | None = None
) -> list[float]:
    """When each send was accepted, in seconds, oldest first; to these numbers or to everybody."""
    numbers = recipients or ()
    names = {name_taken(dialect, machine.gateway_url, number) for number in numbers}
    taken = read_taken(machine, dialect)
    chosen = [line for line in taken if not names or line["recipient"] in names]
    return sorted(datetime.fromisoformat(line["at"]).timestamp() for line in chosen)


def find_silence(moments: Sequence[float], until: float | None = None) -> float:
    """The longest time without a send; the last one goes on to `until`."""
    ends = [*moments, until] if until is not None else list(moments)
    return max((later - earlier for earlier, later in pairwise(ends)), default=0.0)


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


def count_ends(machine: Machine, transfer: int) -> dict[str, int]:
    """How many recipients ended how, with the reason where there is one."""
    rows = machine.ask(ENDS, transfer)
    return {f"{outcome} {reason}".strip(): count for outcome, reason, count in rows}


def count_disabled(machine: Machine, app: int) -> int:
    found: int = machine.ask(DISABLED, app)[0][0]
    return found


def list_changed_keys(machine: Machine, dialect: Dialect) -> list[str]:
    """Recipients whose second notification would not replace the first: its key is another."""
    keys: dict[str, set[str]] = {}
    for line in read_taken(machine, dialect):
        keys.setdefault(line["recipient"], set()).add(line["key"])
    return [recipient for recipient, found in keys.items() if len(found) > 1 or "" in found]


def wait_for_pause(machine: Machine, transfer: int) -> None:
    """Until a person is asked, and nothing is held by a worker any more."""
    wait_for("a pause", partial(_is_paused, machine, transfer))
    leased = "SELECT id FROM campaigns_batch WHERE transfer_id = ? AND state = 'leased'"
    wait_for("what is in flight", lambda: not machine.ask(leased, transfer))


def _is_paused(machine: Machine, transfer: int) -> bool:
    query = "SELECT status FROM campaigns_transfer WHERE id = ?"
    return bool(machine.ask(query, transfer)[0][0] == "paused")
