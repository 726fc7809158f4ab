"""Keeps labels at a vendor as they are here, before a call names them.

What the vendor knows is kept by account and label, so that only the difference is sent; a sync
that dies goes on where its last piece ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.dispatch import pace
from campaigns.dispatch.claim import Lease
from campaigns.models import Label, LabelMember, VendorLabel, VendorLabelMember
from campaigns.models.bulk import TextList
from campaigns.selectors.addressing import list_told_labels
from campaigns.selectors.routes import Way
from providers.outbound import LabelKeeper
from providers.outcomes import Failure, Reason

MEMBERS_ONCE = 100  # of a call
CALLS_ONCE = 10  # of a turn; then others have theirs


@dataclass(frozen=True, slots=True)
class _Difference:
    add: tuple[str, ...]
    remove: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        return not self.add and not self.remove


def sync_labels(client: LabelKeeper, lease: Lease, now: datetime) -> bool:
    """Send what has changed of the labels that a call will name; False when more is left.

    Raises Failure.
    """
    way = lease.way
    if way is None or not way.dialect.has_labels:
        return True
    names = list_told_labels(lease.batch.part.declared, way.account.pk)
    left = CALLS_ONCE
    for label in Label.objects.filter(app_id=lease.batch.app_id, name__in=names).order_by("pk"):
        left = _sync_label(client, way, label, left, now)
    return left > 0 and _has_all(names, lease)


def _has_all(names: Iterable[str], lease: Lease) -> bool:
    known = Label.objects.filter(app_id=lease.batch.app_id, name__in=names)
    missing = set(names) - set(known.values_list("name", flat=True))
    if missing:
        words = _("There is no label named %(names)s.") % {"names": ", ".join(sorted(missing))}
        raise Failure(Reason.NOT_ADDRESSABLE, words, is_permanent=True)
    return True


def _sync_label(client: LabelKeeper, way: Way, label: Label, left: int, now: datetime) -> int:
    """Make at most `left` calls for a label; gives how many may still be made."""
    kept, is_new = VendorLabel.objects.get_or_create(account=way.account, label=label)
    must_make = is_new or kept.synced_at is None
    while left > 0:
        change = _find_difference(kept, label)
        if change.is_empty and not must_make:
            return left
        pace.count_call(way, now)
        client.ensure_label(label.name, change.add, change.remove)
        _keep(kept, change, now)
        must_make, left = False, left - 1
    return left


def _find_difference(kept: VendorLabel, label: Label) -> _Difference:
    """The next piece of what the vendor does not know yet."""
    carried = LabelMember.objects.filter(label=label).exclude(person__external_user_id="")
    names = carried.values("person__external_user_id")
    known = VendorLabelMember.objects.filter(vendor_label=kept)
    new = carried.exclude(person__external_user_id__in=known.values("name"))
    add = tuple(new.values_list("person__external_user_id", flat=True)[:MEMBERS_ONCE])
    gone = known.exclude(name__in=names).values_list("name", flat=True)
    remove = tuple(gone[: MEMBERS_ONCE - len(add)]) if len(add) < MEMBERS_ONCE else ()
    return _Difference(add, remove)


def _keep(kept: VendorLabel, change: _Difference, now: datetime) -> None:
    with transaction.atomic():
        VendorLabelMember.objects.bulk_create(
            (VendorLabelMember(vendor_label=kept, name=name) for name in change.add),
            ignore_conflicts=True,
        )
        gone = VendorLabelMember.objects.filter(vendor_label=kept)
        gone.filter(name__in=TextList(change.remove)).delete()
        VendorLabel.objects.filter(pk=kept.pk).update(synced_at=now)
        kept.synced_at = now
