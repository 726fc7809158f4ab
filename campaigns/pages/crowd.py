"""Who an audience means in one app, counted once while somebody types at the message for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.cache import cache

from campaigns.models import App, Campaign
from campaigns.pages.composition import Composition
from campaigns.pages.digests import digest
from campaigns.selectors.audience import Audience, read_audience
from campaigns.selectors.variable_look import look_at_everybody, look_at_variables

Counted = TypeVar("Counted")
COUNT_SECONDS = 20  # while somebody types the text, the audience is not counted again
PATIENT_SECONDS = 60  # nor is what somebody has waited for


@dataclass(frozen=True, slots=True)
class Crowd:
    """An app's part of an audience, as far as `principal` may mean it. `body` is its JSON, which
    may name thousands, and is counted in several ways."""

    app: App
    body: dict[str, Any]
    only_primary: bool
    principal: Any
    known_as: str  # the body's digest

    def read(self) -> Audience:
        """It, as selectors take it. Raises Refused for what it may not be."""
        return read_audience(self.app, self.body, principal=self.principal)

    def count(self, count: Callable[..., Counted], **details: Any) -> Counted:
        """What `count` gives for it now, kept for a few seconds. Raises Refused."""
        key = self._name(count, details)
        counts: Counted | None = cache.get(key)
        if counts is None:
            counts = count(self.app, self.read(), only_primary=self.only_primary, **details)
            cache.set(key, counts, COUNT_SECONDS)
        return counts

    def look(self, names: list[str], *, is_patient: bool) -> dict[str, Any]:
        """How variables fare with it: with everybody where somebody waits for that, or has within
        a minute. Raises Refused."""
        key = self._name(look_at_everybody, {"names": names})
        known: dict[str, Any] | None = cache.get(key)
        if known is None and not is_patient:
            return self.count(look_at_variables, names=names)
        if known is None:
            known = self.count(look_at_everybody, names=names)
            cache.set(key, known, PATIENT_SECONDS)
        return known

    def _name(self, count: Callable[..., Any], details: dict[str, Any]) -> str:
        asked = [self.app.pk, self.known_as, self.only_primary, str(self.principal.pk), details]
        return f"pa-{count.__name__}-{digest(asked)}"


def list_crowds(composition: Composition, principal: Any) -> list[Crowd]:
    """The crowd of each app of a composition whose audience is valid."""
    form = composition.audience
    only_primary = form.cleaned_data["only_primary"]
    meant = (form.audience, only_primary, principal, form.known_as)
    return [Crowd(app, *meant) for app in composition.place.apps]


def read_crowd(app: App, campaign: Campaign, principal: Any) -> Crowd:
    """The crowd of a stored campaign in one of its apps."""
    body = campaign.audience
    return Crowd(app, body, campaign.only_primary, principal, digest(body))
