"""Who got it and who did not: the settled recipients of a transfer, searched, paged, as a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Account, Cohort, Delivery, Device, Part, Person, Settled, Transfer
from campaigns.models.audience import WAYS, hash64
from campaigns.pages.fields import PageForm
from campaigns.pages.lookups import find_transfer
from campaigns.pages.reports import stream_csv
from campaigns.pages.shell import draw_page, operator_page
from campaigns.selectors.deliveries import find_cursor, select_deliveries, write_cursor
from providers.outcomes import Reason

PAGE = 50
CHUNK = 1000
HEADING = ["recipient", "kind", "part", "platform", "external_user_id", "token", "outcome",
           "reason", "at", "account", "step", "channel"]  # fmt: skip


class RecipientFilter(PageForm):
    """What the recipients may be narrowed by."""

    search = forms.CharField(
        label=gettext_lazy("Search"),
        required=False,
        max_length=4096,
        widget=forms.TextInput({"type": "search"}),
        help_text=gettext_lazy("A whole push token, device id or external user id."),
    )
    outcome = forms.ChoiceField(
        label=gettext_lazy("Outcome"),
        choices=[("", gettext_lazy("Any")), *Settled.choices],
        required=False,
    )
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        choices=[
            ("", gettext_lazy("Any")),
            *((r.value, r.value.replace("_", " ")) for r in Reason),
        ],
        required=False,
    )
    platform = forms.ChoiceField(
        label=gettext_lazy("Platform"),
        choices=[("", gettext_lazy("Any")), *WAYS],
        required=False,
    )

    def select(self, transfer: Transfer) -> Any:
        """The deliveries that fit, in the order of their key."""
        self.is_valid()
        given = self.cleaned_data
        plain = {name: given.get(name, "") for name in ("outcome", "reason", "platform")}
        rows = select_deliveries(transfer, **plain)
        if given.get("search"):
            rows = rows.filter(recipient__in=find_recipients(transfer, given["search"].strip()))
        return rows


def find_recipients(transfer: Transfer, text: str) -> list[int]:
    """Ids of devices and persons of the transfer's app that a text may mean."""
    devices = Device.objects.filter(app=transfer.app_id)
    means = Q(token_hash=hash64(text)) | Q(person__external_user_id=text)
    if text.isdecimal() and len(text) < 16:
        means |= Q(pk=int(text))
    persons = Person.objects.filter(
        workspace_id=transfer.app.workspace_id, external_user_id=text
    ).values_list("pk", flat=True)
    by_person = Part.objects.filter(transfer=transfer, kind=Part.Kind.PERSON).exists()
    found = list(devices.filter(means).values_list("pk", flat=True)[:CHUNK])
    return found + (list(persons) if by_person else [])


@operator_page
def recipients(request: HttpRequest, pk: int) -> HttpResponse:
    """One page of them, after the key that the last page ended with."""
    transfer = find_transfer(request.user, pk)
    form = RecipientFilter(request.GET)
    rows = list(_after(form.select(transfer), request.GET.get("after", ""))[: PAGE + 1])
    shown = list(describe_rows(transfer, rows[:PAGE]))
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    context = {
        "transfer": transfer,
        "form": form,
        "rows": shown,
        "after": write_cursor(last) if last else "",
        "is_first": not request.GET.get("after"),
        "is_filtered": any(request.GET.get(name) for name in form.fields),
    }
    title = _("Recipients of %(name)s") % {"name": transfer}
    return draw_page(request, "pages/recipients.html", title, context)


def _after(rows: Any, cursor: str) -> Any:
    behind = find_cursor(cursor)
    return rows if behind is None else rows.filter(behind)


def describe_rows(transfer: Transfer, rows: list[Delivery]) -> Iterator[dict[str, Any]]:
    """Deliveries with who they are about, looked up together."""
    parts = Part.objects.filter(transfer=transfer).in_bulk()
    ids = [row.recipient for row in rows]
    devices = Device.objects.filter(app=transfer.app_id).select_related("person").in_bulk(ids)
    persons = Person.objects.filter(workspace=transfer.app.workspace_id).in_bulk(ids)
    cohorts = Cohort.objects.in_bulk({row.cohort_id for row in rows})
    accounts = Account.objects.in_bulk({row.account_id for row in rows})
    for row in rows:
        part = parts[row.part_id]
        is_person = part.kind == Part.Kind.PERSON
        device = None if is_person else devices.get(row.recipient)
        person = persons.get(row.recipient) if is_person else device and device.person
        cohort = cohorts.get(row.cohort_id)
        yield {
            "recipient": row.recipient,
            "kind": part.kind,
            "part": part.number,
            "step": part.step + 1,
            "channel": part.channel,
            "platform": cohort.platform if cohort else "",
            "external_user_id": person.external_user_id if person else "",
            "token": device.token if device else "",
            "outcome": row.outcome,
            "reason": row.reason,
            "at": row.at,
            "account": name_account(row, accounts.get(row.account_id)),
        }


def name_account(row: Delivery, account: Account | None) -> str:
    """By which account it went out; what was sent by none waits in the app's inbox."""
    if account is not None:
        return str(account.name)
    return _("Own channel") if row.outcome == Settled.SENT and not row.account_id else ""


@operator_page
def recipients_csv(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """All that fit the filters, a chunk at a time, so that memory stays small."""
    transfer = find_transfer(request.user, pk)
    selected = RecipientFilter(request.GET).select(transfer)
    return stream_csv(_list_lines(transfer, selected), f"transfer-{transfer.pk}.csv")


def _list_lines(transfer: Transfer, selected: Any) -> Iterator[list[Any]]:
    yield HEADING
    cursor = ""
    while rows := list(_after(selected, cursor)[:CHUNK]):
        for row in describe_rows(transfer, rows):
            row["at"] = row["at"].isoformat()
            yield [row[name] for name in HEADING]
        cursor = write_cursor(rows[-1])
