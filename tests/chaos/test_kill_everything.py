"""`kill -9` on every process in the middle of a send: after a restart it finishes and adds up.

The short form kills once; PUSHADMIN_CHAOS=full kills twenty times.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.installation import Installation, wait_for

KILLS = 20 if os.environ.get("PUSHADMIN_CHAOS") == "full" else 1
OUTCOMES = ("sent", "failed", "skipped", "expired", "cancelled", "unknown", "pending")


@pytest.fixture
def installation(tmp_path: Path, demo: Path) -> Iterator[Installation]:
    running = Installation(tmp_path)
    running.take_demo(demo)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def launch(installation: Installation, key: dict[str, Any]) -> int:
    body = {
        "name": "Through a crash",
        "app": "shoply",
        "audience": {"all": True},
        "message": {"title": "Still here", "body": "Every one of you, once"},
        "rate": 1000 // KILLS if KILLS > 1 else 1000,
    }
    campaign = installation.call(key, "POST", "campaigns/", json=body)
    installation.call(key, "POST", f"campaigns/{campaign['id']}/launch/")
    return int(campaign["id"])


def count_accepted(installation: Installation, earlier: int) -> Counter[str]:
    """How often each recipient was accepted by the sandbox in this campaign."""
    sends = [line for line in installation.read_journal() if line["event"] == "send"]
    return Counter(
        recipient
        for line in sends[earlier:]
        for _platform, recipients, *_more in line["stretches"]
        for place, recipient in enumerate(recipients)
        if place not in line["refused"]
    )


def test_a_send_survives_the_death_of_every_process(installation, capsys):
    key = installation.issue_key()
    earlier = len([line for line in installation.read_journal() if line["event"] == "send"])
    campaign = launch(installation, key)

    def look() -> dict[str, Any]:
        return installation.call(key, "GET", f"campaigns/{campaign}/")

    def has_passed(reached: int) -> bool:
        now = look()
        return now["counters"]["sent"] > reached or now["status"] == "sent"

    reached = 0
    for _ in range(KILLS):
        wait_for("progress", partial(has_passed, reached))
        reached = look()["counters"]["sent"]
        installation.kill_everything()
        installation.start()
    unfinished = look()["counters"]["pending"]
    final = wait_for("the end", lambda: (now := look())["status"] == "sent" and now, 180)

    counters = final["counters"]
    accepted = count_accepted(installation, earlier)
    twice = sum(1 for times in accepted.values() if times > 1)
    with capsys.disabled():
        print(
            f"\n{KILLS} x kill -9 on everything: {counters['audience']} recipients, "
            f"{unfinished} pending after the last kill, {counters['sent']} sent, {twice} twice"
        )
    assert unfinished > 0 or KILLS > 1, "the send was over before it was killed"
    assert counters["audience"] == sum(counters[outcome] for outcome in OUTCOMES)
    assert counters["pending"] == 0
    assert len(accepted) == counters["sent"]  # nobody is lost, nobody is made up
    assert twice == 0  # the sandbox knows a call by its key
    assert "0 faults" in installation.manage("verify")
