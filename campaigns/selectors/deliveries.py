"""Settled recipients of a transfer in the order of their key: narrowed, read on from a place."""

from __future__ import annotations

import re

from django.db.models import Q, QuerySet

from campaigns.models import Cohort, Delivery, Part, Transfer

CURSOR = re.compile(r"([0-9]{1,16})-([0-9]{1,16})")


def select_deliveries(
    transfer: Transfer, *, outcome: str = "", reason: str = "", platform: str = ""
) -> QuerySet[Delivery]:
    """Those that fit what is given, by part and recipient."""
    parts = Part.objects.filter(transfer=transfer).values_list("pk", flat=True)
    rows = Delivery.objects.filter(part_id__in=list(parts))
    if outcome:
        rows = rows.filter(outcome=outcome)
    if reason:
        rows = rows.filter(reason=reason)
    if platform:
        cohorts = Cohort.objects.filter(app=transfer.app_id, platform=platform)
        rows = rows.filter(cohort_id__in=cohorts.values("pk"))
    return rows.order_by("part_id", "recipient")


def write_cursor(row: Delivery) -> str:
    """The place behind a row."""
    return f"{row.part_id}-{row.recipient}"


def find_cursor(text: str) -> Q | None:
    """What stands behind a place; None for a text that names none."""
    found = CURSOR.fullmatch(text)
    if found is None:
        return None
    part, recipient = int(found[1]), int(found[2])
    return Q(part_id__gt=part) | Q(part_id=part, recipient__gt=recipient)
