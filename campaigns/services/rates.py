"""How fast a campaign or a transfer is sent, changed while it runs: the next claim heeds it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.dispatch.promises import note_promise
from campaigns.errors import Conflict, Invalid
from campaigns.models import Campaign, Transfer
from campaigns.models.apps import MAX_RATE
from campaigns.selectors.approvals import needs_approval
from campaigns.services.access import record_audit


def change_campaign_rate(campaign: Campaign, rate: Any, *, actor: str, now: datetime) -> Campaign:
    """Set the recipients per second, None for no rate of its own, of it and what it is sending.

    Each of its transfers has this rate for itself. Raises Invalid for what is no rate, Conflict
    once it has ended.
    """
    chosen = read_rate(rate)
    # Once it is being sent an operator may always slow it down; before, its rate is signed.
    if campaign.status in Campaign.WAITING and needs_approval(campaign):
        raise Conflict(
            _("Its rate is part of what was approved. Edit it, and ask for an approval again."),
            code="approval_required",
        )
    with transaction.atomic():
        running = Campaign.objects.filter(pk=campaign.pk).exclude(status__in=Campaign.FINISHED)
        # Without a rate there is nothing to grow to.
        ramp_up = campaign.ramp_up if chosen else None
        authors = list(dict.fromkeys([*campaign.authors, actor]))
        if not running.update(rate=chosen, ramp_up=ramp_up, authors=authors):
            raise _find_end()
        campaign.authors = authors
        campaign.rate, campaign.ramp_up = chosen, ramp_up
        for transfer in campaign.transfers.filter(status__in=Transfer.RUNNING):
            _set_rate(transfer, chosen, actor, now)
        _keep_trace(campaign, chosen, "change_campaign_rate", actor, now)
    return campaign


def change_transfer_rate(transfer: Transfer, rate: Any, *, actor: str, now: datetime) -> Transfer:
    """Set the recipients per second of one transfer; raises as `change_campaign_rate` does."""
    chosen = read_rate(rate)
    with transaction.atomic():
        if not _set_rate(transfer, chosen, actor, now):
            raise _find_end()
    return transfer


def read_rate(rate: Any) -> int | None:
    """A rate as scripts and forms give it. Raises Invalid."""
    is_whole = isinstance(rate, int) and not isinstance(rate, bool)
    if rate is None or (is_whole and 1 <= rate <= MAX_RATE):
        return rate
    sentence = _("A rate is a whole number from 1 to %(most)s, or none at all.")
    words = sentence % {"most": MAX_RATE}
    raise Invalid(words, fields={"rate": words})


def _set_rate(transfer: Transfer, rate: int | None, actor: str, now: datetime) -> bool:
    running = Transfer.objects.filter(pk=transfer.pk).exclude(status__in=Transfer.FINISHED)
    ramp_up = transfer.ramp_up if rate else None
    if not running.update(rate=rate, ramp_up=ramp_up):
        return False  # it has just ended
    transfer.rate, transfer.ramp_up = rate, ramp_up
    note_promise(transfer)
    _keep_trace(transfer, rate, "change_transfer_rate", actor, now)
    return True


def _keep_trace(
    row: Campaign | Transfer, rate: int | None, verb: str, actor: str, now: datetime
) -> None:
    note = _("No rate of its own any more.")
    if rate is not None:
        note = _("At most %(rate)s per second from now on.") % {"rate": rate}
    row.events.create(old=row.status, new=row.status, actor=actor, at=now, note=note)
    workspace = row.workspace if isinstance(row, Campaign) else row.app.workspace
    record_audit(actor, verb, row, workspace=workspace, fields=["rate"], now=now)


def _find_end() -> Conflict:
    return Conflict(_("It has ended, so its rate changes nothing any more."), code="finished")
