"""Somebody with a key, who launches campaigns over HTTP and watches them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.installation import Installation, wait_for

OUTCOMES = ("sent", "failed", "skipped", "expired", "cancelled", "unknown", "pending")
TITLE = "A title that no broker may see"


@dataclass
class Operator:
    """Sends to the demo's app."""

    hosts: Installation
    key: dict[str, Any]

    def launch(self, audience: dict[str, Any] | None = None, rate: int | None = None) -> int:
        body = {
            "name": "Through a broker",
            "app": "shoply",
            "audience": audience or {"all": True},
            "message": {"title": TITLE, "body": "b"},
            "rate": rate,
        }
        campaign = self.hosts.call(self.key, "POST", "campaigns/", json=body)
        self.hosts.call(self.key, "POST", f"campaigns/{campaign['id']}/launch/")
        return int(campaign["id"])

    def look(self, campaign: int) -> dict[str, Any]:
        found: dict[str, Any] = self.hosts.call(self.key, "GET", f"campaigns/{campaign}/")
        return found

    def count_sent(self, campaign: int) -> int:
        return int(self.look(campaign)["counters"]["sent"])

    def await_sent(self, campaign: int, count: int) -> None:
        wait_for(f"{count} sent", lambda: self.count_sent(campaign) >= count)

    def await_end(self, campaign: int) -> dict[str, int]:
        """The counters of a campaign that has ended, and whose books are right."""
        end = wait_for("the end", lambda: (now := self.look(campaign))["status"] == "sent" and now)
        counters: dict[str, int] = end["counters"]
        assert counters["audience"] == sum(counters[outcome] for outcome in OUTCOMES)
        assert counters["pending"] == 0
        return counters

    def count_accepted(self, earlier: int = 0) -> list[int]:
        """How often each recipient was accepted by the sandbox after so many calls."""
        accepted = Counter(
            recipient
            for line in self.list_sends()[earlier:]
            for _platform, recipients, *_more in line["stretches"]
            for place, recipient in enumerate(recipients)
            if place not in line["refused"]
        )
        return list(accepted.values())

    def list_sends(self) -> list[dict[str, Any]]:
        return [line for line in self.hosts.read_journal() if line["event"] == "send"]
