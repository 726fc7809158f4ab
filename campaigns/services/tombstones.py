"""Who was erased stays away: identifiers that nothing may bring back, and how one comes back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.errors import Conflict, Invalid
from campaigns.models import AuditEntry, Tombstone, Workspace
from campaigns.models.bulk import TextList
from campaigns.selectors.erased import ERASED, find_erased
from campaigns.selectors.held import Named
from campaigns.selectors.seals import Sealer

LIFT_REASONS = ("consent", "mistake", "other")


def refuse_erased(workspace_id: int, values: Mapping[str, str]) -> None:
    """Raise Conflict, code `erased`, when a value by its kind belonged to somebody erased."""
    hit = find_erased(workspace_id, list(values.items()))
    if hit:
        words = _("This belonged to somebody who was erased, so it cannot be kept.")
        raise Conflict(words, code=ERASED, fields={kind: words for kind, _value in hit})


def put_tombstones(workspace_id: int, named: Iterable[tuple[Named, int]], now: datetime) -> None:
    """Keep identifiers from coming back; in the caller's transaction."""
    sealer = Sealer()
    rows = {
        sealer.seal(workspace_id, kind, value): Tombstone(
            workspace_id=workspace_id,
            kind=kind,
            seal=sealer.seal(workspace_id, kind, value),
            person=person,
            erased_at=now,
        )
        for (kind, value), person in named
    }
    Tombstone.objects.bulk_create(rows.values(), ignore_conflicts=True)


def lift_tombstones(
    workspace: Workspace, named: Sequence[Named], *, reason: str, actor: str, now: datetime
) -> int:
    """Let these identifiers come back; gives how many were kept away. The rest of what was known
    of the person is gone, and other identifiers of theirs stay away."""
    if reason not in LIFT_REASONS:
        words = _("One of: %(known)s.") % {"known": ", ".join(LIFT_REASONS)}
        raise Invalid(words, fields={"reason": words})
    sealer = Sealer()
    seals = [sealer.seal(workspace.pk, *one) for one in named if one[1]]
    with transaction.atomic():
        rows = Tombstone.objects.filter(workspace=workspace, seal__in=TextList(seals))
        persons = sorted(set(rows.values_list("person", flat=True)))
        lifted, _by_model = rows.delete()
        AuditEntry.objects.bulk_create(
            AuditEntry(
                workspace=workspace,
                at=now,
                actor=actor,
                verb="lift_tombstone",
                target_type="person",
                target_id=str(person),
                fields=[f"reason: {reason}"],
            )
            for person in persons
        )
    return int(lifted)
