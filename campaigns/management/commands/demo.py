"""`manage.py demo`: something to look at and to send to, in an empty database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from campaigns.services.demo import fill_demo


class Command(BaseCommand):
    help = "Fills an empty database with a demo; changes nothing where there is a workspace."

    def handle(self, *args: Any, **options: Any) -> None:
        demo = fill_demo(now=timezone.now())
        if demo is None:
            self.stdout.write("The database is filled already; nothing was changed.")
            return
        self.stdout.write("The demo is ready. What follows is shown only once.")
        self.stdout.write(f"  user      {demo.user}")
        self.stdout.write(f"  password  {demo.password or '(as it was)'}")
        self.stdout.write(f"  API key   {demo.api_key}")
        self.stdout.write(
            "The key is good for the app shoply, in the native API and every dialect."
        )
