"""Whether a campaign needs an approval, whether it has one, and what waits for one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models import App, Approval, AuditEntry, Campaign, SegmentVersion, Transfer
from campaigns.selectors.audience import read_audience, select_devices
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.key_issuers import list_issuers
from campaigns.selectors.signing import digest_campaign
from campaigns.selectors.started import (
    Started,
    find_started,
    list_segments,
    read_meanings,
    settle_body,
)

State = Approval.State
LOOKED_AT = 200  # transfers
RELATED = ("campaign__app", "campaign__app_group", "campaign__group")


@dataclass(frozen=True, slots=True)
class Standing:
    """How a campaign stands with its approval: whether one is `needed`, the newest one, and
    whether that one lets it go as it is now."""

    needed: bool
    newest: Approval | None
    holds: bool

    @property
    def signed(self) -> Approval | None:
        """The newest, where it lets what it was given for go."""
        is_signed = self.newest is not None and self.newest.state in Approval.SIGNED
        return self.newest if is_signed else None

    @property
    def is_asked(self) -> bool:
        """Whether it waits for somebody's word."""
        return self.newest is not None and self.newest.state == State.ASKED

    @property
    def has_changed(self) -> bool:
        """Whether it was approved, and is not what was approved any more."""
        return self.signed is not None and not self.holds


def read_standing(campaign: Campaign, started: Started | None = None) -> Standing:
    """How it stands now, or how what was `started` of it does; what is not saved yet has no
    approval."""
    newest = find_newest(campaign)
    holds = _holds(newest, campaign, started)
    return Standing(needs_approval(campaign, started), newest, holds)


def find_holding(campaign: Campaign, started: Started | None = None) -> Approval | None:
    """The approval that lets it go as it is now, or what was `started` of it; nobody is counted."""
    newest = find_newest(campaign)
    return newest if _holds(newest, campaign, started) else None


def _holds(newest: Approval | None, campaign: Campaign, started: Started | None) -> bool:
    if newest is None or newest.state not in Approval.SIGNED:
        return False
    return newest.digest == digest_campaign(campaign, started)


def find_exempt(campaign: Campaign) -> str:
    """The digest of what needs no approval, of so many recipients as there are now; "" where one
    holds, or it needs one. Who counts before a transaction compares it there."""
    if not any(app.needs_approval for app in list_apps(campaign)) or find_holding(campaign):
        return ""
    digest = digest_campaign(campaign)
    return "" if needs_approval(campaign) else digest


def find_newest(campaign: Campaign) -> Approval | None:
    """What was asked or decided last."""
    return campaign.approvals.order_by("-pk").first() if campaign.pk else None


def needs_approval(campaign: Campaign, started: Started | None = None) -> bool:
    """Whether the policy of any of its apps asks for one. A test needs none."""
    return not campaign.is_test and bool(list_needing(campaign, started))


def list_needing(campaign: Campaign, started: Started | None = None) -> list[App]:
    """Its apps whose policy asks for an approval, of so many recipients as there are now."""
    return [app for app in list_apps(campaign) if _asks(app, campaign, started)]


def _asks(app: App, campaign: Campaign, started: Started | None) -> bool:
    if not app.needs_approval or app.approval_above is None:
        return app.needs_approval
    begun = find_started(campaign) if started is None else started
    meanings = {**read_meanings(campaign.audience), **begun.meanings}
    body = settle_body(campaign.audience, meanings)
    try:
        audience = read_audience(app, body, principal=None)
    except Invalid:  # what cannot be counted is asked about
        return True
    devices = select_devices(app, audience, only_primary=campaign.only_primary)
    # No further than to one more: how many there are does not matter.
    return app.asks_approval_of(devices.order_by()[: app.approval_above + 1].count())


def list_writers(campaign: Campaign) -> list[str]:
    """Everybody who has written any of what is approved: the campaign, and since it was begun the
    segments that say whom it goes to; of what a key wrote, whoever has the key too."""
    saved = SegmentVersion.objects.filter(
        segment__in=list(list_segments(campaign.audience)), saved_at__gte=campaign.created_at
    )
    writers = [*campaign.written_by, *saved.values_list("saved_by", flat=True)]
    return list(dict.fromkeys([*writers, *list_issuers(writers)]))


def find_missing(campaign: Campaign, exempt: str = "") -> str:
    """Why it may not go for want of an approval, as a sentence; "" where it may, and where it is
    `exempt` (`find_exempt`)."""
    if campaign.is_test or (exempt and exempt == digest_campaign(campaign)):
        return ""
    newest = find_newest(campaign)
    if _holds(newest, campaign, None):
        return ""
    names = ", ".join(app.name for app in list_needing(campaign))
    if not names:
        return ""
    if newest is not None and newest.state in Approval.SIGNED:
        words = _(
            "%(apps)s: what was approved has been changed since, or its segment, its scenario, its "
            "routes, or the app's languages or time zone. Ask for an approval again."
        )
    else:
        words = _(
            "%(apps)s: campaigns need the approval of somebody who has the role Approver and did "
            "not write them."
        )
    return words % {"apps": names}


def list_asked(principal: Any) -> QuerySet[Approval]:
    """What waits for a word, as far as one sees the campaigns; the longest waiting first."""
    return _list_seen(principal).filter(state=State.ASKED).order_by("pk")


def list_approved(principal: Any, actor: str) -> QuerySet[Approval]:
    """What the actor asked for and somebody has approved, and nobody has launched yet."""
    rows = _list_seen(principal).filter(state=State.APPROVED, asked_by=actor)
    return rows.filter(campaign__status=Campaign.Status.IN_REVIEW).order_by("decided_at")


def list_bypassed(principal: Any, since: datetime) -> QuerySet[Approval]:
    """What was sent without an approval since then, the newest first."""
    rows = _list_seen(principal).filter(state=State.BYPASSED, decided_at__gt=since)
    return rows.order_by("-decided_at")


def list_sent_without(principal: Any, since: datetime, limit: int) -> list[tuple[Transfer, str]]:
    """Single sends of scripts that went without an approval since then, each with whose key it
    was, the newest first; of the newest 200 of apps that ask for one."""
    rows = Transfer.objects.for_user(principal).filter(
        app__needs_approval=True, campaign__isnull=True, created_at__gt=since
    )
    recent = rows.select_related("app").order_by("-pk")[:LOOKED_AT]
    transfers = {str(transfer.pk): transfer for transfer in recent}
    kept = AuditEntry.objects.filter(
        target_type="transfer", target_id__in=list(transfers), verb="bypass_approval"
    )
    actors = dict(kept.values_list("target_id", "actor"))
    found = [(transfer, actors[key]) for key, transfer in transfers.items() if key in actors]
    return found[:limit]


def _list_seen(principal: Any) -> QuerySet[Approval]:
    seen = Campaign.objects.for_user(principal)
    rows: QuerySet[Approval] = Approval.objects.filter(campaign__in=seen.values("pk"))
    return rows.select_related(*RELATED)
