"""Four worker processes that claim for two apps at one instant, through two accounts that the apps
prefer in opposite order, on the database of DATABASE_URL.

Prints one JSON line: every claim with its moments, and what the database holds afterwards.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

import django

WORKERS = 4
SECONDS = 60  # at most; a worker ends when the quotas are used up
CALL_SECONDS = 0.03
QUOTA, CAP, CALLS_PER_SECOND = 25, 2, 20
BATCHES = 40  # of each app: more than both quotas allow


def main() -> dict[str, Any]:
    from campaigns.models import Account, Route, Throttle
    from tests import builders

    workspace = builders.make_workspace()
    limits = {"requests_per_day": QUOTA, "in_flight": CAP, "requests_per_second": CALLS_PER_SECOND}
    accounts = [
        Account.objects.create(workspace=workspace, name=name, dialect="sandbox", limits=limits)
        for name in ("one", "two")
    ]
    for slug, order in (("first", accounts), ("second", accounts[::-1])):
        app = builders.make_app(workspace, slug)
        for position, account in enumerate(order):
            Route.objects.create(app=app, platform="android", account=account, position=position)
        fill(app)
    command = [sys.executable, "-m", "tests.campaigns.pacers", str(time.time() + 4)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(WORKERS)]
    claims = [json.loads(process.communicate(timeout=300)[0]) for process in running]
    assert [process.returncode for process in running] == [0] * WORKERS
    used = Throttle.objects.filter(app_id=0).order_by("account_id")
    return {"claims": claims, "used": list(used.values_list("day_used", flat=True))}


def fill(app: Any) -> None:
    """A transfer of the app that is frozen and owes as many batches as are to be claimed."""
    from campaigns.dispatch.plan import NewPart, NewTransfer, create_transfer
    from campaigns.models import Batch, Group, Message, Transfer
    from campaigns.models.packing import pack_cohorts, pack_ids

    now = datetime.now(UTC)
    part = NewPart(Message.objects.create(app=app, content={"title": "Hi", "body": "There"}))
    plan = NewTransfer(app=app, group=Group.objects.get(app=app), parts=(part,))
    transfer = create_transfer(plan, actor="test", now=now)
    Transfer.objects.filter(pk=transfer.pk).update(frozen_at=now, status="sending")
    Batch.objects.bulk_create(
        Batch(
            part=transfer.parts.get(), transfer=transfer, app=app, platform="android", count=1,
            recipients=pack_ids([number + 1]), cohorts=pack_cohorts([0]), due_at=now,
        )
        for number in range(BATCHES)
    )  # fmt: skip


def claim_until_used_up(begin: float) -> list[tuple[int, float, float]]:
    """Account, beginning and end of each call that this process made."""
    from campaigns.dispatch import pace
    from campaigns.dispatch.claim import claim_batch
    from campaigns.dispatch.engine import read_clock
    from campaigns.models import Batch, Throttle, Transfer

    time.sleep(max(0.0, begin - time.time()))
    transfers = list(Transfer.objects.select_related("app", "group"))
    calls = []
    while time.time() < begin + SECONDS:
        used = Throttle.objects.filter(app_id=0, day_used__gte=QUOTA).count()
        if used == 2:
            return calls
        # Each begins with another app, as idle workers do that were served one after the other.
        transfers.reverse()
        with pace.keeping_order():
            leases = (claim_batch(transfer, read_clock()) for transfer in transfers)
            lease = next((lease for lease in leases if lease is not None), None)
        if lease is None:
            time.sleep(0.01)
            continue
        start = time.time()
        time.sleep(CALL_SECONDS)
        calls.append((lease.find_account().pk, start, time.time()))
        Batch.objects.filter(pk=lease.batch.pk).update(state="done")
    return calls


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushadmin.settings")
    django.setup()
    print(json.dumps(claim_until_used_up(float(sys.argv[1])) if sys.argv[1:] else main()))
