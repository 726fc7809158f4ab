"""A device was there: its last time, and the count of its day."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q

from campaigns.models import App, Device, SeenDay
from campaigns.models.bulk import add_counts


def mark_seen(app: App, device: int, now: datetime) -> None:
    """Keep that one of the app's devices was seen now; the first time of a day of the app's counts
    it for that day."""
    zone = ZoneInfo(app.timezone)
    day = now.astimezone(zone).date()
    midnight = datetime.combine(day, time(), zone)
    rows = Device.objects.filter(app=app, pk=device)
    with transaction.atomic():
        first = rows.filter(Q(last_seen_at__isnull=True) | Q(last_seen_at__lt=midnight))
        platform = first.values_list("platform", flat=True).first()
        # Whoever is second finds the row already changed, and counts nothing.
        if platform is not None and first.update(last_seen_at=now):
            add_counts(SeenDay, ("app", "day", "platform"), [(app.pk, day, platform, 1)])
        else:
            rows.filter(last_seen_at__lt=now).update(last_seen_at=now)
