"""The flush of a fan-out in which everybody was sent to, as one statement of PostgreSQL.

It is what `windows.move_window` does, without a round trip for each of its steps: these would take
longer than the calls that they settle.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection

from campaigns.dispatch.books import Member
from campaigns.dispatch.claim import Lease, find_lease_end
from campaigns.dispatch.settle import LeaseLost
from campaigns.models import Attempt, Transfer
from campaigns.selectors.limits import ALL_APPS, LONGEST_BLOCK

FLUSH = """
WITH held AS (
    UPDATE campaigns_batch
    SET settled = settled + %(count)s, lease_until = %(lease_end)s, attempts = 0
    WHERE id = %(batch)s AND fence = %(fence)s AND state = 'leased' RETURNING transfer_id
), going AS (
    SELECT transfer.status = %(sending)s AND NOT EXISTS (
        SELECT 1 FROM campaigns_throttle
        WHERE account_id = %(account)s AND app_id IN (%(all_apps)s, %(app)s)
          AND blocked_until > %(now)s AND blocked_until <= %(block_end)s
    ) AS on
    FROM held JOIN campaigns_transfer AS transfer ON transfer.id = held.transfer_id
), settled AS (
    INSERT INTO campaigns_delivery
        (part_id, recipient, attempt_id, at, cohort_id, account_id, outcome, reason)
    SELECT %(part)s, one.recipient, %(attempt)s, %(now)s, one.cohort, %(account)s, 'sent', ''
    FROM going, unnest(%(recipients)s::bigint[], %(cohorts)s::int[]) AS one (recipient, cohort)
), counted AS (
    INSERT INTO campaigns_counter AS counter
        (part_id, platform, account_id, outcome, reason, count)
    SELECT %(part)s, %(platform)s, %(account)s, 'sent', '', %(count)s FROM going
    ON CONFLICT (part_id, platform, account_id, outcome, reason)
        DO UPDATE SET count = counter.count + excluded.count
), timed AS (
    INSERT INTO campaigns_sendminute AS minute (part_id, minute, count)
    SELECT %(part)s, %(minute)s, %(count)s FROM going
    ON CONFLICT (part_id, minute) DO UPDATE SET count = minute.count + excluded.count
), moved AS (
    UPDATE campaigns_attempt
    SET first = %(first)s, last = CASE WHEN going.on THEN %(last)s ELSE %(halt)s END
    FROM going WHERE id = %(attempt)s
)
SELECT going.on FROM going
"""


def can_flush_quickly() -> bool:
    """Whether this database has statements that change several tables."""
    return connection.vendor == "postgresql"


def flush_sent(
    lease: Lease,
    attempt: Attempt,
    sent: Sequence[Member],
    window: tuple[int, int, int],
    now: datetime,
) -> bool | None:
    """Settle who was sent to and move the window on, if nobody wants the sending to stop.

    `window` is its first place, the last one, and the last one that has been written: that stands
    when it is to stop. Gives whether it goes on; None where it has to be done step by step. Raises
    LeaseLost.
    """
    batch, (first, last, halt) = lease.batch, window
    recipients, cohorts = zip(*sent, strict=True)
    values: dict[str, Any] = {
        "count": len(sent),
        "lease_end": find_lease_end(now),
        "batch": batch.pk,
        "fence": batch.fence,
        "sending": Transfer.Status.SENDING.value,
        "account": attempt.account_id,
        "all_apps": ALL_APPS,
        "app": batch.app_id,
        "now": now,
        "block_end": now + LONGEST_BLOCK,
        "part": batch.part_id,
        "attempt": attempt.pk,
        "recipients": _write_array(recipients),
        "cohorts": _write_array(cohorts),
        "platform": batch.platform,
        "minute": now.replace(second=0, microsecond=0),
        "first": first,
        "last": last,
        "halt": halt,
    }
    try:
        with connection.cursor() as cursor:
            cursor.execute(FLUSH, values)
            row = cursor.fetchone()
    except IntegrityError:
        return None  # somebody has an outcome already: nothing was written
    if row is None:
        raise LeaseLost
    return bool(row[0])


def _write_array(numbers: Sequence[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"
