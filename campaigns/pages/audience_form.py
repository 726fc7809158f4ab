"""To whom, as a form: all, labels, a segment, or ids pasted from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.models import App, Campaign
from campaigns.pages.audience_lists import NamedChoices
from campaigns.pages.combined_form import COMBINE, CombinedForm, read_combined_initial
from campaigns.pages.digests import digest
from campaigns.pages.fields import LinesArea
from campaigns.pages.kept_audience import (
    KEPT,
    KINDS,
    KeptAudienceForm,
    is_long,
    read_kept_initial,
    read_long_initial,
)
from campaigns.pages.pasted_ids import (
    DEVICES,
    PERSONS,
    Pasted,
    list_id_kinds,
    read_pasted,
    split_pasted,
)
from campaigns.selectors.audience import MAX_RECIPIENTS
from providers.forms import BoundedJSONField


class AudienceForm(KeptAudienceForm, CombinedForm):
    """Gives the JSON of an audience; pasted ids become ids of ours."""

    KINDS = [
        ("all", gettext_lazy("Everyone")),
        ("labels", gettext_lazy("Labels")),
        ("segment", gettext_lazy("A segment")),
        (COMBINE, gettext_lazy("Several, with exceptions")),
        ("ids", gettext_lazy("Pasted ids")),
        ("expression", gettext_lazy("An expression")),
    ]

    audience_kind = forms.ChoiceField(
        label=gettext_lazy("Who gets it"), choices=KINDS, widget=forms.RadioSelect, initial="all"
    )
    choice_search = forms.CharField(
        label=gettext_lazy("Find labels and segments"),
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
        required=False,
        help_text=gettext_lazy("A part of the name; what is chosen stays listed."),
    )
    labels = forms.MultipleChoiceField(
        label=gettext_lazy("Labels"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=gettext_lazy("Persons who carry all of the chosen labels."),
    )
    segment = forms.TypedChoiceField(
        label=gettext_lazy("Segment"), coerce=int, required=False, empty_value=None
    )
    ids_kind = forms.ChoiceField(label=gettext_lazy("What the ids are"), required=False)
    ids = forms.CharField(
        label=gettext_lazy("Ids"),
        widget=LinesArea(attrs={"rows": 5, "spellcheck": "false", "autocomplete": "off"}),
        required=False,
        help_text=gettext_lazy("One per line, or apart by commas or blanks; at most 20,000."),
    )
    expression = BoundedJSONField(
        label=gettext_lazy("Expression"),
        widget=LinesArea(attrs={"rows": 5, "spellcheck": "false"}),
        required=False,
        help_text=gettext_lazy(
            'JSON over attributes, for example {"field": "device.language", "op": "eq", '
            '"value": "de"}. Save it as a segment to use it again.'
        ),
    )
    only_primary = forms.BooleanField(
        label=gettext_lazy("Only the primary device of each person"), required=False
    )

    def __init__(self, *args: Any, apps: Sequence[App], principal: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.apps, self.principal = apps, principal
        self.pasted = Pasted({}, [])
        self.named = NamedChoices(apps, principal, self["choice_search"].value() or "")
        self.offer_choices("labels", self.named.list_labels(self["labels"].value() or ()))
        segments = self.named.list_segments([self["segment"].value() or ""])
        self.offer_choices("segment", [("", "---------"), *segments])
        self.offer_choices("ids_kind", list_id_kinds())
        self.offer_parts(self.named)
        self.offer_kept(apps, principal)

    def clean(self) -> dict[str, Any]:
        """What belongs to the chosen kind must be there."""
        values = super().clean() or self.cleaned_data
        kind = values.get("audience_kind", "")
        missing = {
            "labels": _("Choose at least one label."),
            "segment": _("Choose a segment."),
            "expression": _("Write the expression, or choose somebody else."),
            KEPT: _("Choose who gets it."),
        }
        if kind in missing and kind not in self.errors and not values.get(kind):
            self.add_error(kind, missing[kind])
        if kind == COMBINE:
            self.clean_parts()
        if kind == "ids":
            self._clean_ids(split_pasted(self._read_kind(), values.get("ids") or ""))
        return values

    def _read_kind(self) -> str:
        return self.cleaned_data.get("ids_kind") or PERSONS

    def _clean_ids(self, ids: list[str]) -> None:
        if not ids:
            self.add_error("ids", _("Paste at least one id."))
        elif len(ids) > MAX_RECIPIENTS:
            words = _("These are %(count)s ids; at most %(maximum)s can be named.")
            self.add_error("ids", words % {"count": len(ids), "maximum": MAX_RECIPIENTS})
        else:
            self._resolve_ids(ids)

    def _resolve_ids(self, ids: list[str]) -> None:
        self.pasted = read_pasted(self.apps, self.principal, self._read_kind(), ids)
        if not self.pasted.count:
            words = _("None of these ids is known here. Check what kind of ids they are.")
            self.add_error("ids", words)
        elif self.pasted.count > MAX_RECIPIENTS:
            words = _("These ids mean %(count)s recipients; at most %(maximum)s can be named.")
            self.add_error("ids", words % {"count": self.pasted.count, "maximum": MAX_RECIPIENTS})

    @cached_property
    def audience(self) -> dict[str, Any]:
        """The audience's JSON: exactly one key. Only for a valid form."""
        kind = self.cleaned_data["audience_kind"]
        if kind == "ids":
            return dict(self.pasted.audience)
        if kind == COMBINE:
            return {COMBINE: self.write_parts()}
        if kind == KEPT:
            return dict(self.cleaned_data[KEPT])
        return {kind: True if kind == "all" else self.cleaned_data[kind]}

    @cached_property
    def known_as(self) -> str:
        """The digest of the audience. Only for a valid form."""
        return digest(self.audience)

    def keep_stored(self, campaign: Campaign) -> None:
        """Of what was posted draw a name alone where it is a long list that is stored by now."""
        if not self.is_bound or not is_long(campaign.audience):
            return
        asked = AudienceForm(self.data, apps=self.apps, principal=self.principal)
        if asked.is_valid() and asked.audience == campaign.audience:
            posted = cast(QueryDict, self.data).copy()
            for name, text in (read_long_initial(campaign) | {"ids": "", "expression": ""}).items():
                posted[name] = text
            self.data = posted
            self.offer_kept(self.apps, self.principal)

    @property
    def unknown_words(self) -> str:
        """A sentence about pasted ids that nobody knows, or ""."""
        unknown = self.pasted.unknown
        if not unknown:
            return ""
        some = ", ".join(value[:40] for value in islice(unknown, 5))
        more = "…" if len(unknown) > 5 else ""
        return self._choose_words(len(unknown)) % {"count": len(unknown), "some": some + more}

    def _choose_words(self, count: int) -> str:
        if self._read_kind() != PERSONS:
            return ngettext(
                "%(count)s id is unknown and left out: %(some)s",
                "%(count)s ids are unknown and left out: %(some)s",
                count,
            )
        # They stay in the draft: somebody may have them by the time it is sent.
        return ngettext(
            "%(count)s id is unknown, and reaches nobody as long as it is: %(some)s",
            "%(count)s ids are unknown, and reach nobody as long as they are: %(some)s",
            count,
        )


def read_audience_initial(campaign: Campaign) -> dict[str, Any]:
    """What the form begins with for a stored campaign."""
    audience = campaign.audience
    if is_long(audience):
        return read_long_initial(campaign)
    kind, value = next(iter(audience.items()), ("all", cast(Any, True)))
    if kind in (PERSONS, DEVICES):
        lines = "\n".join(str(item) for item in value)
        return {"audience_kind": "ids", "ids_kind": kind, "ids": lines}
    if kind == COMBINE:
        return read_combined_initial(value)
    if kind in KINDS:
        return read_kept_initial(audience)
    return {"audience_kind": kind, kind: value}
