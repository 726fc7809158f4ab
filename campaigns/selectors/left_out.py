"""How many of an audience will be left out, told before it is sent; nothing is decided by this.

The submit decides (campaigns.dispatch.bars). Who is suppressed is counted by whom an entry meant
when it was added, so that an audience of a million costs no hash: others may have the same
identifier by now, and who had it another.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from campaigns.models import App, Device, Person, Suppression

Channel = Suppression.Channel


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Devices of an audience that get nothing; `anew` is all of them once, without those who get
    nothing anyway, and `out_anew` such of people who opted out.

    Not `is_exact`: the suppression list has entries, and whom they mean is known as it is sent.
    """

    opted_out: int = 0
    suppressed: int = 0
    anew: int = 0
    out_anew: int = 0
    is_exact: bool = True

    def __bool__(self) -> bool:
        return bool(self.opted_out or self.suppressed)


def count_left_out(
    app: App, devices: QuerySet[Device], now: datetime, *, reachable: Q | None = None
) -> LeftOut:
    """How many of these devices of the app belong to who opted out, and how many are suppressed;
    `reachable`: whom a push would reach otherwise, None = all."""
    suppressed = devices.filter(find_suppressed(app, now))
    reachable = reachable or Q()
    opted_in = reachable & Q(person__opted_out_at__isnull=True)
    out, out_anew = _count_both(select_opted_out(app, devices), reachable)
    held, held_anew = _count_both(suppressed, opted_in)
    is_exact = not select_suppressing(app, now).exists()
    return LeftOut(out, held, out_anew + held_anew, out_anew, is_exact)


def _count_both(devices: QuerySet[Device], some: Q) -> tuple[int, int]:
    """All of these devices, and some of them, in one look."""
    counts = devices.aggregate(all=Count("pk"), some=Count("pk", filter=some or None))
    return counts["all"], counts["some"]


def select_opted_out(app: App, devices: QuerySet[Device]) -> QuerySet[Device]:
    """Those of these devices of the app whose person opted out."""
    out = Person.objects.filter(workspace=app.workspace_id, opted_out_at__isnull=False)
    return devices.filter(person_id__in=out.values("pk"))


def find_suppressed(app: App, now: datetime) -> Q:
    """Devices that are suppressed for pushes of an app, as far as that is known without a hash."""
    rows = select_suppressing(app, now)
    persons = rows.filter(person_id__isnull=False).values("person_id")
    own = rows.filter(device_id__isnull=False).values("device_id")
    return Q(pk__in=own) | Q(person_id__in=persons)


def select_suppressing(
    app: App, moment: datetime, channel: str = Channel.PUSH
) -> QuerySet[Suppression]:
    """Entries that keep what an app sends over a channel from somebody at that moment."""
    return Suppression.objects.filter(
        Q(until__isnull=True) | Q(until__gt=moment),
        Q(app__isnull=True) | Q(app=app.pk),
        workspace=app.workspace_id,
        channel__in=(Channel.ANY, channel),
    )
