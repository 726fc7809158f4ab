"""A second person's word: asking for it, giving it, sending back, and going without.

Whoever calls has asked for the role or the scope. Each verb locks the campaign's row first, so
that of two approvers, or of one and somebody who edits, the second is told.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from campaigns.dispatch.plan import DECIDING
from campaigns.errors import ChangedMeanwhile, Conflict, Forbidden, IllegalMove, Invalid, NotReady
from campaigns.models import App, Approval, Campaign, Membership, Transfer
from campaigns.selectors.approvals import find_newest, list_writers, needs_approval
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.signing import digest_campaign
from campaigns.services.access import HOLDERS, record_audit
from campaigns.services.preflight import MISSING, find_problems

State = Approval.State
Status = Campaign.Status
MAX_NOTE = 500
MOST_APPROVERS = 8
# Where somebody's word may still be wanted; a series that something stopped goes on afterwards.
ASKABLE = Campaign.EDITABLE | Campaign.WAITING | {Status.PAUSED}


def request_approval(campaign: Campaign, *, actor: str, now: datetime, note: str = "") -> Approval:
    """Ask for an approval: a draft is in review from now on. Nothing is signed yet.

    Raises NotReady with what else stands against launching it, IllegalMove, ChangedMeanwhile, and
    Conflict where it is asked already or needs none.
    """
    note = _read_note(note)
    campaign.refresh_from_db()
    _refuse_asked(campaign)
    digest = digest_campaign(campaign)
    _refuse_asking(campaign, now)
    with transaction.atomic():
        _lock(campaign)
        _refuse_asked(campaign)
        # Recipients are counted before, as that takes time; what was counted is still the same.
        if digest != digest_campaign(campaign):
            raise ChangedMeanwhile(_("Somebody else has just changed this. Reload the page."))
        void_approvals(campaign, actor=actor, now=now)
        if campaign.status == Status.DRAFT:
            campaign.move_to(Status.IN_REVIEW, actor=actor, now=now, note=note, unchanged=DECIDING)
        else:
            _keep_trace(campaign, _("Asked for an approval."), actor, now)
        approval = Approval.objects.create(
            campaign=campaign, asked_by=actor, asked_at=now, note=note
        )
        record_audit(actor, "request_approval", campaign, workspace=campaign.workspace, now=now)
    return approval


def list_approvers(campaign: Campaign, writers: Collection[str]) -> list[str]:
    """Names of the first few who can approve it: with the role for all its apps, and not among
    those who wrote any of it."""
    users = get_user_model().objects.filter(is_active=True)
    for app in list_apps(campaign):
        users = users.filter(Q(is_superuser=True) | Q(pk__in=_list_holders(app)))
    named = users.exclude(username__in=writers).order_by("username")
    return list(named.values_list("username", flat=True)[:MOST_APPROVERS])


def _list_holders(app: App) -> QuerySet[Any]:
    held = Membership.objects.filter(
        Q(app=app) | Q(app__isnull=True),
        workspace=app.workspace_id,
        role__in=HOLDERS[Membership.Role.APPROVER],
    )
    return held.values("user_id")


def is_askable(campaign: Campaign) -> bool:
    """Whether somebody's word may still be wanted: of what was paused only while it is still open
    whom it goes to."""
    if campaign.status != Status.PAUSED or campaign.recurrence is not None:
        return campaign.status in ASKABLE
    paused = campaign.transfers.filter(status=Transfer.Status.PAUSED, frozen_at__isnull=True)
    return bool(paused.exists())


def _refuse_asked(campaign: Campaign) -> None:
    if not is_askable(campaign):
        words = _("Nothing that is %(now)s is approved any more.")
        raise IllegalMove(words % {"now": campaign.get_status_display()})
    newest = find_newest(campaign)
    if newest is not None and newest.state == State.ASKED:
        raise Conflict(_("It waits for an approval already."), code="asked_already")


def _refuse_asking(campaign: Campaign, now: datetime) -> None:
    if not needs_approval(campaign):
        words = _("It needs no approval, neither by its app's policy nor for so few recipients.")
        raise Conflict(words, code="not_needed")
    if campaign.status in Campaign.EDITABLE:
        found = find_problems(campaign, now=now)
        blocking = [item for item in found if item.is_blocking and item.code != MISSING]
        if blocking:
            sentences = dict.fromkeys(problem.sentence for problem in blocking)
            raise NotReady(" ".join(sentences), code=blocking[0].code)


def approve_campaign(
    campaign: Campaign, version: str, *, actor: str, now: datetime, note: str = ""
) -> Approval:
    """Sign what was looked at: `version` is its digest.

    Raises Forbidden for whoever has written any of it, by a key of theirs too, Conflict when
    nothing is asked, and ChangedMeanwhile when it is not any more what was looked at.
    """
    with transaction.atomic():
        _lock(campaign)
        approval = _find_asked(campaign)
        if actor in list_writers(campaign):
            raise Forbidden(
                _("You, or a key of yours, wrote some of this: somebody else must approve it."),
                code="own_work",
            )
        digest = digest_campaign(campaign)
        if version != digest:
            raise ChangedMeanwhile(
                _("It has been changed since you opened this page. Look at it again, as it is now.")
            )
        _decide(approval, State.APPROVED, actor, now, note=_read_note(note), digest=digest)
        _keep_trace(campaign, _("Approved."), actor, now)
        record_audit(actor, "approve_campaign", campaign, workspace=campaign.workspace, now=now)
    return approval


def send_back_campaign(campaign: Campaign, note: str, *, actor: str, now: datetime) -> Approval:
    """Say no, with a reason: what waits for a word or for its time becomes a draft again.

    Raises Invalid without a note, Conflict when nothing is asked or approved.
    """
    note = _read_note(note)
    if not note:
        words = _("Say what should be changed.")
        raise Invalid(words, fields={"note": words})
    with transaction.atomic():
        _lock(campaign)
        approval = campaign.approvals.filter(state__in=Approval.OPEN).order_by("-pk").first()
        if approval is None or campaign.status not in ASKABLE:
            raise Conflict(_("Nobody has asked for an approval of it."), code="nothing_asked")
        _decide(approval, State.SENT_BACK, actor, now, note=note)
        if campaign.status == Status.IN_REVIEW or campaign.status in Campaign.WAITING:
            _take_back(campaign, actor, now, note)
        record_audit(actor, "send_back_campaign", campaign, workspace=campaign.workspace, now=now)
    return approval


def _take_back(campaign: Campaign, actor: str, now: datetime, note: str) -> None:
    # A run that is under way goes on; a series that has one stays where it is.
    if campaign.transfers.filter(finished_at__isnull=True).exists():
        return
    campaign.move_to(Status.DRAFT, actor=actor, now=now, note=note, unchanged=DECIDING)


def note_bypass(campaign: Campaign, reason: str, *, actor: str, now: datetime) -> None:
    """Keep that it goes without an approval, in the caller's transaction; home shows it."""
    void_approvals(campaign, actor=actor, now=now)
    Approval.objects.create(
        campaign=campaign,
        state=State.BYPASSED,
        digest=digest_campaign(campaign),
        asked_by=actor,
        asked_at=now,
        decided_by=actor,
        decided_at=now,
        note=reason[:MAX_NOTE],
    )
    record_audit(actor, "bypass_approval", campaign, workspace=campaign.workspace, now=now)


