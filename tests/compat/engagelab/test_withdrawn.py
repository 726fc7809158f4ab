"""What came in by this door and has left for the vendor is withdrawn there, too."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.dispatch.engine import drain
from campaigns.dispatch.verify import check_books
from campaigns.models import App, Attempt, Route
from campaigns.selectors.recalls import list_recalls
from campaigns.selectors.status import count_transfers
from providers.simulator import Simulator
from tests.campaigns.dispatch.test_receipts import lead_to
from tests.compat.engagelab.conftest import read_error
from tests.compat.engagelab.test_door import PUSH
from tests.vendor_cases.conftest import simulator

__all__ = ["simulator"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.mark.usefixtures("phones")
def test_a_sent_message_is_withdrawn_at_the_vendor_and_stays_counted_as_sent(
    script: Any, app: App, simulator: Simulator, settings: Any
) -> None:
    lead_to("engagelab", app, simulator, settings)
    Route.objects.update(options={})
    message = script("POST", "v4/push", PUSH).json()["msg_id"]
    drain()

    first = script("DELETE", f"v4/push/withdraw/{message}")
    again = script("DELETE", f"v4/push/withdraw/{message}")
    drain()

    attempt = Attempt.objects.get()
    transfer = attempt.batch.transfer
    [row] = list_recalls(transfer)
    assert (first.status_code, first.json()) == (200, {"msg_id": message})
    assert read_error(again) == (400, 21003)
    assert (attempt.recalled, transfer.status) == ("asked", "sent")
    assert (row.calls, row.left, row.seconds) == ({"asked": 1}, 2, 86_400)
    assert count_transfers([transfer.pk])[transfer.pk].sent == 2
    assert [bool(one.recalled_at) for one in simulator.vendor.transfers.values()] == [True]
    assert check_books().faults == []
