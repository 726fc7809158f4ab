"""Approvals that an erasure takes back: it has changed what they were given for."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Model
from django.utils.translation import gettext as _

from campaigns.models import Approval, AuditEntry, Campaign, Job, Message
from campaigns.selectors.approvals import needs_approval
from campaigns.services.access import record_audit
from campaigns.services.approvals import ASKABLE
from campaigns.services.erase_words import Words

VERB = "void_approval"
# Letters of a note of 500: what it says of segments comes later, and is not in the audit log.
ROOM = 320
# By whom the rows of a table are sent.
PATHS: dict[type[Model], str] = {Campaign: "campaign", Message: "campaign__message"}


def void_changed(
    job: Job, model: type[Model], rows: Collection[int], words: Words, now: datetime
) -> list[str]:
    """Keep of each campaign whose approval holds no more, as these rows were changed, and that
    still needs one, that it is so; gives a sentence of each. What was sent already was what was
    approved.

    Neither names anybody who was erased: also a campaign, or who approved it, may be called so.
    """
    if model not in PATHS or not rows:
        return []
    signed = Approval.objects.filter(
        state__in=Approval.SIGNED,
        campaign__status__in=ASKABLE,
        **{f"{PATHS[model]}__in": list(rows)},
    )
    newest = {one.campaign_id: one for one in signed.select_related("campaign").order_by("pk")}
    missing = (one for one in newest.values() if needs_approval(one.campaign))
    return [_void(job, one, words, now) for one in missing if not _is_told(one)]


def _is_told(approval: Approval) -> bool:
    kept = AuditEntry.objects.filter(
        target_type="campaign", target_id=str(approval.campaign_id), verb=VERB
    )
    return kept.filter(at__gte=approval.decided_at).exists()


def _void(job: Job, approval: Approval, words: Words, now: datetime) -> str:
    campaign, who = approval.campaign, words.clear_text(approval.decided_by)
    record_audit(
        job.created_by, VERB, campaign, workspace=job.workspace,
        fields=[_("approved by %(who)s") % {"who": who}], now=now,
    )  # fmt: skip
    told = _("Erasing somebody changed what %(who)s had approved. It needs another approval.")
    campaign.events.create(
        old=campaign.status, new=campaign.status, actor=job.created_by, at=now,
        note=told % {"who": who},
    )  # fmt: skip
    return _say(job, campaign, who, words)


def _say(job: Job, campaign: Campaign, who: str, words: Words) -> str:
    apps = job.params["apps"]
    if apps is not None and campaign.app_id not in apps:
        return _("A campaign of another app needs another approval.")
    name = words.clear_text(campaign.name)
    return _("Campaign %(number)s %(name)s needs another approval: %(who)s had approved it.") % {
        "number": campaign.pk, "name": name, "who": who,
    }  # fmt: skip


def add_sentences(note: str, sentences: list[str]) -> str:
    """A job's note with those that it has room for, and once one has none, where they all are."""
    others = _("All others are in the audit log, as void_approval.")
    for sentence in sentences:
        if note.endswith(others):
            break
        has_room = len(f"{note} {sentence} {others}") <= ROOM
        note = f"{note} {sentence if has_room else others}".strip()
    return note