def void_approvals(campaign: Campaign, *, actor: str, now: datetime) -> None:
    """An edit takes back whatever was asked, approved or bypassed."""
    alive = Approval.OPEN | Approval.SIGNED
    campaign.approvals.filter(state__in=alive).update(
        state=State.VOID, decided_by=actor, decided_at=now
    )


def void_bypasses(campaign: Campaign, *, actor: str, now: datetime) -> None:
    """Going without holds for one launch: what is taken back asks again."""
    campaign.approvals.filter(state=State.BYPASSED).update(
        state=State.VOID, decided_by=actor, decided_at=now
    )


def _lock(campaign: Campaign) -> None:
    """Take the row and read it anew: who decides, decides about what it is now."""
    Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
    campaign.refresh_from_db()


def _find_asked(campaign: Campaign) -> Approval:
    approval: Approval | None = campaign.approvals.filter(state=State.ASKED).first()
    if approval is None or campaign.status not in ASKABLE:
        raise Conflict(_("Nobody has asked for an approval of it."), code="nothing_asked")
    return approval


def _decide(
    approval: Approval, state: str, actor: str, now: datetime, *, note: str, digest: str = ""
) -> None:
    values = {"state": state, "decided_by": actor, "decided_at": now}
    values |= {"note": note or approval.note, "digest": digest}
    unmoved = Approval.objects.filter(pk=approval.pk, state=approval.state)
    if not unmoved.update(**values):
        raise ChangedMeanwhile(_("Somebody else has just decided it. Reload the page."))
    for name, value in values.items():
        setattr(approval, name, value)


def _keep_trace(campaign: Campaign, note: str, actor: str, now: datetime) -> None:
    campaign.events.create(old=campaign.status, new=campaign.status, actor=actor, at=now, note=note)


def _read_note(note: str) -> str:
    text = note.strip()
    if len(text) > MAX_NOTE:
        words = _("At most %(most)d characters.") % {"most": MAX_NOTE}
        raise Invalid(words, fields={"note": words})
    return text
