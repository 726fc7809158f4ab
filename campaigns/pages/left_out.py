"""Boxes of a tab for what it leaves out of what is common: that there is none is a value, too."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from providers.message_common import PLACES
from providers.message_fields import SHARED_FIELDS
from providers.message_platforms import BLOCK_FIELDS

NAME = "without"
LISTS = frozenset({"attachments", "buttons"})
LABELS = {spec.name: gettext_lazy(spec.label) for spec in SHARED_FIELDS}
# By tab, the field of its own for each common one.
OWN = {
    platform.value: {common: places[platform] for common, places in PLACES.items()}
    for platform in BLOCK_FIELDS
} | {"in_app": {"link": "tap_target"}}


def build_left_out(block: str) -> forms.MultipleChoiceField:
    """Boxes of what a tab may leave out."""
    return forms.MultipleChoiceField(
        label=gettext_lazy("Leave out what is common"),
        help_text=gettext_lazy("Here there is none, even where all others have one."),
        choices=[(common, LABELS[common]) for common in OWN[block]],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


def read_left_out(block: str, values: Mapping[str, Any] | None) -> list[str]:
    """What a stored block leaves out: its own field is set, and says nothing."""
    said = values or {}
    return [
        common
        for common, name in OWN[block].items()
        if said.get(name) is not None and not said[name]
    ]


def write_left_out(block: str, chosen: Collection[str]) -> dict[str, Any]:
    """The fields of the block that say so."""
    names = [OWN[block][common] for common in chosen]
    return {name: [] if name in LISTS else "" for name in names}
