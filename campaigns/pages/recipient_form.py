"""What the list of a transfer's recipients is narrowed by, and by whose words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Max, Min
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Account, Cohort, ReceiptCount, Settled, Transfer
from campaigns.models.audience import WAYS
from campaigns.models.clock import list_zone_names, load_zone
from campaigns.pages.fields import DayField, PageForm
from campaigns.pages.reason_words import name_reason
from campaigns.pages.report_names import RECEIPT_WORDS
from campaigns.selectors.dimensions import RECEIPTS
from campaigns.selectors.language_names import name_language
from campaigns.selectors.planned_recipients import list_planned_starts
from campaigns.selectors.recipient_pages import NONE, Wanted
from campaigns.selectors.row_ids import read_id
from campaigns.selectors.searched import Searched, find_searched
from campaigns.selectors.settled_hours import find_stretches
from campaigns.selectors.transfer_books import Books
from campaigns.selectors.waiting_recipients import PENDING

# Who has none of it, by the words of an address.
NOTHING = {
    "reason": NONE, "language": NONE, "country": NONE, "app_version": "0", "account": "0",
    "told_by": "0",
}  # fmt: skip
EVERYBODY = "everybody"
STANDINGS = [
    (PENDING, gettext_lazy("Pending: no outcome yet")),
    (EVERYBODY, gettext_lazy("Everybody, pending or not")),
]


class RecipientFilter(PageForm):
    """What the recipients may be narrowed by; what a transfer has none of is not asked for, unless
    an address says it."""

    search = forms.CharField(
        label=gettext_lazy("Search"),
        required=False,
        max_length=4096,
        widget=forms.TextInput({"type": "search"}),
        help_text=gettext_lazy(
            "Whatever Find somebody takes: external user id, e-mail, phone, push token, any id."
        ),
    )
    outcome = forms.ChoiceField(label=gettext_lazy("Outcome"), required=False)
    reason = forms.ChoiceField(label=gettext_lazy("Reason"), required=False)
    receipt = forms.ChoiceField(label=gettext_lazy("Came back"), required=False)
    platform = forms.ChoiceField(label=gettext_lazy("Platform"), required=False)
    account = forms.TypedChoiceField(
        label=gettext_lazy("Account"), required=False, coerce=int, empty_value=None
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False)
    country = forms.ChoiceField(label=gettext_lazy("Country"), required=False)
    app_version = forms.TypedChoiceField(
        label=gettext_lazy("App version (major)"), required=False, coerce=int, empty_value=None
    )
    planned_at = forms.TypedChoiceField(
        label=gettext_lazy("Planned for (UTC)"), required=False, coerce=datetime.fromisoformat,
        empty_value=None,
    )  # fmt: skip
    step = forms.TypedChoiceField(
        label=gettext_lazy("Step"), required=False, coerce=int, empty_value=None
    )
    channel = forms.ChoiceField(label=gettext_lazy("Channel"), required=False)
    part = forms.IntegerField(
        label=gettext_lazy("Part"), required=False, min_value=0, max_value=2**31 - 1,
        help_text=gettext_lazy("The number of the message in the script's call, from 0."),
    )  # fmt: skip
    date_from = DayField(
        label=gettext_lazy("From"), required=False, widget=forms.DateInput({"type": "date"})
    )
    date_to = DayField(
        label=gettext_lazy("To"), required=False, widget=forms.DateInput({"type": "date"})
    )
    hour = forms.TypedChoiceField(
        label=gettext_lazy("Hour of the day"), required=False, coerce=int, empty_value=None,
        choices=[("", gettext_lazy("Any")), *((hour, f"{hour:02}:00") for hour in range(24))],
    )  # fmt: skip
    time_of = forms.ChoiceField(
        label=gettext_lazy("Time of"), required=False,
        choices=[("", gettext_lazy("The outcome")), ("receipt", gettext_lazy("What came back"))],
    )  # fmt: skip
    told_by = forms.TypedChoiceField(
        label=gettext_lazy("Told by"), required=False, coerce=int, empty_value=None
    )
    zone = forms.CharField(label=gettext_lazy("Time zone"), required=False, max_length=60)

    def __init__(
        self, *args: Any, transfer: Transfer, books: Books, principal: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.transfer, self.principal = transfer, principal
        for name, choices in _list_choices(transfer, books).items():
            if choices or self._asks(name):
                more = _find_known(transfer, name, self.data.get(name, ""), choices)
                self.offer_choices(name, [("", _("Any")), *choices, *more])
            else:
                del self.fields[name]
        is_plain = transfer.has_steps or not transfer.parts.filter(number=1).exists()
        if is_plain and not self._asks("part"):
            del self.fields["part"]
        # Only links of reports say these.
        for name in ("zone", *(["time_of"] if "receipt" not in self.fields else [])):
            if not self._asks(name):
                del self.fields[name]

    def _asks(self, name: str) -> bool:
        return bool(self.data.get(name))

    def clean_zone(self) -> str:
        """The name of a zone that there is."""
        name: str = self.cleaned_data["zone"]
        if name and name not in list_zone_names():
            raise forms.ValidationError(_("There is no such time zone."))
        return name

    @property
    def wants_pending(self) -> bool:
        """Whether those without an outcome are asked for, alone or too."""
        return self.cleaned_data.get("outcome") in {PENDING, EVERYBODY}

    @property
    def wants_settled(self) -> bool:
        """Whether those with an outcome are asked for."""
        return self.cleaned_data.get("outcome") != PENDING

    def read(self) -> Wanted:
        """What is wanted; a filter that is wrong is shown and not applied."""
        self.is_valid()
        times = ("search", "date_from", "date_to", "hour", "time_of", "zone")
        given = {name: value for name, value in self.cleaned_data.items() if name not in times}
        if self.wants_pending:
            del given["outcome"]
        is_by_receipt = self.cleaned_data.get("time_of") == "receipt"
        return Wanted(**given, hours=self._find_hours(), is_by_receipt=is_by_receipt)

    def _find_hours(self) -> Any:
        given = self.cleaned_data
        zone = load_zone(given.get("zone") or self.transfer.app.timezone)
        days = given.get("date_from"), given.get("date_to")
        return find_stretches(days, given.get("hour"), zone, *self._find_span())

    def _find_span(self) -> tuple[datetime, datetime]:
        """When the first and the last outcome, or what came back, may have come: by the clock of a
        vendor that may be before there was a transfer."""
        created_at = self.transfer.created_at
        if self.cleaned_data.get("time_of") != "receipt":
            return created_at, self.transfer.finished_at or timezone.now()
        counts = ReceiptCount.objects.filter(part__transfer=self.transfer)
        found = counts.aggregate(first=Min("hour"), last=Max("hour"))
        return found["first"] or created_at, found["last"] or created_at

    def find_searched(self) -> Searched | None:
        """Whom the search means, None when nothing is searched for."""
        text = self.cleaned_data.get("search", "").strip()
        return find_searched(self.transfer, text, self.principal) if text else None


def _list_choices(transfer: Transfer, books: Books) -> dict[str, list[tuple[Any, Any]]]:
    """What there is of each dimension in this transfer; outcomes that it may come to have too."""
    names = dict(WAYS)
    known = {line.platform for line in books.lines if line.platform} | {*books.owed}
    came = ReceiptCount.objects.filter(part__transfer=transfer).order_by().values_list("kind")
    receipts = {kind for (kind,) in came.distinct()}
    reasons = sorted({line.reason for line in books.reasons})
    return {
        "outcome": [*Settled.choices, *STANDINGS],
        "reason": [(key, name_reason(key)) for key in reasons]
        + ([(NONE, _("none"))] if reasons else []),
        "receipt": [(key.value, RECEIPT_WORDS[key]) for key in RECEIPTS if key.value in receipts],
        "platform": [(key, names.get(key, key)) for key in sorted(known)],
        "account": _list_accounts(books),
        "told_by": [],
        "planned_at": [
            (start.isoformat(), date_format(start, "DATETIME_FORMAT"))
            for start in list_planned_starts(transfer)
        ],
        **_list_cohort_values(transfer),
        **_list_ways(transfer),
    }


def _find_known(
    transfer: Transfer, name: str, value: str, choices: list[tuple[Any, Any]]
) -> list[tuple[Any, Any]]:
    """A value that there is, and that this transfer has nobody of or need not be asked for."""
    if value in {str(key) for key, _label in choices}:
        return []
    if value == NOTHING.get(name):
        return [(value, _("none"))]
    if name in ("account", "told_by") and (number := read_id(value)):
        rows = Account.objects.filter(workspace=transfer.app.workspace_id, pk=number)
        return list(rows.values_list("pk", "name"))
    if name == "channel" and value in transfer.parts.values_list("channel", flat=True).distinct():
        return [(value, value)]
    return [way for way in WAYS if name == "platform" and way[0] == value]


def _list_accounts(books: Books) -> list[tuple[int, str]]:
    lines = [line for line in books.lines if line.platform]
    named = {line.account_id: line.account or _("none") for line in lines}
    return sorted(named.items(), key=lambda item: item[1])


def _list_cohort_values(transfer: Transfer) -> dict[str, list[tuple[Any, Any]]]:
    """Of all recipients that its app has had: there are few."""
    cohorts = Cohort.objects.filter(app=transfer.app_id).order_by()
    rows = set(cohorts.values_list("language", "country", "app_major"))
    languages, countries = {row[0] for row in rows}, {row[1] for row in rows}
    versions = sorted({row[2] for row in rows})
    return {
        "language": [(key or NONE, name_language(key) or _("none")) for key in _sort(languages)],
        "country": [(key or NONE, key or _("none")) for key in _sort(countries)],
        "app_version": [(version, version) for version in versions] if any(versions) else [],
    }


def _sort(values: Iterable[str]) -> list[str]:
    """Sorted, nothing last; of nothing alone nobody can choose."""
    known = sorted(values)
    return [*filter(None, known), *(value for value in known if not value and any(known))]


def _list_ways(transfer: Transfer) -> dict[str, list[tuple[Any, Any]]]:
    if not transfer.has_steps:
        return {"step": [], "channel": []}
    steps = list(transfer.parts.order_by("step").values_list("step", "channel").distinct())
    channels = dict.fromkeys(channel for _step, channel in steps)
    return {
        "step": [(step + 1, f"{step + 1}. {channel}") for step, channel in steps],
        "channel": [(channel, channel) for channel in channels],
    }
