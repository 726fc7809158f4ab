"""Two who click *Import* on one page at one instant, on the database of DATABASE_URL.

Prints one JSON line: what they were told, and how many jobs each import has then.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import django

ROUNDS = 5


def main() -> dict[str, Any]:
    from campaigns.models import Job
    from tests import builders
    from tests.campaigns.importing import check, upload

    app = builders.make_app(builders.make_workspace())
    told = []
    for number in range(ROUNDS):
        told += click_together(check(upload(app, f"user_id\nann {number}\n")).pk)
    return {"told": sorted(told), "jobs": Job.objects.filter(kind="import_apply").count()}


def click_together(pk: int) -> list[str]:
    """Both have loaded the page before either clicks."""
    start = Barrier(2)

    def click(_number: int) -> str:
        from django.db import connection

        from campaigns.errors import Conflict
        from campaigns.models import Import
        from campaigns.services.imports import apply_import
        from tests.campaigns.importing import NOW, Root

        one = Import.objects.select_related("apply_job").get(pk=pk)
        start.wait()
        try:
            apply_import(one, principal=Root(), actor="race", now=NOW)
        except Conflict:
            return "refused"
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(click, range(2)))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushadmin.settings")
    django.setup()
    print(json.dumps(main()))
