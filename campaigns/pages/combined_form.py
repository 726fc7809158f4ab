"""Several segments and labels to send to, and several to spare, as choices of a form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.pages.audience_lists import NamedChoices
from campaigns.pages.fields import PageForm
from campaigns.selectors.audience_bodies import MAX_COMBINED

EVERYONE, SEGMENT, LABEL = "all", "segment", "label"
SIDES = ("include", "exclude")
COMBINE = "combine"


class CombinedForm(PageForm):
    """Adds `include` and `exclude` to an audience form. What a script has combined and no box can
    say stays in `others` as it is."""

    include = forms.MultipleChoiceField(
        label=gettext_lazy("Send to whoever is in one of these"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    exclude = forms.MultipleChoiceField(
        label=gettext_lazy("But not to who is in one of these"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    others = forms.CharField(required=False, widget=forms.HiddenInput)

    def offer_parts(self, named: NamedChoices) -> None:
        """Everyone, segments and labels of the apps, on both sides."""
        for side, everyone in zip(SIDES, ([(EVERYONE, _("Everyone"))], []), strict=True):
            chosen = [str(key).partition(":") for key in self[side].value() or ()]
            segments = named.list_segments(name for kind, _colon, name in chosen if kind == SEGMENT)
            labels = named.list_labels(name for kind, _colon, name in chosen if kind == LABEL)
            self.offer_choices(side, [
                *everyone,
                *((f"{SEGMENT}:{pk}", _("Segment %(name)s") % {"name": name})
                  for pk, name in segments),
                *((f"{LABEL}:{name}", _("Label %(name)s") % {"name": words})
                  for name, words in labels),
            ])  # fmt: skip

    def clean_others(self) -> dict[str, list[Any]]:
        """The parts that no box can say, by side."""
        try:
            kept = json.loads(self.cleaned_data["others"] or "{}")
            return {side: list(kept.get(side, [])) for side in SIDES}
        except (ValueError, RecursionError, AttributeError, TypeError) as error:
            raise forms.ValidationError(_("The form came incomplete. Reload the page.")) from error

    def clean_parts(self) -> None:
        """Note what is missing or too much once this kind of audience is chosen."""
        sides = self.write_parts()
        if not sides["include"] and "include" not in self.errors:
            self.add_error("include", _("Choose at least one segment or label to send to."))
        for side in SIDES:
            if len(sides[side]) > MAX_COMBINED:
                words = _("At most %(maximum)s can be chosen.") % {"maximum": MAX_COMBINED}
                self.add_error(side, words)

    def write_parts(self) -> dict[str, list[Any]]:
        """The value of `combine`."""
        others = self.cleaned_data.get("others") or {}
        return {
            side: [_write_part(key) for key in self.cleaned_data.get(side) or ()]
            + others.get(side, [])
            for side in SIDES
        }

    @property
    def other_parts(self) -> int:
        """How many parts no box shows."""
        text = self["others"].value() or "{}"
        try:
            return sum(len(parts) for parts in json.loads(text).values())
        except (ValueError, RecursionError, AttributeError, TypeError):
            return 0

    def place_faults(self, faults: dict[str, str]) -> dict[str, str]:
        """Faults of parts stand at the side that they are on."""
        placed = {name.removeprefix(f"{COMBINE}."): words for name, words in faults.items()}
        return super().place_faults(placed)


def _write_part(key: str) -> dict[str, Any]:
    kind, _colon, name = key.partition(":")
    if kind == EVERYONE:
        return {EVERYONE: True}
    return {"segment": int(name)} if kind == SEGMENT else {"labels": [name]}


def read_combined_initial(value: Mapping[str, Any]) -> dict[str, Any]:
    """What the form begins with for a stored `combine`."""
    initial: dict[str, Any] = {"audience_kind": COMBINE}
    others: dict[str, list[Any]] = {}
    for side in SIDES:
        initial[side], others[side] = _sort_parts(value.get(side) or ())
    return {**initial, "others": json.dumps(others) if any(others.values()) else ""}


def _sort_parts(parts: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[Any]]:
    chosen: list[str] = []
    others: list[Any] = []
    for part in parts:
        match part:
            case {"all": True}:
                chosen.append(EVERYONE)
            case {"segment": int(pk)}:
                chosen.append(f"segment:{pk}")
            case {"labels": [str(name)]}:
                chosen.append(f"label:{name}")
            case _:
                others.append(part)
    return chosen, others
