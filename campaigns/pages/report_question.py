"""What a report page asks, read from its address: days, app, dimension, and what narrows it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from typing import Any
from urllib.parse import quote_plus

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import App
from campaigns.pages.fields import DayField, PageForm
from campaigns.selectors.questions import NARROWING, Dimension, Question, is_value
from campaigns.selectors.report_facts import MAX_DAYS, make_span
from campaigns.selectors.reports import find_zone
from campaigns.services.report_jobs import FIELDS
from providers.reporting import read_zone

DEFAULT_DAYS = 29
ASCII = re.compile(r"[\x00-\x7f]+")
OF_SENDS = "of_sends"
DIMENSIONS = [
    (Dimension.GROUP, gettext_lazy("Group, tag, transfer")),
    (Dimension.TAG, gettext_lazy("Tag")),
    (Dimension.TRANSFER, gettext_lazy("Transfer")),
    (Dimension.CHANNEL, gettext_lazy("Channel")),
    (Dimension.PLATFORM, gettext_lazy("Platform")),
    (Dimension.LANGUAGE, gettext_lazy("Language")),
    (Dimension.COUNTRY, gettext_lazy("Country")),
    (Dimension.APP_VERSION, gettext_lazy("App version (major)")),
    (Dimension.ACCOUNT, gettext_lazy("Account")),
    (Dimension.DAY, gettext_lazy("Day")),
    (Dimension.HOUR, gettext_lazy("Hour of the day")),
    (Dimension.SEND_HOUR, gettext_lazy("Hour of sending")),
    (Dimension.REASON, gettext_lazy("Outcome and reason")),
]
WORDS = {**dict(DIMENSIONS), Dimension.GROUP: gettext_lazy("Group")}


class ReportFilter(PageForm):
    """Days, app and dimension of a report."""

    date_from = DayField(label=gettext_lazy("From"), widget=forms.DateInput({"type": "date"}))
    date_to = DayField(label=gettext_lazy("To"), widget=forms.DateInput({"type": "date"}))
    app = forms.ModelChoiceField(
        App.objects.none(),
        label=gettext_lazy("App"),
        required=False,
        empty_label=gettext_lazy("All apps"),
    )
    by = forms.ChoiceField(label=gettext_lazy("By"), choices=DIMENSIONS, required=False)

    def __init__(self, *args: Any, principal: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("app", App.objects.for_user(principal).order_by("name"))

    def clean(self) -> dict[str, Any]:
        """The first day comes first, and not more than a year is asked for."""
        values = super().clean() or self.cleaned_data
        first, last = values.get("date_from"), values.get("date_to")
        if first and last and not 0 <= (last - first).days <= MAX_DAYS:
            self.add_error("date_to", _("Choose a day after the first, at most a year later."))
        return values


class BackgroundForm(PageForm):
    """By what."""

    field = forms.ChoiceField(label=gettext_lazy("Field"), choices=list(FIELDS.items()),
                              required=False)  # fmt: skip
    custom = forms.CharField(
        label=gettext_lazy("Or a custom attribute"),
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"placeholder": "person.custom.plan"}),
        help_text=gettext_lazy("Of persons, or of devices: device.custom.plan."),
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is about. `only` has what it is narrowed to, by dimension; with a value there
    that no line can have it `is_of_nothing`, and its form says so."""

    form: ReportFilter
    app_ids: list[int]
    days: tuple[date, date]
    zone: tzinfo
    by: Dimension
    only: Mapping[Dimension, str]
    is_of_sends: bool = False

    @property
    def is_of_nothing(self) -> bool:
        """Whether it is narrowed to what there cannot be."""
        return bool(self.form.non_field_errors())

    def ask(self, by: Dimension | None = None, **only: str) -> Question:
        """The question for the books, of another dimension or narrowed further if that is said."""
        narrowed = {**self.only, **{Dimension(name): value for name, value in only.items()}}
        span = make_span(self.app_ids, self.days, self.zone)
        return Question(span, by or self.by, self.zone, narrowed, self.is_of_sends)

    def write_query(self, changes: Mapping[str, str], drop: Dimension | None = None) -> str:
        """The address of this report with some values changed, or without one that narrows it."""
        app = self.form.cleaned_data.get("app")
        values = {
            "date_from": self.days[0].isoformat(),
            "date_to": self.days[1].isoformat(),
            **({"app": str(app.pk)} if app else {}),
            "by": self.by.value,
            # A tag or a language may be empty and still be what is asked for.
            **{name.value: value for name, value in self.only.items() if name is not drop},
            **({OF_SENDS: "1"} if self.is_of_sends else {}),
            **changes,
        }
        return "?" + "&".join(f"{name}={quote_ascii(value)}" for name, value in values.items())


def quote_ascii(text: str) -> str:
    """Letters beyond ASCII stay as they are, as links of pages may: percent signs make each nine
    characters long, and a report has hundreds of links with the same tag."""
    return ASCII.sub(lambda found: quote_plus(found[0]), text)


def read_asked(principal: Any, query: QueryDict) -> Asked:
    """A report that is asked for wrongly is that of the last 30 days, with its faults shown."""
    own = list(App.objects.for_user(principal).order_by("pk").values_list("pk", flat=True))
    app_ids = [pk for pk in own if str(pk) == query.get("app")] or own
    zone = read_zone(find_zone(app_ids))
    today = timezone.now().astimezone(zone).date()  # days are cut by this clock
    values = query.copy()
    values.setdefault("date_from", (today - timedelta(days=DEFAULT_DAYS)).isoformat())
    values.setdefault("date_to", today.isoformat())
    values.setdefault("by", Dimension.GROUP)
    form = ReportFilter(values, principal=principal)
    form.is_valid()
    only, given = read_narrowing(query, form), form.cleaned_data
    if form.errors.keys() - {NON_FIELD_ERRORS}:
        days = (today - timedelta(days=DEFAULT_DAYS), today)
        return Asked(form, app_ids, days, zone, Dimension.GROUP, only)
    days = given["date_from"], given["date_to"]
    by = Dimension(given["by"] or Dimension.GROUP)
    return Asked(form, app_ids, days, zone, by, only, query.get(OF_SENDS) == "1")


def read_narrowing(query: Mapping[str, Any], form: ReportFilter) -> dict[Dimension, str]:
    """What narrows a report; of a value that none of its lines can have the form says so."""
    given = {name: str(query[name]) for name in NARROWING if name in query}
    words = _("No line of a report has this: %(name)s “%(value)s”.")
    for name, value in given.items():
        if not is_value(name, value):
            shown = value.replace("\0", "").strip()[:60]
            form.add_error(None, words % {"name": WORDS[name], "value": shown})
    return {name: value for name, value in given.items() if is_value(name, value)}
