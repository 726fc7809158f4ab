"""Celery as a driver: a message says that there may be work, and the database says which."""

import logging
import os
import socket

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushadmin.settings")

from celery import Celery
from django.conf import settings
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)
app = Celery("pushadmin")
app.conf.update(settings.CELERY)


@app.task(name="pushadmin.pump")
def pump() -> None:
    """Work for a moment; when there was work, somebody else is woken to share it."""
    from campaigns.dispatch import engine  # models are loaded after this module

    engine.pump_for(settings.SLICE_SECONDS, f"{socket.gethostname()}-{os.getpid()}", wake)


@app.task(name="pushadmin.tick")
def tick() -> None:
    """The sweep: what time brings, and a wake in the place of one that was lost."""
    from campaigns.dispatch import engine

    wake()
    engine.tick_for(settings.SLICE_SECONDS)


def wake() -> None:
    """Publish a wake, without a word in it. A broker that is away costs a line in the log."""
    try:
        pump.apply_async(retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("The broker took no wake (%s); the next sweep finds the work.", error)
