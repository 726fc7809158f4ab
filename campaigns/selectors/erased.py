"""Which identifiers belonged to somebody who was erased: their seals are all that is kept."""

from __future__ import annotations

from collections.abc import Iterable

from campaigns.models import Tombstone
from campaigns.models.bulk import TextList
from campaigns.selectors.held import Named
from campaigns.selectors.seals import Sealer

ERASED = "erased"  # why a row is rejected, and what stands where a name was


def has_erased(workspace_id: int) -> bool:
    """Whether anybody was ever erased there."""
    return Tombstone.objects.filter(workspace=workspace_id).exists()


def find_erased(workspace_id: int, named: Iterable[Named]) -> set[Named]:
    """Which of these identifiers belonged to somebody who was erased."""
    if not has_erased(workspace_id):
        return set()
    sealer, named = Sealer(), list(named)
    seals = {sealer.seal(workspace_id, *one): one for one in named if one[1]}
    rows = Tombstone.objects.filter(workspace=workspace_id, seal__in=TextList(seals))
    hit = set(rows.values_list("seal", flat=True))
    # Two ways to write one address have one seal.
    return {one for one in named if one[1] and sealer.seal(workspace_id, *one) in hit}
