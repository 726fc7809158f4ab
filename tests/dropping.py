"""`celery -A tests.dropping worker`: the same worker, but every second wake that it publishes is
lost on its way."""

from __future__ import annotations

import random
from typing import Any

from pushadmin import celery

app = celery.app
chance = random.Random(7)


class Dropping:
    """Stands where the task to publish stands."""

    def apply_async(self, **options: Any) -> None:
        if chance.random() < 0.5:
            publish(**options)


publish = celery.pump.apply_async
celery.pump = Dropping()
