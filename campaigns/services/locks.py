"""Locks of one app that hold until the transaction ends."""

from __future__ import annotations

from enum import IntEnum

from django.db import connection

from campaigns.models import App


class Lock(IntEnum):
    """What is done one at a time in an app: any numbers of our own, the same in every process."""

    REGISTER = 0x70_75_73_68
    LABELS = 0x70_75_73_69
    RECORDS = 0x70_75_73_6B
    ATTRIBUTES = 0x70_75_73_6C
    NAMES = 0x70_75_73_6D  # of labels and segments, and what begins to name one


def lock_app(app: App, lock: Lock) -> None:
    """Wait until nobody else holds this lock of the app.

    On SQLite the transaction has the whole database. The app's row is not used as the lock,
    because the engine holds it for every claim.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [lock.value, app.pk])
