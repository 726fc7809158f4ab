"""An audience that is shown and kept as it is: one that no box of the form can say, made by sending
again, or one whose list is so long that it stays with its campaign instead of in the page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, cast

from django import forms
from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models import App, Campaign
from campaigns.pages.digests import digest
from campaigns.pages.fields import PageForm
from campaigns.pages.plan_words import say_audience
from campaigns.selectors.audience_bodies import AudienceKind, read_audience
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.row_ids import read_id

KEPT = "kept"
KINDS = frozenset({AudienceKind.UNKNOWN_OF.value, AudienceKind.OUTCOMES_OF.value})
NAMED = (AudienceKind.PERSONS.value, AudienceKind.DEVICES.value)
# Letters of an audience's JSON up to which a page holds all of it.
MOST_LETTERS = 30_000
SHOWN = 5  # ids


class KeptAudienceForm(PageForm):
    """Adds the choice `kept` to an audience form that was opened with such an audience."""

    kept = forms.CharField(required=False, widget=forms.HiddenInput)

    def offer_kept(self, apps: Sequence[App], principal: Any) -> None:
        """The choice itself, where there is something to keep."""
        text = self[KEPT].value() or ""
        self.kept_audience = {}
        if text:
            self.kept_audience = _read(text) or _read_stored(text, apps, principal)
            field = cast(forms.ChoiceField, self.fields["audience_kind"])
            others = [one for one in cast(list[tuple[str, str]], field.choices) if one[0] != KEPT]
            field.choices = [(KEPT, _say(self.kept_audience)), *others]

    def clean_kept(self) -> dict[str, Any]:
        """The JSON of the audience; {} where nothing is kept."""
        return self.kept_audience


def _say(audience: dict[str, Any]) -> str:
    if not audience:
        return _("What was here before, which is not stored so any more")
    words = say_audience(audience)
    if KINDS & audience.keys():
        return words
    [value] = audience.values()
    is_named = bool(audience.keys() & set(NAMED))
    some = ", ".join(str(one)[:40] for one in islice(value, SHOWN)) if is_named else ""
    if some:
        return _("%(words)s, kept as they are: %(some)s…") % {"words": words, "some": some}
    return _("%(words)s, kept as it is") % {"words": words}


def _load(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _read(text: str) -> dict[str, Any]:
    """What the text itself says; {} for anything else."""
    body = _load(text)
    try:
        read_audience([], body, principal=None)
    except Invalid:
        return {}
    return body if KINDS & body.keys() else {}


def _read_stored(text: str, apps: Sequence[App], principal: Any) -> dict[str, Any]:
    """The audience of the campaign that the text names, as long as it is for these apps and is
    what it was when the page was drawn; {} for anything else."""
    named = _load(text)
    rows = Campaign.objects.for_user(principal).select_related("app", "app_group")
    campaign = rows.filter(pk=read_id(str(named.get("campaign", "")))).first()
    if campaign is None or {app.pk for app in apps} != {app.pk for app in list_apps(campaign)}:
        return {}
    return campaign.audience if digest(campaign.audience) == named.get("digest") else {}


def is_long(audience: Mapping[str, Any]) -> bool:
    """Whether its page holds a name of it instead of all that it says."""
    return len(json.dumps(audience)) > MOST_LETTERS


def read_kept_initial(audience: Mapping[str, Any]) -> dict[str, Any]:
    """What the form begins with for a stored audience of these kinds."""
    return {"audience_kind": KEPT, KEPT: json.dumps(audience)}


def read_long_initial(campaign: Campaign) -> dict[str, Any]:
    """What the form begins with for a campaign with a long list."""
    named = {"campaign": campaign.pk, "digest": digest(campaign.audience)}
    return {"audience_kind": KEPT, KEPT: json.dumps(named)}
