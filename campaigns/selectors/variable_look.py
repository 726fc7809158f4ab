"""Which variables of a message are empty for whom, among the first recipients of an audience."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from campaigns.models import App
from campaigns.selectors.audience import select_devices
from campaigns.selectors.audience_bodies import Audience
from campaigns.selectors.personal import Reader, is_empty

LOOKED_AT = 2_000


def look_at_variables(
    app: App, audience: Audience, *, only_primary: bool = False, names: Sequence[str] = ()
) -> dict[str, Any]:
    """`{"looked_at", "is_all", "empty": {name: recipients}, "longest", "emptiest"}`: the last two
    are the devices with the longest values and with the most empty ones, None for nobody.

    Two queries whatever the audience's size; without `is_all` there are more recipients.
    """
    devices = select_devices(app, audience, only_primary=only_primary).order_by("pk")
    ids = list(devices.values_list("pk", flat=True)[: LOOKED_AT + 1])
    rows = Reader(app, names).read_devices(ids[:LOOKED_AT])
    lengths = {pk: [_measure(own.get(name)) for name in names] for pk, own in rows.items()}
    lacking = {pk: sizes.count(0) for pk, sizes in lengths.items()}
    most_empty = max(lacking, key=lambda pk: lacking[pk], default=None)
    return {
        "looked_at": len(rows),
        "is_all": len(ids) <= LOOKED_AT,
        "empty": {
            name: sum(sizes[place] == 0 for sizes in lengths.values())
            for place, name in enumerate(names)
        },
        "longest": max(lengths, key=lambda pk: sum(lengths[pk]), default=None),
        "emptiest": most_empty if most_empty is not None and lacking[most_empty] else None,
    }


def _measure(value: Any) -> int:
    """Letters of a value, 0 for none."""
    return 0 if is_empty(value) else len(str(value).strip())
