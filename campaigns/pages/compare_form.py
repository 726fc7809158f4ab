"""Which two campaigns are compared: found by a part of the name, or by the number."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import Exists, Min, OuterRef, QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Campaign, Transfer
from campaigns.pages.fields import PageForm

OFFERED = 200
# `15`, `#15`, or what is offered, which ends so.
NUMBER = re.compile(r"(?:^|#)([0-9]{1,15})$")
HELP = gettext_lazy("A part of its name, or #15 for the campaign of this number.")


class CompareForm(PageForm):
    """Two of the campaigns that have started; the newest are offered with their days."""

    a = forms.CharField(label=gettext_lazy("Campaign"), max_length=300, help_text=HELP)
    b = forms.CharField(label=gettext_lazy("Compared with"), max_length=300, help_text=HELP)

    def __init__(self, *args: Any, principal: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.principal = principal
        for field in self.fields.values():
            field.widget.attrs |= {"list": "pa-campaigns", "autocomplete": "off"}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        for name in [name for name in ("a", "b") if name in values]:
            found = find_campaigns(values[name], self.principal)
            if len(found) == 1:
                values[name] = found[0]
                self._spell(name, found[0])
            else:
                self.add_error(name, _tell_fault(found))
        return values

    def _spell(self, name: str, campaign: Campaign) -> None:
        """The field shows what was found, however it was asked for."""
        self.data = {**dict(self.data.items()), name: name_campaigns([campaign])[0]}


def _tell_fault(found: list[Campaign]) -> str:
    if found:
        return _("Several campaigns are called so; choose one from the list.")
    return _("No campaign that has started is called so; choose one from the list.")


def find_campaigns(text: str, principal: Any) -> list[Campaign]:
    """Those that the text means; more than one where it is not clear."""
    started, number = list_started(principal), NUMBER.search(text)
    numbered = Campaign.objects.for_user(principal).filter(pk=int(number[1]) if number else 0)
    named, partly = started.filter(name=text), started.filter(name__icontains=text)
    is_number = text.lstrip("#").isdecimal()
    ways = (numbered, named, partly) if is_number else (named, numbered, partly)
    return next((found for rows in ways if (found := list(rows[:2]))), [])


def list_started(principal: Any) -> QuerySet[Campaign]:
    """No tests, and no drafts: of these there is nothing to compare. The newest come first."""
    has_started = Exists(Transfer.objects.filter(campaign=OuterRef("pk")))
    rows = Campaign.objects.for_user(principal).filter(has_started, is_test=False)
    return rows.select_related("app").order_by("-pk")


def name_campaigns(campaigns: Iterable[Campaign]) -> list[str]:
    """Each by its name, the day it began and its number."""
    rows = list(campaigns)
    began = dict(
        Transfer.objects.filter(campaign__in=rows)
        .order_by()
        .values_list("campaign")
        .annotate(began=Min("due_at"))
    )
    return [_name_campaign(row, began.get(row.pk)) for row in rows]


def _name_campaign(campaign: Campaign, began: Any) -> str:
    zone = zoneinfo.ZoneInfo(campaign.home_zone)
    day = [date_format(began.astimezone(zone), "j M Y")] if began else []
    return " · ".join([campaign.name, *day, f"#{campaign.pk}"])
