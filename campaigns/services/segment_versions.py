"""What a segment was before: kept with each save, to be looked at, compared and restored."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from campaigns.errors import NotFound
from campaigns.models import Segment, SegmentVersion


def keep_version(segment: Segment, *, actor: str, now: datetime) -> None:
    """Keep what has just been saved, unless it is what was kept last."""
    last = SegmentVersion.objects.filter(segment=segment).order_by("-number").first()
    if last is None or last.expression != segment.expression:
        number = last.number + 1 if last else 1
        SegmentVersion.objects.create(
            segment=segment,
            number=number,
            expression=segment.expression,
            saved_by=actor,
            saved_at=now,
        )


def keep_former(segment: Segment) -> Segment:
    """Hold the segment for the rest of the transaction, and keep what it is now if nothing of it
    was ever kept: it is older than its first version. Gives it as it is now; raises NotFound."""
    stored = Segment.objects.select_for_update().filter(pk=segment.pk).first()
    if stored is None:
        raise NotFound(_("There is no such segment any more."))
    if not SegmentVersion.objects.filter(segment=stored).exists():
        SegmentVersion.objects.create(
            segment=stored, number=1, expression=stored.expression, saved_at=stored.updated_at
        )
    return stored


def find_version(segment: Segment, number: int) -> SegmentVersion:
    """Raises NotFound."""
    versions = SegmentVersion.objects.filter(segment=segment)
    version: SegmentVersion | None = versions.filter(number=number).first()
    if version is None:
        raise NotFound(_("There is no such version."))
    return version


def list_versions(segment: Segment, most: int = 50) -> list[SegmentVersion]:
    """The newest first."""
    return list(SegmentVersion.objects.filter(segment=segment).order_by("-number")[:most])
