"""How the recipients of a part will be named, decided once, when its freeze begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from campaigns.dispatch.claim import list_same
from campaigns.dispatch.routes import Reach
from campaigns.models import Batch, Device, Part, Transfer
from campaigns.selectors.addressing import Aim, Wanted, find_aims, write_declared
from campaigns.selectors.audience import select_all
from campaigns.selectors.started import find_bodies, is_primary_only
from providers.outcomes import Reason

Form = Batch.Form


@dataclass(frozen=True, slots=True)
class Target:
    """How one platform is addressed: `lead` is the platform that its batches stand under."""

    form: str
    lead: str
    platforms: tuple[str, ...]
    is_blocked: bool = False


Targets = Mapping[str, Target]  # by platform; what is absent is addressed device by device
PLAIN = Target(Form.DEVICE, "", ())


def decide_aims(transfer: Transfer, part: Part, now: datetime) -> list[Aim]:
    """Look up how each account is told of this part's recipients; reads only."""
    return find_aims(read_wanted(transfer, part, now))


def read_wanted(transfer: Transfer, part: Part, now: datetime) -> Wanted:
    """Who shall get a part, as it stands now."""
    bodies, devices = _read_bodies(transfer, part, now)
    return Wanted(
        app=transfer.app,
        message=part.message.read(),
        bodies=bodies,
        devices=devices,
        only_primary=is_primary_only(part),
        has_local_hours=bool(transfer.wall_clock),
        has_steps=transfer.has_steps,
    )


def _read_bodies(
    transfer: Transfer, part: Part, now: datetime
) -> tuple[list[Mapping[str, Any]] | None, QuerySet[Device]]:
    """A part's audiences, None for a list of ids, and the devices that they mean."""
    bodies = find_bodies(part)
    if bodies is None:
        return None, Device.objects.none()
    return bodies, select_all(transfer.app, bodies, only_primary=is_primary_only(part), now=now)


def write_aims(aims: list[Aim]) -> dict[str, Any]:
    """What the freeze's cursor keeps of them."""
    return {
        platform.value: [aim.form, [one.value for one in aim.platforms], bool(aim.obstacle)]
        for aim in aims
        if aim.form != Form.DEVICE
        for platform in aim.platforms
    }


def read_aims(kept: Mapping[str, Any]) -> Targets:
    """How each platform is addressed, from what `write_aims` kept."""
    return {
        platform: Target(form, platforms[0], tuple(platforms), is_blocked)
        for platform, (form, platforms, is_blocked) in kept.items()
    }


def keep_declared(part: Part, aims: list[Aim]) -> None:
    """Keep with the part what its vendors will be told; in the caller's transaction."""
    declared = write_declared(aims)
    if declared:
        Part.objects.filter(pk=part.pk).update(declared=declared)


def find_unaddressed(target: Target, reach: Reach | None) -> Reason | None:
    """Why nobody of a platform whose vendor selects recipients itself gets anything, if so."""
    if reach is None:
        return Reason.NO_ROUTE
    return Reason.NOT_ADDRESSABLE if target.is_blocked else None


def list_called(batch: Batch) -> list[Batch]:
    """The batches of a batch's call, itself included: those of an audience are one call."""
    if batch.form != Form.AUDIENCE:
        return [batch]
    return list(Batch.objects.filter(list_same(batch)).order_by("pk"))
