"""A device over whose call or answer a worker dies, among others in one fan-out (R16)."""

from __future__ import annotations

import json
from collections import Counter

from tests.chaos.conftest import BOTH, on
from tests.chaos.count import compare
from tests.chaos.test_poison import OUTCOMES, keep_working
from tests.chaos.vendors.brittle import BATCH, DEADLY_TO_READ, DEADLY_TO_WRITE

RECIPIENTS = 400


@on(*BOTH)
def test_a_deadly_device_ends_alone(gateways, tell):
    gateways.start_simulator()
    made = gateways.fill(dialect="brittle", recipients=RECIPIENTS, campaign={})

    deaths = keep_working(gateways, made["transfer"], 600)

    path = gateways.folder / "simulator.gateways.jsonl"
    taken = [json.loads(line)["recipient"] for line in path.read_text().splitlines()]
    count = compare(gateways, made["transfer"], Counter(taken))
    others = gateways.ask(OUTCOMES, made["transfer"])
    failed = [row for row in others if row[1] == "failed"]
    unknown = [token for token, outcome, _reason in others if outcome == "unknown"]
    tell(
        f"R16 {gateways.database.kind}, fan-outs: {RECIPIENTS} devices, one kills its worker when "
        f"its call is written, one when its answer is read: {deaths} deaths, {len(failed)} failed, "
        f"{count}"
    )
    assert [(outcome, reason) for _token, outcome, reason in failed] == [("failed", "ours")]
    assert DEADLY_TO_WRITE in failed[0][0]
    # Whose answer was never read may have been reached, and so may they who were called with it.
    assert any(DEADLY_TO_READ in token for token in unknown)
    assert len(unknown) <= BATCH
    assert len(others) == 1 + len(unknown)
    assert (count.lost, count.hidden) == (0, 0)
    assert count.doubled <= count.resent
    assert deaths > 0
    assert "0 faults" in gateways.manage("verify")
