"""The flush of a fan-out in which everybody was sent to, as one statement of PostgreSQL.

It is what `windows.move_window` does, without a round trip for each of its steps, and without
waiting: the statement is sent, and its answer read when it is there. Both together would take
longer than the calls that are settled.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from select import POLLIN, POLLOUT, poll
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection
from psycopg import ClientCursor, Error, errors
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from campaigns.dispatch.books import Member
from campaigns.dispatch.claim import Lease, find_lease_end
from campaigns.dispatch.deadlocks import redone_after_deadlock
from campaigns.dispatch.settle import LeaseLost
from campaigns.dispatch.windows import Reach
from campaigns.models import Attempt, Transfer
from campaigns.selectors.limits import ALL_APPS, LONGEST_BLOCK

# `timed` reads from `counted`, so the counter is locked before the minute, as the steps do it: in
# different orders two workers would wait for each other.
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
    RETURNING count
), timed AS (
    INSERT INTO campaigns_sendminute AS minute (part_id, minute, count)
    SELECT %(part)s, %(minute)s, %(count)s FROM counted
    ON CONFLICT (part_id, minute) DO UPDATE SET count = minute.count + excluded.count
), moved AS (
    UPDATE campaigns_attempt
    SET first = %(first)s, last = CASE WHEN going.on THEN %(last)s ELSE last END
    FROM going WHERE id = %(attempt)s
)
SELECT going.on FROM going
"""


def can_flush_quickly() -> bool:
    """Whether this database has statements that change several tables."""
    return connection.vendor == "postgresql"


class QuickFlush:
    """Settles who was sent to and moves the window on, if nobody wants the sending to stop.

    It is on its way once it is made; until `finish` nothing else may be asked of this thread's
    connection. Told to stop, the window keeps its end: `reach.last` is not committed then.
    """

    def __init__(
        self, lease: Lease, attempt: Attempt, sent: Sequence[Member], reach: Reach, now: datetime
    ) -> None:
        self.sent, self.reach, self.now = sent, reach, now
        self.values = _list_values(lease, attempt, sent, reach, now)
        self.is_sent = False
        self.until = 0.0  # by time.monotonic()
        self._send()

    def is_answered(self) -> bool:
        """Whether `finish` would not wait."""
        with connection.wrap_database_errors:
            server = _find_server()
            server.consume_input()
            return not server.is_busy()

    @redone_after_deadlock
    def finish(self) -> bool | None:
        """Wait for the commit; gives whether the sending goes on.

        None where it has to be done step by step: somebody has an outcome already, and nothing
        was written. Raises LeaseLost, and the database's errors; one of these where the database
        says nothing for as long as a lease lasts, for then the batch may be another's.
        """
        if not self.is_sent:
            self._send()
        self.is_sent = False
        try:
            with connection.wrap_database_errors:
                going = _read_going(_find_server(), self.until)
        except IntegrityError:
            return None
        if going is None:
            raise LeaseLost
        return going

    def abandon(self) -> None:
        """Let the database end it, or not: whoever asks next must not get its answer."""
        connection.close()

    def _send(self) -> None:
        connection.ensure_connection()
        with connection.wrap_database_errors:
            text = ClientCursor(connection.connection).mogrify(FLUSH, self.values)
            _find_server().send_query(text.encode())
        self.is_sent, self.until = True, time.monotonic() + settings.LEASE_SECONDS


def _find_server() -> PGconn:
    server: PGconn = connection.connection.pgconn
    return server


def _read_going(server: PGconn, until: float) -> bool | None:
    """The one field of the one row; None without a row. Raises psycopg's errors."""
    answer = None
    while (result := _take_result(server, until)) is not None:
        answer = result
    if answer is None or answer.status != ExecStatus.TUPLES_OK:
        raise _read_error(answer)
    return answer.get_value(0, 0) == b"t" if answer.ntuples else None


def _take_result(server: PGconn, until: float) -> PGresult | None:
    waiting = poll()  # `select` takes no number above 1,023, and hundreds of servers may be open
    while server.is_busy():
        left = until - time.monotonic()
        if left <= 0:
            raise errors.OperationalError("The database has not answered a flush in time.")
        # What the socket had no room for leaves bit by bit, and is not answered before it has.
        waiting.register(server.socket, POLLIN | POLLOUT if server.flush() else POLLIN)
        waiting.poll(1000 * left)
        server.consume_input()
    return server.get_result()


def _read_error(answer: PGresult | None) -> Error:
    """What psycopg would have raised."""
    state = answer.error_field(DiagnosticField.SQLSTATE) if answer else None
    if answer is None or state is None:
        return errors.OperationalError("The connection to the database was lost.")
    try:
        kind = errors.lookup(state.decode())
    except KeyError:
        kind = errors.DatabaseError
    return kind(answer.get_error_message())


def _list_values(
    lease: Lease, attempt: Attempt, sent: Sequence[Member], reach: Reach, now: datetime
) -> dict[str, Any]:
    batch = lease.batch
    recipients, cohorts = zip(*sent, strict=True)
    return {
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
        "first": reach.first,
        "last": reach.last,
    }


def _write_array(numbers: Sequence[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"
