"""Where tokens, opt-outs, people and devices came from, as far as it is kept.

A token and an opt-out name their import. Who registered a token is the entry that the audit log
has of that very moment. What an import wrote in one step has one moment, so a person or device
that was made at the moment of such a token or opt-out was made by that import.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.models import AuditEntry, Device, Import, Person
from campaigns.pages.authors import name_authors


@dataclass(frozen=True, slots=True)
class Source:
    """Where something came from: a sentence, and who or what it ends with."""

    words: str
    name: str = ""
    link: str = ""


class Sources:
    """Of one person and devices, told to somebody; `may_audit` says who did it, too."""

    def __init__(
        self, principal: Any, person: Person | None, devices: Sequence[Device], *, may_audit: bool
    ) -> None:
        self.evidence = {device.token_state_at: device.token_evidence for device in devices}
        if person is not None and person.opted_out_at:
            self.evidence.setdefault(person.opted_out_at, person.opt_out_reason)
        self.imports = _find_imports(principal, self.evidence.values())
        self.registrants = _find_registrants(devices) if may_audit else {}

    def of_token(self, device: Device) -> Source | None:
        """Where a token that is sent to came from; None where vendors have spoken since."""
        if device.token_evidence == Device.REGISTERED:
            actor = self.registrants.get((str(device.app_id), device.token_state_at), "")
            if actor:
                return Source(_("Shown when the device was registered, by"), actor)
            return Source(_("Shown when the device was registered."))
        return self._of(device.token_evidence)

    def of_opt_out(self, person: Person) -> Source | None:
        """Which import has opted somebody out."""
        return self._of(person.opt_out_reason)

    def of_moment(self, moment: datetime) -> Source | None:
        """Which import has written at just that moment."""
        return self._of(self.evidence.get(moment, ""))

    def _of(self, evidence: str) -> Source | None:
        if not Import.read_evidence(evidence):
            return None
        one = self.imports.get(evidence)
        if one is None:
            return Source(_("Brought by an import of another app, or one that is gone."))
        name = " · ".join(filter(None, [str(one), one.source]))
        return Source(_("Brought by the import"), name, reverse("import", args=[one.pk]))


def _find_imports(principal: Any, texts: Iterable[str]) -> dict[str, Import]:
    """The imports that these name and the principal sees, by what names them."""
    numbers = {Import.read_evidence(text) for text in texts} - {0}
    if not numbers:
        return {}
    seen = Import.objects.for_user(principal).filter(pk__in=numbers)
    return {one.evidence: one for one in seen}


def _find_registrants(devices: Sequence[Device]) -> dict[tuple[str, datetime | None], str]:
    """By app and moment, who registered devices then: a script by its key's name."""
    shown = [device for device in devices if device.token_evidence == Device.REGISTERED]
    moments = {device.token_state_at for device in shown if device.token_state_at}
    if not moments:
        return {}
    # By the moment alone, of which there is an index: an app may have a million such entries.
    entries = [
        entry
        for entry in AuditEntry.objects.filter(at__in=moments).order_by()
        if (entry.verb, entry.target_type) == ("register_devices", "app")
    ]
    workspaces = {device.app.workspace_id for device in shown}
    names = name_authors((entry.actor for entry in entries), workspaces)
    return {(one.target_id, one.at): names.get(one.actor, one.actor) for one in entries}
