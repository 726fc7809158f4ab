"""Settled outcomes of a transfer, recipient by recipient, in pages by (part, recipient)."""

from __future__ import annotations

import re
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from campaigns.api.paging import DEFAULT_LIMIT, MAX_LIMIT, read_number
from campaigns.errors import Invalid
from campaigns.models import Account, Cohort, Delivery, Part, Transfer
from campaigns.models.audience import PLATFORM_KEYS
from campaigns.models.ledger import SETTLED_KEYS
from providers.outcomes import Reason

CURSOR = re.compile(r"([0-9]{1,16})-(-?[0-9]{1,16})")
KNOWN = {"outcome": SETTLED_KEYS, "platform": PLATFORM_KEYS, "reason": [*Reason]}


def list_deliveries(
    request: Request, transfer: Transfer
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of rows as the API shows them, and the absolute address of the next one.

    Raises Invalid for a filter, limit or cursor that is none.
    """
    limit = read_number(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    parts = {part.pk: part for part in Part.objects.filter(transfer=transfer)}
    rows = _filter(request, transfer, Delivery.objects.filter(part_id__in=list(parts)))
    found = list(rows.order_by("part_id", "recipient")[: limit + 1])
    page = found[:limit]
    following = None
    if len(found) > limit:
        cursor = f"{page[-1].part_id}-{page[-1].recipient}"
        following = replace_query_param(request.build_absolute_uri(), "after", cursor)
    return _describe(page, parts), following


def _filter(request: Request, transfer: Transfer, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    query = request.query_params
    for name, known in KNOWN.items():
        if name in query and query[name] not in known:
            sentence = _("One of %(known)s.") % {"known": ", ".join(known)}
            raise Invalid(sentence, fields={name: sentence})
    for name in ("outcome", "reason"):
        if name in query:
            rows = rows.filter(**{name: query[name]})
    if "platform" in query:
        cohorts = Cohort.objects.filter(app_id=transfer.app_id, platform=query["platform"])
        rows = rows.filter(cohort_id__in=cohorts.values("pk"))
    return rows.filter(_read_cursor(query["after"])) if "after" in query else rows


def _read_cursor(text: str) -> Q:
    found = CURSOR.fullmatch(text) if text.isascii() else None
    if found is None:
        sentence = _("Take the address of the next page from next.")
        raise Invalid(sentence, fields={"after": sentence})
    part, recipient = int(found[1]), int(found[2])
    return Q(part_id__gt=part) | Q(part_id=part, recipient__gt=recipient)


def _describe(rows: list[Delivery], parts: dict[int, Part]) -> list[dict[str, Any]]:
    platforms = dict(
        Cohort.objects.filter(pk__in={row.cohort_id for row in rows}).values_list("pk", "platform")
    )
    accounts = dict(
        Account.objects.filter(pk__in={row.account_id for row in rows}).values_list("pk", "name")
    )
    return [
        {
            "recipient": row.recipient,
            "kind": parts[row.part_id].kind,
            "part": parts[row.part_id].number,
            "platform": platforms.get(row.cohort_id, ""),
            "outcome": row.outcome,
            "reason": row.reason,
            "account": accounts.get(row.account_id, ""),
            "at": row.at,
        }
        for row in rows
    ]
