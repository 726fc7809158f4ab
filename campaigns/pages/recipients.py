"""Who got it and who did not: the recipients of a transfer, searched, paged, as a file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Membership, Transfer
from campaigns.pages.downloads import stream_csv
from campaigns.pages.lookups import find_transfer, may
from campaigns.pages.recipient_form import RecipientFilter
from campaigns.pages.shell import draw_page, operator_page
from campaigns.selectors.forgotten import may_be_forgotten
from campaigns.selectors.planned_recipients import count_planned, read_planned
from campaigns.selectors.profile import mask_token
from campaigns.selectors.recipient_pages import (
    RecipientPage,
    Wanted,
    count_strangers,
    count_wanted,
    read_recipients,
    select_wanted,
)
from campaigns.selectors.recipient_rows import describe_recipients
from campaigns.selectors.searched import Searched
from campaigns.selectors.transfer_books import Books, read_books
from campaigns.selectors.waiting_recipients import START, is_waiting_place, read_waiting
from campaigns.services.access import name_actor, record_audit
from campaigns.services.exports import EXPORT

PAGE = 50
CHUNK = 1000
HEADING = ["recipient", "kind", "part", "platform", "external_user_id", "token", "outcome",
           "reason", "at", "account", "step", "channel"]  # fmt: skip
# Above the times at which it came back, of those from whom something did.
CAME_HEADS = {
    "delivered": gettext_lazy("Delivered at"),
    "shown": gettext_lazy("Shown at"),
    "opened": gettext_lazy("Opened at"),
}


@operator_page
def recipients(request: HttpRequest, pk: int) -> HttpResponse:
    """One page of them, after the place at which the last page ended."""
    transfer = find_transfer(request.user, pk)
    books = read_books(transfer)
    form = RecipientFilter(request.GET, transfer=transfer, books=books, principal=request.user)
    return _draw(request, transfer, form, books)


def _draw(
    request: HttpRequest, transfer: Transfer, form: RecipientFilter, books: Books
) -> HttpResponse:
    """The page; a filter that cannot be is told, and the answer is no good one."""
    wanted, searched = form.read(), form.find_searched()
    total = _count(transfer, form, wanted, books) if searched is None else None
    # What came back is counted at the platform that a device has now: that total is no bound.
    bound = None if wanted.receipt or form.wants_pending else total
    page = _read(form, wanted, searched, request.GET.get("after", ""), bound=bound)
    context = {
        "transfer": transfer,
        "form": form,
        "rows": list(_describe(request, transfer, page, wanted)),
        "came_head": CAME_HEADS.get(wanted.receipt, ""),
        "after": page.after,
        "is_cut": page.is_cut,
        "total": total,
        "is_of_settled": form.wants_settled and not form.wants_pending,
        "strangers": _count_strangers(transfer, form, wanted, books) if searched is None else 0,
        "is_first": not request.GET.get("after"),
        "forgotten_days": _find_forgotten(transfer, wanted),
        "is_filtered": any(request.GET.get(name) for name in form.fields),
        "may_export": may(request.user, [transfer.app], EXPORT.role),
        "may_see_people": request.user.has_perm("campaigns.view_person"),
    }
    title = _("Recipients of %(name)s") % {"name": transfer}
    status = 200 if form.is_valid() else 422
    return draw_page(request, "pages/recipients.html", title, context, status=status)


def _find_forgotten(transfer: Transfer, wanted: Wanted) -> int:
    """After how many days it is forgotten of whom something came back, if that may be so here."""
    kept: int = settings.KEEP_RECEIPTS_DAYS
    return kept if wanted.receipt and may_be_forgotten(transfer, timezone.now()) else 0


def _count(transfer: Transfer, form: RecipientFilter, wanted: Wanted, books: Books) -> int | None:
    """How many there are; None where neither the counters nor the queue know."""
    if wanted.planned_at is not None:
        return _count_planned(form, wanted)
    settled = count_wanted(transfer, wanted) if form.wants_settled else 0
    if not form.wants_pending or settled is None:
        return settled
    if wanted.is_of_settled:
        return settled
    if wanted == Wanted():
        return settled + sum(books.owed.values())
    is_known = wanted == Wanted(platform=wanted.platform)
    return settled + books.owed.get(wanted.platform, 0) if is_known else None


def _count_planned(form: RecipientFilter, wanted: Wanted) -> int | None:
    found = count_planned(form.transfer, wanted)
    if found is None:
        return None
    planned, settled = found
    return (settled if form.wants_settled else 0) + (planned - settled if form.wants_pending else 0)


def _count_strangers(
    transfer: Transfer, form: RecipientFilter, wanted: Wanted, books: Books
) -> int:
    """Ids that nobody knows here: the books count them, and no recipient is behind them."""
    if not form.wants_settled or all(line.platform for line in books.lines):
        return 0
    return count_strangers(transfer, wanted)


def _describe(
    request: HttpRequest, transfer: Transfer, page: RecipientPage, wanted: Wanted
) -> Iterator[dict[str, Any]]:
    """Whole tokens are for who may compose, as on the page of a person."""
    sees_tokens = may(request.user, [transfer.app], Membership.Role.COMPOSER)
    for row in describe_recipients(transfer, page.rows, wanted.receipt):
        shown = row["token"] if sees_tokens or not row["token"] else mask_token(row["token"])
        yield row | {"token": shown}


def _read(
    form: RecipientFilter, wanted: Wanted, searched: Searched | None,
    after: str, limit: int = PAGE, bound: int | None = None,
) -> RecipientPage:  # fmt: skip
    """Who fits: first who is settled, then who waits, as far as either is asked for."""
    found = RecipientPage((), "", is_cut=False)
    if form.wants_settled and not is_waiting_place(after):
        found = _read_settled(form.transfer, wanted, searched, after, limit, bound)
        if found.after or not form.wants_pending:
            return found
        after = START
    if not form.wants_pending:
        return found
    if len(found.rows) >= limit:
        return RecipientPage(found.rows, START, is_cut=False)
    more = read_waiting(form.transfer, wanted, after, limit - len(found.rows), searched)
    return RecipientPage((*found.rows, *more.rows), more.after, more.is_cut)


def _read_settled(
    transfer: Transfer, wanted: Wanted, searched: Searched | None, after: str, limit: int,
    bound: int | None,
) -> RecipientPage:  # fmt: skip
    """Of those who are searched for there are few, and all are read at once."""
    if wanted.planned_at is not None:
        return read_planned(transfer, wanted, after, limit, searched)
    if searched is None:
        return read_recipients(transfer, wanted, after, limit, bound)
    rows = select_wanted(transfer, wanted).filter(
        searched.match(),
        part_id__in=list(transfer.parts.values_list("pk", flat=True)),
        recipient__in=searched.devices | searched.persons,  # by the index
    )
    return RecipientPage(tuple(rows.order_by("part_id", "recipient")[:CHUNK]), "", is_cut=False)


@operator_page
def recipients_csv(request: HttpRequest, pk: int) -> Any:
    """All that fit the filters, a chunk at a time, so that memory stays small; that somebody took
    them goes to the audit log."""
    transfer = find_transfer(request.user, pk)
    books = read_books(transfer)
    form = RecipientFilter(request.GET, transfer=transfer, books=books, principal=request.user)
    if not form.is_valid():
        return _draw(request, transfer, form, books)
    record_audit(
        name_actor(request.user), "download_recipients", transfer,
        workspace=transfer.app.workspace, fields=sorted(filter(request.GET.get, form.fields)),
        now=timezone.now(),
    )  # fmt: skip
    return stream_csv(_list_lines(request, transfer, form), f"transfer-{transfer.pk}.csv")


def _list_lines(
    request: HttpRequest, transfer: Transfer, form: RecipientFilter
) -> Iterator[list[Any]]:
    wanted, searched = form.read(), form.find_searched()
    # A file of whom something came back from says when, behind what every file has.
    columns = [*HEADING, "came_at"] if wanted.receipt else HEADING
    yield [*HEADING, f"{wanted.receipt}_at"] if wanted.receipt else HEADING
    after, is_over = "", False
    while not is_over:
        page = _read(form, wanted, searched, after, CHUNK)
        for row in _describe(request, transfer, page, wanted):
            row["at"], row["came_at"] = _write_time(row["at"]), _write_time(row["came_at"])
            yield [row[name] for name in columns]
        after, is_over = page.after, not page.after


def _write_time(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
