"""To whom, as a form: all, labels, a segment, or ids pasted from anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.models import App, Campaign, Device, DeviceIdentifier
from campaigns.models.audience import hash64
from campaigns.pages.audience_lists import list_labels, list_segments
from campaigns.pages.combined_form import COMBINE, CombinedForm, read_combined_initial
from campaigns.pages.digests import digest
from campaigns.pages.fields import split_ids
from campaigns.pages.kept_audience import (
    KEPT,
    KINDS,
    KeptAudienceForm,
    is_long,
    read_kept_initial,
    read_long_initial,
)
from campaigns.selectors.audience import MAX_RECIPIENTS
from campaigns.selectors.row_ids import read_id
from providers import registry
from providers.forms import BoundedJSONField

PERSONS = "persons"
DEVICES = "devices"
TOKENS = "token"
CHUNK = 500  # values per query, below every database's limit of parameters


class AudienceForm(KeptAudienceForm, CombinedForm):
    """Gives the JSON of an audience; ids of vendors become ids of our devices."""

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
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "autocomplete": "off"}),
        required=False,
        help_text=gettext_lazy("One per line, or apart by commas or blanks; at most 20,000."),
    )
    expression = BoundedJSONField(
        label=gettext_lazy("Expression"),
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
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
        self.unknown_ids: list[str] = []
        self.offer_choices("labels", list_labels(apps, principal, self["labels"].value() or ()))
        self.offer_choices("segment", [("", "---------"), *list_segments(apps, principal)])
        self.offer_choices("ids_kind", list_id_kinds())
        self.offer_parts(apps, principal)
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
            self._clean_ids(split_ids(values.get("ids") or ""))
        return values

    def _clean_ids(self, ids: list[str]) -> None:
        if not ids:
            self.add_error("ids", _("Paste at least one id."))
        elif len(ids) > MAX_RECIPIENTS:
            words = _("These are %(count)s ids; at most %(maximum)s can be named.")
            self.add_error("ids", words % {"count": len(ids), "maximum": MAX_RECIPIENTS})
        else:
            self._resolve_ids(ids)

    def _resolve_ids(self, ids: list[str]) -> None:
        kind = self.cleaned_data.get("ids_kind") or PERSONS
        if kind == PERSONS:
            self.resolved: list[Any] = ids
            return
        found = find_devices(self.apps, kind, ids)
        self.unknown_ids = [value for value in ids if value not in found]
        self.resolved = sorted(set(found.values()))
        if not self.resolved:
            words = _("None of these ids is known here. Check what kind of ids they are.")
            self.add_error("ids", words)

    @cached_property
    def audience(self) -> dict[str, Any]:
        """The audience's JSON: exactly one key. Only for a valid form."""
        kind = self.cleaned_data["audience_kind"]
        if kind == "ids":
            is_persons = (self.cleaned_data.get("ids_kind") or PERSONS) == PERSONS
            return {PERSONS if is_persons else DEVICES: self.resolved}
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
        count = len(self.unknown_ids)
        if not count:
            return ""
        words = ngettext(
            "%(count)s id is unknown and left out: %(some)s",
            "%(count)s ids are unknown and left out: %(some)s",
            count,
        )
        some = ", ".join(value[:40] for value in islice(self.unknown_ids, 5))
        return words % {"count": count, "some": some + ("…" if count > 5 else "")}


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


def list_id_kinds() -> list[tuple[str, str]]:
    """What pasted ids may be: ours, push tokens, and every kind that a vendor declares."""
    kinds = {
        kind.name: kind.name
        for dialect in registry.all_dialects()
        for kind in dialect.identifier_kinds
        if not kind.is_token
    }
    return [
        (PERSONS, _("External user ids")),
        (DEVICES, _("Device ids (numbers)")),
        (TOKENS, _("Push tokens")),
        *sorted(kinds.items()),
    ]


def find_devices(apps: Sequence[App], kind: str, values: Sequence[str]) -> dict[str, int]:
    """Which devices of the apps these ids mean: `{value: device id}`; unknown ones are absent."""
    found: dict[str, int] = {}
    for chunk in _chunks(values):
        found |= _find_chunk(apps, kind, chunk)
    return found


def _find_chunk(apps: Sequence[App], kind: str, values: list[str]) -> dict[str, int]:
    devices = Device.objects.filter(app__in=apps)
    if kind == DEVICES:
        numbers = [read_id(value) for value in values]
        return {str(pk): pk for pk in devices.filter(pk__in=numbers).values_list("pk", flat=True)}
    hashes = [hash64(value) for value in values]
    if kind == TOKENS:
        rows: Any = devices.filter(token_hash__in=hashes).values_list("token", "pk")
    else:
        named = DeviceIdentifier.objects.filter(app__in=apps, kind=kind, value_hash__in=hashes)
        rows = named.values_list("value", "device_id")
    wanted = set(values)
    return {value: pk for value, pk in rows if value in wanted}


def _chunks(values: Sequence[str]) -> Iterable[list[str]]:
    for start in range(0, len(values), CHUNK):
        yield list(values[start : start + CHUNK])
