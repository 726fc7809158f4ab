"""What a vendor is told of an audience, looked at once more right before it is told."""

from __future__ import annotations

from django.utils.translation import gettext as _

from campaigns.dispatch.aims import read_wanted
from campaigns.dispatch.claim import Lease
from campaigns.selectors.addressing import find_aims, read_declared
from providers.message_fields import Platform
from providers.outcomes import Failure, Reason
from providers.recipients import Audience


def find_told(lease: Lease) -> tuple[tuple[Platform, ...], Audience]:
    """What the vendor is told: the platforms that it reaches, and whom we mean.

    Raises Failure where that has stopped being exact since it was frozen.
    """
    part, account = lease.batch.part, lease.find_account()
    part.transfer = lease.transfer
    told = read_declared(part.declared, account.pk)
    if told is None:
        raise _refuse(_("This account was told nothing of this audience."))
    aims = [aim for aim in find_aims(read_wanted(lease.transfer, part)) if aim.obstacle]
    for aim in aims:
        if aim.way.account.pk == account.pk:
            raise _refuse(aim.obstacle)
    return told


def _refuse(words: str) -> Failure:
    return Failure(Reason.NOT_ADDRESSABLE, words, is_permanent=True)
