"""One accepted call, as the simulated vendor remembers it and as a line of its journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from providers.commands import Fault, FaultKind
from providers.outcomes import Outcome, Reason, Result
from providers.simulator.behaviour import Behaviour


@dataclass(frozen=True, slots=True)
class Stretch:
    """Recipients of one platform: our references where the call had them, else the ids.

    `values` are the ids of a `kind` where `recipients` are something else; `names` are the
    caller's own ids for the single targets, `part` is the number of their part in the call.
    """

    platform: str
    recipients: tuple[str, ...]
    kind: str = ""
    values: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    part: int = 0

    def list_values(self) -> tuple[str, ...]:
        """The ids by which the vendor knows the recipients."""
        return self.values or self.recipients


@dataclass(frozen=True, slots=True)
class Quirk:
    """A fault of a transfer's receipts. `places` are those of the recipients it concerns."""

    name: str
    seconds: float
    places: frozenset[int]


@dataclass(frozen=True, slots=True)
class Place:
    """One recipient of a call. `name` is the caller's own id for it, or the vendor's."""

    index: int
    platform: str
    recipient: str
    kind: str
    value: str
    name: str
    part: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SentTransfer:
    """One accepted call. `refused` are places of recipients who were not sent to: because
    their token was unregistered, unless `excuses` says why. `is_again` says that a call of the
    same key had been accepted before.

    `audience` is what the call said of its recipients where it named none; the stretches are
    those whom the vendor found. `reference` names a call of several pushes. `recalled_at` is when
    the caller took it back. `failover` has by the caller's ids of targets the channel by which they
    are reached where they cannot be in the transfer's own.
    """

    id: int
    dialect: str
    account: str
    group: str
    tag: str
    client_key: str
    fingerprint: str
    at: datetime
    stretches: tuple[Stretch, ...]
    refused: frozenset[int]
    faults: tuple[Fault, ...]
    behaviour: Behaviour
    excuses: tuple[Result, ...] = ()
    quirks: tuple[Quirk, ...] = ()
    is_again: bool = False
    name: str = ""
    app: str = ""
    reference: str = ""
    channel: str = "push"
    kind: str = ""
    text: str = ""
    callback: Mapping[str, Any] | None = None
    audience: tuple[Mapping[str, Any], ...] = ()
    due_at: datetime | None = None
    recalled_at: datetime | None = None
    failover: Mapping[str, str] = field(default_factory=dict)

    @property
    def starts_at(self) -> datetime:
        """When the vendor begins to send."""
        return max(self.at, self.due_at) if self.due_at else self.at

    @property
    def sent_at(self) -> datetime:
        """When the vendor has sent the last of it."""
        return self.starts_at + timedelta(seconds=self.behaviour.sending_seconds)

    def was_withdrawn(self) -> bool:
        """Whether it was taken back before anybody got it."""
        return self.recalled_at is not None and self.recalled_at < self.starts_at

    def count_named(self) -> int:
        """How many recipients the call named, or meant."""
        return sum(len(stretch.recipients) for stretch in self.stretches)

    def list_named(self) -> Iterator[Place]:
        """Everybody whom the call named, or meant."""
        index = 0
        for stretch in self.stretches:
            values = stretch.list_values()
            for place, recipient in enumerate(stretch.recipients):
                name = stretch.names[place] if stretch.names else ""
                yield Place(
                    index,
                    stretch.platform,
                    recipient,
                    stretch.kind,
                    values[place],
                    name or f"{self.id}-{index}",
                    stretch.part,
                )
                index += 1

    def list_places(self) -> Iterator[tuple[int, str, str]]:
        """Place, platform and name of everybody who was really sent to."""
        if self.faults or self.was_withdrawn():
            return
        index = 0
        for stretch in self.stretches:
            for recipient in stretch.recipients:
                if index not in self.refused:
                    yield index, stretch.platform, recipient
                index += 1

    def list_recipients(self) -> Iterator[tuple[str, str]]:
        """Platform and recipient of everybody who was really sent to."""
        return ((platform, recipient) for _, platform, recipient in self.list_places())

    def list_results(self) -> Iterator[Result]:
        """What is to be said of those who were not sent to."""
        excuses = {result.index: result for result in self.excuses}
        for index in sorted(self.refused):
            yield excuses.get(index) or Result(
                index, Outcome.FAILED, Reason.TOKEN, "The token is not registered."
            )


_RARE = (
    *("excuses", "quirks", "is_again", "name", "app", "reference", "channel", "kind", "text"),
    *("callback", "audience", "due_at", "recalled_at", "failover"),
)


def write_transfer(transfer: SentTransfer) -> dict[str, Any]:
    """A transfer as a journal line; what it does not have is left out."""
    values = {name: getattr(transfer, name) for name in SentTransfer.__slots__}
    values.update(
        at=transfer.at.isoformat(),
        refused=sorted(transfer.refused),
        behaviour=asdict(transfer.behaviour),
        stretches=[_write_stretch(stretch) for stretch in transfer.stretches],
        faults=[asdict(fault) for fault in transfer.faults],
        excuses=[asdict(result) for result in transfer.excuses],
        quirks=[(item.name, item.seconds, sorted(item.places)) for item in transfer.quirks],
        due_at=_write_moment(transfer.due_at),
        recalled_at=_write_moment(transfer.recalled_at),
    )
    usual = {"channel": "push"}
    return {
        name: value
        for name, value in values.items()
        if name not in _RARE or (value and value != usual.get(name))
    }


def _write_stretch(stretch: Stretch) -> list[Any]:
    values: list[Any] = [getattr(stretch, name) for name in Stretch.__slots__]
    while len(values) > 2 and not values[-1]:
        values.pop()
    return values


def _write_moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def read_transfer(line: Mapping[str, Any]) -> SentTransfer:
    """The transfer that `write_transfer` wrote, in this version or an earlier one."""
    values = {name: line[name] for name in SentTransfer.__slots__ if name in line}
    values["at"] = datetime.fromisoformat(line["at"])
    for name in ("due_at", "recalled_at"):
        values[name] = datetime.fromisoformat(line[name]) if line.get(name) else None
    values["refused"] = frozenset(line["refused"])
    values["behaviour"] = Behaviour(**line["behaviour"])
    values["stretches"] = tuple(_read_stretch(*item) for item in line["stretches"])
    values["faults"] = tuple(
        Fault(**{**fault, "kind": FaultKind(fault["kind"])}) for fault in line["faults"]
    )
    values["excuses"] = tuple(_read_result(item) for item in line.get("excuses", ()))
    values["quirks"] = tuple(
        Quirk(name, seconds, frozenset(places)) for name, seconds, places in line.get("quirks", ())
    )
    values["audience"] = tuple(line.get("audience", ()))
    return SentTransfer(**values)


def _read_stretch(platform: str, recipients: list[str], kind: str = "", *others: Any) -> Stretch:
    values, names, part = (*others, *_NO_OTHERS[len(others) :])
    return Stretch(platform, tuple(recipients), kind, tuple(values), tuple(names), part)


_NO_OTHERS: tuple[Any, ...] = ((), (), 0)


def _read_result(item: Mapping[str, Any]) -> Result:
    known = {"outcome": Outcome(item["outcome"]), "reason": Reason(item["reason"])}
    return Result(**{**item, **known})
