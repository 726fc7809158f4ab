"""An audience that no box of the form can say, made by sending again: shown, and kept as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from django import forms

from campaigns.errors import Invalid
from campaigns.pages.fields import PageForm
from campaigns.pages.plan_words import say_audience
from campaigns.selectors.audience_bodies import AudienceKind, read_audience

KEPT = "kept"
KINDS = frozenset({AudienceKind.UNKNOWN_OF.value, AudienceKind.OUTCOMES_OF.value})


class KeptAudienceForm(PageForm):
    """Adds the choice `kept` to an audience form that was opened with such an audience."""

    kept = forms.CharField(required=False, widget=forms.HiddenInput)

    def offer_kept(self) -> None:
        """The choice itself, where there is something to keep."""
        audience = _read(self[KEPT].value())
        if audience:
            field = cast(forms.ChoiceField, self.fields["audience_kind"])
            offered = list(cast(list[tuple[str, str]], field.choices))
            field.choices = [(KEPT, say_audience(audience)), *offered]

    def clean_kept(self) -> dict[str, Any]:
        """The JSON of the audience; {} where nothing is kept."""
        return _read(self.cleaned_data[KEPT])


def _read(text: str | None) -> dict[str, Any]:
    """What is kept; {} for anything else."""
    try:
        body = json.loads(text or "{}")
        read_audience([], body, principal=None)
    except (ValueError, RecursionError, Invalid):
        return {}
    return body if KINDS & body.keys() else {}


def read_kept_initial(audience: Mapping[str, Any]) -> dict[str, Any]:
    """What the form begins with for a stored audience of these kinds."""
    return {"audience_kind": KEPT, KEPT: json.dumps(audience)}
