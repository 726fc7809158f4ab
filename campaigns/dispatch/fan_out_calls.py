"""What a fan-out sends: every call of a batch, encoded before the first of them is written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from campaigns.dispatch import outbound, settle
from campaigns.dispatch.addresses import Addressed
from campaigns.dispatch.claim import Lease
from campaigns.models import Attempt
from campaigns.models.packing import unpack_ids
from providers.outbound import DeviceCall, DeviceCalls
from providers.outcomes import Result

Clock = Callable[[], datetime]


@dataclass(slots=True)
class Start:
    """What a fan-out begins with: who is addressed, who is left out, the one that was left open
    and whom that may have reached."""

    lease: Lease
    addressed: Addressed
    skipped: settle.Verdicts
    key: str
    repeats: Attempt | None = None
    doubts: frozenset[int] = frozenset()


@dataclass(slots=True)
class Ready:
    """A fan-out of which every call is encoded: calls by the place of their recipient in the
    batch, and results of those for whom there is nothing to be called."""

    calls: DeviceCalls
    queue: list[tuple[int, DeviceCall]] = field(default_factory=list)
    settled: list[Result] = field(default_factory=list)


def prepare(lease: Lease, addressed: Addressed, key: str, clock: Clock) -> Ready:
    """Connect and encode every call. Raises Failure."""
    client = outbound.connect_way(lease.find_way())
    group = str(lease.transfer.group.name)
    push = outbound.write_push(lease, addressed, group, key, clock())
    ready = Ready(client.write_calls(push))
    places = {one: place for place, one in enumerate(unpack_ids(lease.batch.recipients))}
    for index, member in enumerate(addressed.members):
        call = ready.calls.write(index)
        if isinstance(call, DeviceCall):
            ready.queue.append((places[member[0]], call))
        else:
            ready.settled.append(call)
    ready.queue.sort(key=_read_place)  # recipients with the same text stand side by side
    return ready


def _read_place(entry: tuple[int, DeviceCall]) -> int:
    return entry[0]
