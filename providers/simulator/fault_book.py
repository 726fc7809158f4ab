"""The plan that holds now and the faults that were given, both in the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from providers.simulator.journal import Journal
from providers.simulator.plan import FaultPlan, GivenFault, read_plan


class FaultBook:
    """A killed process goes on with its plan; one that was told to stop has none afterwards."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.plan = FaultPlan()
        self.given: Counter[str] = Counter()

    def change(self, plan: FaultPlan) -> None:
        """From now on `plan` holds."""
        with self.journal.lock:
            self.journal.append("plan", {"plan": plan.write()})
            self.plan = plan

    def note(self, given: GivenFault, client_key: str, *, is_accepted: bool | None) -> None:
        """Write down that a call suffers a fault, and whether it was accepted (None: no send)."""
        values = {
            "fault": given.name,
            "rule": given.place,
            "count": given.count,
            "until": _write_moment(given.until),
            "call": given.seen.number,
            "dialect": given.seen.dialect,
            "on": given.seen.kind.value,
            "client_key": client_key,
            "accepted": is_accepted,
        }
        with self.journal.lock:
            self.given[given.name] += 1
            self.journal.append("fault", values)

    def apply(self, line: Mapping[str, Any]) -> None:
        """Remember a line that an earlier process has written."""
        match line["event"]:
            case "plan":
                self.plan = read_plan(line["plan"])
                for place, (count, given, until) in enumerate(line.get("tallies", ())):
                    self.plan.resume(place, count, _read_moment(until), given=given)
            case "stop":
                self.plan = FaultPlan()
            case "faults":
                self.given.update(line["given"])
            case "fault":
                self.given[line["fault"]] += 1
                self.plan.resume(line["rule"], line["count"], _read_moment(line["until"]))

    def list_lines(self) -> Iterator[dict[str, Any]]:
        """All of it, as journal lines."""
        yield {"event": "faults", "given": self.given}
        tallies = [
            (tally.count, tally.given, _write_moment(tally.until)) for tally in self.plan.tallies
        ]
        yield {"event": "plan", "plan": self.plan.write(), "tallies": tallies}

    def stop(self) -> None:
        """An ordered end: the next process begins without faults."""
        if self.plan.rules:
            self.journal.append("stop", {})


def _write_moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _read_moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
