"""Settled outcomes of a transfer, recipient by recipient, in pages by (part, recipient)."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from campaigns.api.paging import DEFAULT_LIMIT, MAX_LIMIT, read_number
from campaigns.errors import Invalid
from campaigns.models import Account, Cohort, Delivery, Part, Transfer
from campaigns.models.audience import WAY_KEYS
from campaigns.models.ledger import SETTLED_KEYS
from campaigns.selectors.deliveries import find_cursor, select_deliveries, write_cursor
from providers.outcomes import Reason

KNOWN = {"outcome": SETTLED_KEYS, "platform": WAY_KEYS, "reason": [*Reason]}


def list_deliveries(
    request: Request, transfer: Transfer
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of rows as the API shows them, and the absolute address of the next one.

    Raises Invalid for a filter, limit or cursor that is none.
    """
    limit = read_number(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    found = list(_select(request, transfer)[: limit + 1])
    page = found[:limit]
    following = None
    if len(found) > limit:
        cursor = write_cursor(page[-1])
        following = replace_query_param(request.build_absolute_uri(), "after", cursor)
    return _describe(page, transfer), following


def _select(request: Request, transfer: Transfer) -> QuerySet[Delivery]:
    query = request.query_params
    for name, known in KNOWN.items():
        if name in query and query[name] not in known:
            sentence = _("One of %(known)s.") % {"known": ", ".join(known)}
            raise Invalid(sentence, fields={name: sentence})
    rows = select_deliveries(transfer, **{name: query[name] for name in KNOWN if name in query})
    return rows.filter(_read_cursor(query["after"])) if "after" in query else rows


def _read_cursor(text: str) -> Q:
    behind = find_cursor(text)
    if behind is None:
        sentence = _("Take the address of the next page from next.")
        raise Invalid(sentence, fields={"after": sentence})
    return behind


def _describe(rows: list[Delivery], transfer: Transfer) -> list[dict[str, Any]]:
    parts = {part.pk: part for part in Part.objects.filter(transfer=transfer)}
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
            "step": parts[row.part_id].step + 1,
            "channel": parts[row.part_id].channel,
            "platform": platforms.get(row.cohort_id, ""),
            "outcome": row.outcome,
            "reason": row.reason,
            "account": accounts.get(row.account_id, ""),
            "at": row.at,
        }
        for row in rows
    ]
