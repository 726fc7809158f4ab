"""What a vendor is told of an audience, looked at once more right before it is told."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from campaigns.dispatch.aims import list_called, read_wanted
from campaigns.dispatch.bars import find_suppressed
from campaigns.dispatch.claim import Lease
from campaigns.models import Batch, Device, Tombstone
from campaigns.models.bulk import IdList
from campaigns.models.packing import unpack_ids
from campaigns.selectors.addressing import find_aims, read_declared
from providers.message_fields import Platform
from providers.outcomes import Failure, Reason
from providers.recipients import Audience


def find_told(lease: Lease, now: datetime) -> tuple[tuple[Platform, ...], Audience]:
    """What the vendor is told: the platforms that it reaches, and whom we mean.

    Raises Failure where that has stopped being exact since it was frozen.
    """
    part, account = lease.batch.part, lease.find_account()
    part.transfer = lease.transfer
    told = read_declared(part.declared, account.pk)
    if told is None:
        raise _refuse(_("This account was told nothing of this audience."))
    aims = [aim for aim in find_aims(read_wanted(lease.transfer, part, now)) if aim.obstacle]
    for aim in aims:
        if aim.way.account.pk == account.pk:
            raise _refuse(aim.obstacle)
    for batch in list_called(lease.batch):
        batch.part, batch.transfer = part, lease.transfer
        _refuse_barred(batch, now)
    return told


def _refuse_barred(batch: Batch, now: datetime) -> None:
    """The vendor would send to them all the same."""
    recipients = list(unpack_ids(batch.recipients))
    if find_suppressed(batch, recipients, now):
        raise _refuse(_("Somebody is suppressed whom this vendor cannot leave out."))
    workspace = batch.transfer.app.workspace_id
    erased = Tombstone.objects.filter(workspace=workspace, erased_at__gte=batch.transfer.created_at)
    if erased.exists():
        here = Device.objects.filter(pk__in=IdList(recipients)).count()
        if here < len(recipients):
            raise _refuse(_("Somebody was erased whom this vendor cannot leave out."))


def _refuse(words: str) -> Failure:
    return Failure(Reason.NOT_ADDRESSABLE, words, is_permanent=True)
