"""Who got it and who did not: the settled recipients of a transfer, searched, paged, as a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Cohort, Device, Membership, Part, ReceiptCount, Settled, Transfer
from campaigns.models.audience import WAYS, hash64
from campaigns.pages.downloads import stream_csv
from campaigns.pages.fields import PageForm
from campaigns.pages.lookups import find_transfer, may
from campaigns.pages.reason_words import name_reason
from campaigns.pages.report_names import RECEIPT_WORDS
from campaigns.pages.shell import draw_page, operator_page
from campaigns.selectors.aliases import find_named
from campaigns.selectors.dimensions import RECEIPTS
from campaigns.selectors.profile import mask_token
from campaigns.selectors.recipient_pages import (
    RecipientPage,
    Wanted,
    count_wanted,
    read_recipients,
    select_wanted,
)
from campaigns.selectors.recipient_rows import describe_recipients
from campaigns.selectors.row_ids import read_id
from campaigns.selectors.transfer_books import Books, read_books

PAGE = 50
CHUNK = 1000
HEADING = ["recipient", "kind", "part", "platform", "external_user_id", "token", "outcome",
           "reason", "at", "account", "step", "channel"]  # fmt: skip


class RecipientFilter(PageForm):
    """What the recipients may be narrowed by; what a transfer has none of is not asked for."""

    search = forms.CharField(
        label=gettext_lazy("Search"),
        required=False,
        max_length=4096,
        widget=forms.TextInput({"type": "search"}),
        help_text=gettext_lazy("A whole push token, device id or external user id."),
    )
    outcome = forms.ChoiceField(label=gettext_lazy("Outcome"), required=False)
    reason = forms.ChoiceField(label=gettext_lazy("Reason"), required=False)
    receipt = forms.ChoiceField(label=gettext_lazy("Came back"), required=False)
    platform = forms.ChoiceField(label=gettext_lazy("Platform"), required=False)
    account = forms.TypedChoiceField(
        label=gettext_lazy("Account"), required=False, coerce=int, empty_value=None
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False)
    step = forms.TypedChoiceField(
        label=gettext_lazy("Step"), required=False, coerce=int, empty_value=None
    )
    part = forms.IntegerField(
        label=gettext_lazy("Part"), required=False, min_value=0, max_value=2**31 - 1,
        help_text=gettext_lazy("The number of the message in the script's call, from 0."),
    )  # fmt: skip

    def __init__(self, *args: Any, transfer: Transfer, books: Books, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.transfer = transfer
        for name, choices in _list_choices(transfer, books).items():
            if choices:
                self.offer_choices(name, [("", _("Any")), *choices])
            else:
                del self.fields[name]
        if transfer.has_steps or not transfer.parts.filter(number=1).exists():
            del self.fields["part"]

    def read(self) -> Wanted:
        """What is wanted; a filter that is wrong is shown and not applied."""
        self.is_valid()
        given = {name: value for name, value in self.cleaned_data.items() if name != "search"}
        return Wanted(**given)

    def find_ids(self) -> list[int] | None:
        """Whom the search means, None when nothing is searched for."""
        text = self.cleaned_data.get("search", "").strip()
        return find_recipients(self.transfer, text) if text else None


def _list_choices(transfer: Transfer, books: Books) -> dict[str, list[tuple[Any, Any]]]:
    """What there is of each dimension in this transfer."""
    names = dict(WAYS)
    known = {line.platform for line in books.lines if line.platform}
    outcomes = {key for line in books.lines for key, count in line.outcomes.items() if count}
    accounts = {line.account_id: line.account for line in books.lines if line.account}
    languages = Cohort.objects.filter(app=transfer.app_id).exclude(language="")
    came = ReceiptCount.objects.filter(part__transfer=transfer).order_by().values_list("kind")
    receipts = {kind for (kind,) in came.distinct()}
    steps = transfer.parts.order_by("step").values_list("step", "channel").distinct()
    return {
        "outcome": [choice for choice in Settled.choices if choice[0] in outcomes],
        "reason": [(key, name_reason(key)) for key in sorted({r.reason for r in books.reasons})],
        "receipt": [(key.value, RECEIPT_WORDS[key]) for key in RECEIPTS if key.value in receipts],
        "platform": [(key, names.get(key, key)) for key in sorted(known)],
        "account": sorted(accounts.items(), key=lambda item: item[1]),
        "language": [
            (key, key)
            for key in languages.order_by("language").values_list("language", flat=True).distinct()
        ],
        "step": [(step + 1, f"{step + 1}. {channel}") for step, channel in steps]
        if transfer.has_steps
        else [],
    }


def find_recipients(transfer: Transfer, text: str) -> list[int]:
    """Ids of devices and persons of the transfer's app that a text may mean, each by an index."""
    devices = Device.objects.filter(app=transfer.app_id)
    by_token = devices.filter(platform__in=dict(WAYS), token_hash=hash64(text))
    persons = list(find_named([transfer.app.workspace_id], text))
    found = [*by_token.values_list("pk", flat=True)[:CHUNK]]
    if persons:
        found += devices.filter(person_id__in=persons).values_list("pk", flat=True)[:CHUNK]
    if number := read_id(text):
        found.append(number)
    by_person = Part.objects.filter(transfer=transfer, kind=Part.Kind.PERSON).exists()
    return found + (persons if by_person else [])


