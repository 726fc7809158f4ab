"""`manage.py prune`: forget what has been kept long enough (settings PUSHADMIN_KEEP_*)."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from campaigns.dispatch.prune import prune


class Command(BaseCommand):
    help = "Removes exchanges, receipts and idempotency answers that are past their days."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, count in prune(timezone.now()).items():
            self.stdout.write(f"{name}: {count} removed")
