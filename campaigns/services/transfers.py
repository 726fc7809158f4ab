"""Pause, resume and cancel transfers, alone or all those of a campaign."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from campaigns.dispatch.bursts import count_answers
from campaigns.dispatch.recalls import ask_back, empty_inboxes
from campaigns.dispatch.wakes import wake
from campaigns.errors import ChangedMeanwhile, Conflict, IllegalMove
from campaigns.models import Approval, Campaign, Transfer
from campaigns.selectors.approvals import find_holding, find_newest, needs_approval
from campaigns.selectors.forgotten import FORGOTTEN, find_forgotten
from campaigns.selectors.signing import digest_campaign
from campaigns.selectors.started import APPROVAL, Started, read_started
from campaigns.services.access import record_audit

Status = Transfer.Status
Move = Callable[..., None]


def pause_transfer(transfer: Transfer, *, actor: str, now: datetime) -> Transfer:
    """Stop sending for now; calls in flight still end. Raises IllegalMove, ChangedMeanwhile."""
    return _act(transfer, _pause, "pause_transfer", actor=actor, now=now)


def resume_transfer(transfer: Transfer, *, actor: str, now: datetime) -> Transfer:
    """Go on where a pause stopped it. Raises IllegalMove, ChangedMeanwhile."""
    resume = partial(_resume, exempt=find_exempt_runs([transfer]))
    with transaction.atomic():
        _act(transfer, resume, "resume_transfer", actor=actor, now=now)
        _follow(transfer.campaign, actor=actor, now=now)
    return transfer


def cancel_transfer(transfer: Transfer, *, actor: str, now: datetime) -> Transfer:
    """End it; whoever has not been sent to is settled as cancelled, and vendors that can are asked
    to take back what they have accepted; what waits in inboxes we take back ourselves. Of what is
    sent already only that is left to do.

    Raises IllegalMove where there is nothing to stop, and ChangedMeanwhile.
    """
    if transfer.status == Status.SENT:
        return _act(transfer, _recall, "recall_transfer", actor=actor, now=now)
    return _act(transfer, _cancel, "cancel_transfer", actor=actor, now=now)


def _act(transfer: Transfer, move: Move, verb: str, *, actor: str, now: datetime) -> Transfer:
    with transaction.atomic():
        move(transfer, actor=actor, now=now)
        workspace = transfer.app.workspace
        record_audit(actor, verb, transfer, workspace=workspace, now=now)
    return transfer


def _pause(transfer: Transfer, *, actor: str, now: datetime) -> None:
    transfer.move_to(Status.PAUSED, actor=actor, now=now)


def _resume(transfer: Transfer, *, actor: str, now: datetime, exempt: frozenset[str]) -> None:
    if transfer.frozen_at is None and transfer.campaign is not None:
        _refuse_grown(transfer, transfer.campaign, exempt)
        _refuse_forgotten(transfer.campaign, now)
    # What was stopped while its audience was being frozen goes on freezing.
    status = Status.SENDING if transfer.frozen_at else Status.ACCEPTED
    # What has gone wrong so far was looked at by whoever resumes.
    base = count_answers(transfer.pk)
    transfer.move_to(status, actor=actor, now=now, fault_base=base)
    wake()


def find_exempt_runs(transfers: Iterable[Transfer]) -> frozenset[str]:
    """The digests of what was started of these and needs no approval, of so many recipients as
    there are now: so nobody is counted while a transaction is open. Raises Conflict where it does.
    """
    paused = [one for one in transfers if one.frozen_at is None and one.status == Status.PAUSED]
    digests = (_refuse_grown(one, one.campaign) for one in paused if one.campaign is not None)
    return frozenset(filter(None, digests))


def _refuse_grown(transfer: Transfer, campaign: Campaign, exempt: Collection[str] = ()) -> str:
    """Raise Conflict where nobody has approved what was started, as it needed none when it was
    launched, and its audience, which is still to be frozen, needs one by now. Gives the digest of
    what needs none, and "" where it has one."""
    started = _find_unsigned(transfer, campaign)
    if started is None:
        return ""
    digest = digest_campaign(campaign, started)
    if digest not in exempt and needs_approval(campaign, started):
        raise Conflict(_word_grown(campaign, started), code="approval_required")
    return digest


def _find_unsigned(transfer: Transfer, campaign: Campaign) -> Started | None:
    """What was started with it, where it goes by no approval."""
    run = campaign.transfers.filter(occurrence=transfer.occurrence_id, frozen_at__isnull=True)
    started = read_started(run)
    newest = find_newest(campaign)
    # Of what was started by one only the rate and the ways out may have changed, and a series may
    # have a newer one by now, which its next run goes by.
    goes_by = newest is not None and newest.state in Approval.SIGNED
    if goes_by and transfer.freeze_cursor.get(APPROVAL) is not None:
        return None
    return None if find_holding(campaign, started) else started


def _word_grown(campaign: Campaign, started: Started) -> str:
    if digest_campaign(campaign) == digest_campaign(campaign, started):
        return _(
            "Since it was launched it has come to need an approval. Ask for one on its page; once "
            "it is given, resume it."
        )
    # A series is signed as its next run will be.
    return _(
        "Since this run was started it has come to need an approval, and its segment or its app's "
        "languages or time zone have been changed: an approval of the series is one of its next "
        "runs. Cancel this run, then resume the series."
    )


def _refuse_forgotten(campaign: Campaign, now: datetime) -> None:
    """Raise Conflict where those of whom nothing came back can be told apart no more."""
    forgotten = find_forgotten(campaign.audience, now)
    if forgotten:
        raise Conflict(forgotten, code=FORGOTTEN)


def _follow(campaign: Campaign | None, *, actor: str, now: datetime) -> None:
    """A campaign that sends again is not called paused: then nobody could pause it.

    A series is: its next runs wait until a person lets it go on.
    """
    if campaign is None or campaign.recurrence or campaign.status != Campaign.Status.PAUSED:
        return
    with suppress(ChangedMeanwhile):
        campaign.move_to(campaign.running_status, actor=actor, now=now)


def _cancel(transfer: Transfer, *, actor: str, now: datetime) -> None:
    transfer.move_to(Status.CANCELLED, actor=actor, now=now)
    ask_back(transfer, now)
    empty_inboxes(transfer, now)
    wake()  # who is still owed is settled as cancelled


def _recall(transfer: Transfer, *, actor: str, now: datetime) -> None:
    is_known = transfer.inbox_recall_at is not None
    notes = [_("Vendors are asked to take it back.")] if ask_back(transfer, now) else []
    if not is_known and empty_inboxes(transfer, now):
        notes.append(_("It is taken out of the inboxes in which it waits."))
    if not notes:
        raise IllegalMove(_("It is sent, and no vendor can be asked to take it back any more."))
    note = " ".join(notes)
    transfer.events.create(old=Status.SENT, new=Status.SENT, actor=actor, at=now, note=note)
    wake()


def pause_running(campaign: Campaign, *, actor: str, now: datetime) -> None:
    """Pause every transfer of a campaign that is preparing or sending."""
    _move_all(campaign, {Status.ACCEPTED, Status.SENDING}, _pause, actor=actor, now=now)


def list_paused(campaign: Campaign) -> QuerySet[Transfer]:
    """What waits of a campaign for somebody to resume it."""
    rows: QuerySet[Transfer] = campaign.transfers.filter(status=Status.PAUSED)
    return rows.select_related("campaign__app", "campaign__app_group", "campaign__message")


def resume_paused(campaign: Campaign, *, actor: str, now: datetime, exempt: frozenset[str]) -> None:
    """Resume every paused transfer of a campaign; `exempt` as `find_exempt_runs` gives it."""
    resume = partial(_resume, exempt=exempt)
    _move_all(campaign, {Status.PAUSED}, resume, actor=actor, now=now)


def cancel_running(campaign: Campaign, *, actor: str, now: datetime) -> None:
    """Cancel every transfer of a campaign that has not ended."""
    _move_all(campaign, set(Transfer.RUNNING), _cancel, actor=actor, now=now)


def _move_all(
    campaign: Campaign, statuses: set[str], move: Move, *, actor: str, now: datetime
) -> None:
    for transfer in Transfer.objects.filter(campaign=campaign, status__in=statuses):
        _move_or_leave(transfer, statuses, move, actor=actor, now=now)


def _move_or_leave(
    transfer: Transfer, statuses: set[str], move: Move, *, actor: str, now: datetime
) -> None:
    """Move one transfer; the engine may have moved it meanwhile, on or to its end."""
    while transfer.status in statuses:
        try:
            return move(transfer, actor=actor, now=now)
        except (ChangedMeanwhile, IllegalMove):
            transfer.refresh_from_db(fields=["status", "status_since", "frozen_at"])
    return None
