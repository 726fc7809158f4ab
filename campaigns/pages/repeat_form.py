"""When a campaign comes again, and what happens to a start that nobody made in time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.models import WhenMissed
from campaigns.models.campaign import DEFAULT_GRACE
from campaigns.models.recurrence import LAST, MAX_RUNS
from campaigns.pages.fields import PageForm
from campaigns.services.campaign_values import MAX_GRACE

WEEKDAYS = {
    "mon": gettext_lazy("Monday"),
    "tue": gettext_lazy("Tuesday"),
    "wed": gettext_lazy("Wednesday"),
    "thu": gettext_lazy("Thursday"),
    "fri": gettext_lazy("Friday"),
    "sat": gettext_lazy("Saturday"),
    "sun": gettext_lazy("Sunday"),
}
REPEAT = "repeat"
NEVER, UNTIL, RUNS = "never", "until", "runs"


class RepeatForm(PageForm):
    """The rule of a recurring campaign; looked at only when `when` says so."""

    repeat_every = forms.IntegerField(
        label=gettext_lazy("Every"), min_value=1, max_value=366, initial=1, required=False
    )
    repeat_unit = forms.ChoiceField(
        label=gettext_lazy("Days, weeks or months"),
        choices=[
            ("day", gettext_lazy("days")),
            ("week", gettext_lazy("weeks")),
            ("month", gettext_lazy("months")),
        ],
        initial="week",
        required=False,
    )
    repeat_weekdays = forms.MultipleChoiceField(
        label=gettext_lazy("On"),
        choices=list(WEEKDAYS.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None: on the weekday of the first date."),
    )
    repeat_day = forms.ChoiceField(
        label=gettext_lazy("On day"),
        choices=[
            ("", gettext_lazy("The day of the first date")),
            *((str(day), str(day)) for day in range(1, 32)),
            (LAST, gettext_lazy("The last day of the month")),
        ],
        required=False,
        help_text=gettext_lazy("A month without that day has its run on its last day."),
    )
    repeat_end = forms.ChoiceField(
        label=gettext_lazy("Ends"),
        choices=[
            (NEVER, gettext_lazy("When I cancel it")),
            (UNTIL, gettext_lazy("After a day")),
            (RUNS, gettext_lazy("After a number of times")),
        ],
        initial=NEVER,
        required=False,
    )
    repeat_until = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    repeat_runs = forms.IntegerField(
        label=gettext_lazy("Times"), min_value=1, max_value=MAX_RUNS, required=False
    )
    when_missed = forms.ChoiceField(
        label=gettext_lazy("If nothing was running at that time"),
        choices=[
            (WhenMissed.RUN_LATE.value, gettext_lazy("Send it late, once")),
            (WhenMissed.SKIP.value, gettext_lazy("Leave it out and say so")),
        ],
        initial=WhenMissed.RUN_LATE.value,
        required=False,
    )
    grace_minutes = forms.IntegerField(
        label=gettext_lazy("Late after, minutes"),
        min_value=0,
        max_value=MAX_GRACE // 60,
        initial=DEFAULT_GRACE // 60,
        required=False,
        help_text=gettext_lazy("A start that is less late than this counts as in time."),
    )

    @property
    def is_wanted(self) -> bool:
        """Whether what was posted is to come again."""
        return self.data.get("when") == REPEAT

    def clean(self) -> dict[str, Any]:
        """An end that was chosen must be said."""
        values = super().clean() or self.cleaned_data
        if self.is_wanted and values.get("repeat_end") == UNTIL and not values.get("repeat_until"):
            self.add_error("repeat_until", _("Choose the last day."))
        if self.is_wanted and values.get("repeat_end") == RUNS and not values.get("repeat_runs"):
            self.add_error("repeat_runs", _("Say how many times."))
        return values

    def write_rule(self) -> dict[str, Any] | None:
        """The native API's `recurrence`; None for a campaign sent once. Only for a valid form."""
        values = self.cleaned_data
        if not self.is_wanted:
            return None
        unit = values["repeat_unit"] or "week"
        rule: dict[str, Any] = {"unit": unit, "every": values["repeat_every"] or 1}
        if unit == "week" and values["repeat_weekdays"]:
            rule["weekdays"] = values["repeat_weekdays"]
        day = values["repeat_day"]
        if unit == "month" and day:
            rule["day"] = day if day == LAST else int(day)
        if values["repeat_end"] == UNTIL:
            rule["until"] = values["repeat_until"].isoformat()
        if values["repeat_end"] == RUNS:
            rule["runs"] = values["repeat_runs"]
        return rule

    def write_values(self) -> dict[str, Any]:
        """The native API's names."""
        values = self.cleaned_data
        minutes = values["grace_minutes"]
        return {
            "recurrence": self.write_rule(),
            "when_missed": values["when_missed"] or None,
            "grace": None if minutes is None else minutes * 60,
        }


def read_rule_initial(rule: Mapping[str, Any] | None) -> dict[str, Any]:
    """The form's values of a stored rule."""
    if not rule:
        return {}
    end = UNTIL if "until" in rule else RUNS if "runs" in rule else NEVER
    values = {f"repeat_{name}": value for name, value in rule.items()}
    return values | {"when": REPEAT, "repeat_end": end}


def describe_rule(rule: Mapping[str, Any]) -> str:
    """A rule in words: "Every 2 weeks on Monday, Thursday, 10 times"."""
    pieces = [_describe_unit(rule["unit"], rule.get("every", 1))]
    limits = []
    if rule.get("weekdays"):
        chosen = [str(label) for key, label in WEEKDAYS.items() if key in rule["weekdays"]]
        pieces.append(_("on %(days)s") % {"days": ", ".join(chosen)})
    if rule.get("day") == LAST:
        pieces.append(_("on the last day"))
    elif rule.get("day"):
        pieces.append(_("on day %(day)s") % {"day": rule["day"]})
    if rule.get("until"):
        day = date_format(date.fromisoformat(rule["until"]), "j M Y")
        limits.append(_("until %(day)s") % {"day": day})
    if rule.get("runs"):
        limits.append(ngettext("once", "%(n)d times", rule["runs"]) % {"n": rule["runs"]})
    return ", ".join([" ".join(pieces), *limits])


def _describe_unit(unit: str, every: int) -> str:
    match unit:
        case "day":
            words = ngettext("Every day", "Every %(n)d days", every)
        case "week":
            words = ngettext("Every week", "Every %(n)d weeks", every)
        case _:
            words = ngettext("Every month", "Every %(n)d months", every)
    return words % {"n": every}
