"""`manage.py verify`: do the books balance? Exit code 1 if they do not."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from campaigns.dispatch.verify import check_books


class Command(BaseCommand):
    help = "Recounts every part, transfer, counter and roll-up; exit code 1 if anything is off."

    def handle(self, *args: Any, **options: Any) -> None:
        audit = check_books()
        for fault in audit.faults:
            self.stderr.write(fault)
        if not audit.transfers:
            self.stdout.write("There is no transfer yet, so nothing was checked.")
        else:
            self.stdout.write(
                f"Checked {audit.recipients} recipients of {audit.parts} parts in "
                f"{audit.transfers} transfers: {len(audit.faults)} faults."
            )
        if audit.resent:
            self.stdout.write(f"{audit.resent} of them may have been sent to twice.")
        if audit.faults:
            sys.exit(1)