@operator_page
def recipients(request: HttpRequest, pk: int) -> HttpResponse:
    """One page of them, after the place at which the last page ended."""
    transfer = find_transfer(request.user, pk)
    form = RecipientFilter(request.GET, transfer=transfer, books=read_books(transfer))
    wanted, ids = form.read(), form.find_ids()
    page = _read(transfer, wanted, ids, request.GET.get("after", ""))
    context = {
        "transfer": transfer,
        "form": form,
        "rows": list(_describe(request, transfer, page)),
        "after": page.after,
        "is_cut": page.is_cut,
        "total": count_wanted(transfer, wanted) if ids is None else None,
        "is_first": not request.GET.get("after"),
        "is_filtered": any(request.GET.get(name) for name in form.fields),
        "may_see_people": request.user.has_perm("campaigns.view_person"),
    }
    title = _("Recipients of %(name)s") % {"name": transfer}
    return draw_page(request, "pages/recipients.html", title, context)


def _describe(
    request: HttpRequest, transfer: Transfer, page: RecipientPage
) -> Iterator[dict[str, Any]]:
    """Whole tokens are for who may compose, as on the page of a person."""
    sees_tokens = may(request.user, [transfer.app], Membership.Role.COMPOSER)
    for row in describe_recipients(transfer, page.rows):
        shown = row["token"] if sees_tokens or not row["token"] else mask_token(row["token"])
        yield row | {"token": shown}


def _read(
    transfer: Transfer, wanted: Wanted, ids: list[int] | None, after: str, limit: int = PAGE
) -> RecipientPage:
    """Who fits; of those who are searched for there are few, and all are read at once."""
    if ids is None:
        return read_recipients(transfer, wanted, after, limit)
    rows = select_wanted(transfer, wanted).filter(
        part_id__in=list(transfer.parts.values_list("pk", flat=True)), recipient__in=ids
    )
    return RecipientPage(tuple(rows.order_by("part_id", "recipient")[:CHUNK]), "", is_cut=False)


@operator_page
def recipients_csv(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """All that fit the filters, a chunk at a time, so that memory stays small."""
    transfer = find_transfer(request.user, pk)
    form = RecipientFilter(request.GET, transfer=transfer, books=read_books(transfer))
    wanted, ids = form.read(), form.find_ids()
    lines = _list_lines(request, transfer, wanted, ids)
    return stream_csv(lines, f"transfer-{transfer.pk}.csv")


def _list_lines(
    request: HttpRequest, transfer: Transfer, wanted: Wanted, ids: list[int] | None
) -> Iterator[list[Any]]:
    yield HEADING
    after, is_over = "", False
    while not is_over:
        page = _read(transfer, wanted, ids, after, CHUNK)
        for row in _describe(request, transfer, page):
            row["at"] = row["at"].isoformat()
            yield [row[name] for name in HEADING]
        after, is_over = page.after, not page.after
