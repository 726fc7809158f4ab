"""Settled recipients with who they are about, as the pages show and the files hold them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from campaigns.models import (
    Account,
    Cohort,
    Delivery,
    Device,
    Part,
    Person,
    ReceiptRow,
    Settled,
    Transfer,
)
from campaigns.models.bulk import IdList
from campaigns.selectors.waiting_recipients import PENDING

Known = tuple[str, int | None, str | None]  # a token, a person's id and external user id
NOBODY: Known = ("", None, None)


def describe_recipients(
    transfer: Transfer, rows: Sequence[Delivery], receipt: str = ""
) -> Iterator[dict[str, Any]]:
    """What is known of each, looked up together; `person` is an id or None, `at` a moment, or None
    of who is pending, and `came_at` when what is asked for by `receipt` came back."""
    parts = Part.objects.in_bulk({row.part_id for row in rows})
    people = {pk for pk, part in parts.items() if part.kind == Part.Kind.PERSON}
    known = {
        False: _find_devices(
            transfer, [one.recipient for one in rows if one.part_id not in people]
        ),
        True: _find_persons(transfer, [one.recipient for one in rows if one.part_id in people]),
    }
    cohorts = Cohort.objects.in_bulk({row.cohort_id for row in rows})
    accounts = Account.objects.in_bulk({row.account_id for row in rows})
    came = _find_receipts(rows, receipt) if receipt else {}
    for row in rows:
        part, cohort = parts[row.part_id], cohorts.get(row.cohort_id)
        token, person, external = known[row.part_id in people].get(row.recipient, NOBODY)
        yield {
            "recipient": row.recipient,
            "kind": part.kind,
            "part": part.number,
            "step": part.step + 1,
            "channel": part.channel,
            "platform": cohort.platform if cohort else "",
            "language": cohort.language if cohort else "",
            "external_user_id": external or "",
            "person": person,
            "token": token,
            "outcome": row.outcome or PENDING,
            "reason": row.reason,
            "at": row.at,
            "came_at": came.get((row.part_id, row.recipient)),
            "account": _name_account(row, accounts.get(row.account_id)),
        }


def _find_devices(transfer: Transfer, ids: Sequence[int]) -> dict[int, Known]:
    """By id the token, and the person with the external user id."""
    if not ids:
        return {}
    rows = Device.objects.filter(app=transfer.app_id, pk__in=IdList(ids))
    told = rows.values_list("pk", "token", "person", "person__external_user_id")
    return {pk: (token, person, external) for pk, token, person, external in told}


def _find_persons(transfer: Transfer, ids: Sequence[int]) -> dict[int, Known]:
    if not ids:
        return {}
    rows = Person.objects.filter(workspace=transfer.app.workspace_id, pk__in=IdList(ids))
    return {pk: ("", pk, name) for pk, name in rows.values_list("pk", "external_user_id")}


def _name_account(row: Delivery, account: Account | None) -> str:
    """By which account it went out; what was sent by none waits in the app's inbox."""
    if account is not None:
        return str(account.name)
    return _("Own channel") if row.outcome == Settled.SENT and not row.account_id else ""


def _find_receipts(rows: Sequence[Delivery], kind: str) -> dict[tuple[int, int], datetime]:
    """When it came back, by part and recipient: of each at most once."""
    came = ReceiptRow.objects.filter(
        part_id__in={row.part_id for row in rows},
        recipient__in=IdList(row.recipient for row in rows),
        kind=kind,
    )
    return {(part, one): at for part, one, at in came.values_list("part_id", "recipient", "at")}
