"""Callers that wait for the outcome: at most half of the web threads, and none sends itself.

A worker sends what is waited for before all else, once, and not after the caller's deadline. No
transaction is open and nothing is locked meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic, sleep

from django.conf import settings
from django.utils.translation import gettext as _

from campaigns.dispatch.resolve import find_devices, find_kind
from campaigns.errors import Refused
from campaigns.models import Batch, Group, Transfer
from campaigns.selectors.target_outcomes import judge_targets, read_settlements
from campaigns.services.callers import Caller
from campaigns.services.intake_push import accept_push
from providers.commands import Accepted, SendPush
from providers.outcomes import RefusalKind, Result

FIRST_NAP = 0.02
LONGEST_NAP = 0.25
RETRY_AFTER = 1.0


class Places:
    """How many threads of this process wait at this moment."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.taken = 0

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Wait in one of them; raises a refusal of the kind THROTTLED when all are taken."""
        self._take()
        try:
            yield
        finally:
            with self.lock:
                self.taken -= 1

    def _take(self) -> None:
        with self.lock:
            if self.taken >= max(1, settings.WEB_THREADS // 2):
                refusal = Refused(
                    _("Too many callers wait for an outcome. Try again in a moment."),
                    kind=RefusalKind.THROTTLED,
                    code="too_many_waiting",
                )
                refusal.retry_after = RETRY_AFTER
                raise refusal
            self.taken += 1


PLACES = Places()


def send_and_wait(push: SendPush, group: Group, caller: Caller) -> Accepted:
    """Take a push and answer what became of each target; raises what `accept_push` does."""
    with PLACES.hold():
        accepted = accept_push(push, group, caller)
        transfer = Transfer.objects.select_related("app").get(pk=accepted.transfer)
        wait_until_settled(transfer, push.wait)
    return replace(accepted, results=_read_results(push, transfer, caller))


def _read_results(push: SendPush, transfer: Transfer, caller: Caller) -> tuple[Result, ...]:
    results: list[Result] = []
    for part, row in zip(push.parts, transfer.parts.order_by("number"), strict=True):
        for targets in part.targets:
            kind = find_kind(caller.dialect, targets.kind)
            found = list(
                find_devices(transfer.app, kind, targets.values, only_primary=part.only_primary)
            )
            settled = read_settlements(row, {device for _value, device in found})
            results += judge_targets(targets, found, settled, transfer.app, len(results))
    return tuple(results)


def wait_until_settled(transfer: Transfer, seconds: float) -> bool:
    """Whether every recipient had an outcome within so many seconds."""
    end, nap = monotonic() + seconds, FIRST_NAP
    while not _is_settled(transfer):
        left = end - monotonic()
        if left <= 0:
            return False
        sleep(min(nap, left))
        nap = min(2 * nap, LONGEST_NAP)
    return True


def _is_settled(transfer: Transfer) -> bool:
    frozen = Transfer.objects.filter(pk=transfer.pk, frozen_at__isnull=False)
    if not frozen.exists():
        return False
    return not Batch.objects.filter(transfer=transfer).exclude(state=Batch.State.DONE).exists()
