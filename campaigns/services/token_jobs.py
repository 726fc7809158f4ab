"""Tokens that were switched off wrongly are switched on again, many at once, as a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max, Q, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Invalid
from campaigns.models import (
    Account,
    ApiKey,
    App,
    AuditEntry,
    Device,
    Job,
    Membership,
    Part,
    Transfer,
    Workspace,
)
from campaigns.models.bulk import IdList
from campaigns.selectors.token_faults import TokenFault, find_token_faults
from campaigns.services.jobs import JobKind, Step, start_job

PAGE = 500  # devices that one step switches on
WINDOW = 50_000  # numbers of devices that one step looks through
WORDS = {
    "enabled": gettext_lazy("Enabled again"),
    "kept": gettext_lazy("Stay off: somebody else's word"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubted:
    """Whose word is not believed: an account's, or that of a transfer's answers; since when."""

    since: datetime
    account: Account | None = None
    transfer: Transfer | None = None


def start_enabling(place: App | Workspace, doubted: Doubted, *, actor: str, now: datetime) -> Job:
    """Begin to enable again what was disabled since a moment. Whoever calls has asked for the role.

    Raises Invalid for a moment that is to come, for neither or both of account and transfer, and
    for one of another place.
    """
    _check(place, doubted, now)
    params = {
        "since": doubted.since.isoformat(),
        "account": doubted.account.pk if doubted.account else None,
        "transfer": doubted.transfer.pk if doubted.transfer else None,
    }
    last = _select(place).aggregate(last=Max("pk"))["last"] or 0
    return start_job(ENABLE, place, {**params, "last": last}, actor=actor, now=now, total=last)


def _check(place: App | Workspace, doubted: Doubted, now: datetime) -> None:
    faults = {}
    if doubted.since > now:
        faults["since"] = _("Choose a time that is past.")
    if (doubted.account is None) == (doubted.transfer is None):
        faults["account"] = _("Choose an account or a transfer: one of the two.")
    workspace = place.workspace_id if isinstance(place, App) else place.pk
    if doubted.account is not None and doubted.account.workspace_id != workspace:
        faults["account"] = _("This account belongs to another workspace.")
    if doubted.transfer is not None and doubted.transfer.app != place:
        faults["transfer"] = _("This transfer belongs to another app.")
    if faults:
        raise Invalid(_("Nothing was enabled."), fields=faults)


def _select(place: App | Workspace) -> QuerySet[Device]:
    where = Q(app=place) if isinstance(place, App) else Q(app__workspace=place)
    return Device.objects.filter(where)


def _enable(job: Job, now: datetime) -> Step:
    after, last = job.cursor.get("after", 0), job.params["last"]
    end = min(after + WINDOW, last)
    devices = _list_disabled(job, after, end)
    if len(devices) == PAGE:
        end = devices[-1]
    faults = find_token_faults(devices)
    is_meant = _choose(job.params)
    meant = [device for device in devices if device in faults and is_meant(faults[device])]
    done = _switch_on(job, meant, now) if meant else 0
    counts = {
        "enabled": job.counts.get("enabled", 0) + done,
        "kept": job.counts.get("kept", 0) + len(devices) - len(meant),
    }
    return Step({"after": end}, end, counts, is_last=end >= last)


def _list_disabled(job: Job, after: int, end: int) -> Sequence[int]:
    rows = _select_off(job).filter(pk__gt=after, pk__lte=end)
    # A window of numbers at a time: there is no index on what is rare.
    return list(rows.order_by("pk").values_list("pk", flat=True)[:PAGE])


def _select_off(job: Job) -> QuerySet[Device]:
    """What a vendor may have switched off: a device that signed off has done it itself."""
    return (
        _select(job.place)
        .filter(
            token_state=Device.TokenState.DISABLED,
            token_hash__isnull=False,
            token_state_at__gte=parse_datetime(job.params["since"]),
        )
        .exclude(token_evidence=Device.SIGNED_OFF)
    )


def _choose(params: dict[str, Any]) -> Callable[[TokenFault], bool]:
    if params["account"] is not None:
        return lambda fault: fault.account == params["account"]
    parts = set(Part.objects.filter(transfer=params["transfer"]).values_list("pk", flat=True))
    return lambda fault: fault.part in parts


def _switch_on(job: Job, devices: Sequence[int], now: datetime) -> int:
    # Asked again in the write: one may have got another token, or signed off, meanwhile.
    off = _select_off(job).filter(pk__in=IdList(devices))
    meant = list(off.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
    Device.objects.filter(pk__in=IdList(meant)).update(
        token_state=Device.TokenState.ACTIVE,
        token_evidence=f"enabled again by job {job.pk}",
        token_state_at=now,
        updated_at=now,
    )
    AuditEntry.objects.bulk_create(
        AuditEntry(
            workspace_id=job.workspace_id,
            at=now,
            actor=job.created_by,
            verb="enable_token",
            target_type="device",
            target_id=str(device),
            fields=[f"job: {job.pk}", "token_state"],
        )
        for device in meant
    )
    return len(meant)


ENABLE = JobKind(
    key="enable_tokens",
    label=gettext_lazy("Enable tokens again"),
    step=_enable,
    counts=WORDS,
    done_words=gettext_lazy("Looked through"),
    role=Membership.Role.SENDER,
    scope=ApiKey.Scope.SEND,
)
JOBS: tuple[JobKind, ...] = (ENABLE,)
