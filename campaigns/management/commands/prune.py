"""`manage.py prune`: forget what has been kept long enough (settings PUSHADMIN_KEEP_*)."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from campaigns.dispatch.prune import prune
from campaigns.services.suppressions import prune_ended


class Command(BaseCommand):
    help = "Removes exchanges, receipts, idempotency answers and suppressions that have ended."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        for name, count in {**prune(now), "suppressions": prune_ended(now)}.items():
            self.stdout.write(f"{name}: {count} removed")
