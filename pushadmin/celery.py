"""Celery as a driver: a message says that there may be work, and the database says which."""

import logging

from celery import Celery, signals
from django.conf import settings
from kombu.exceptions import OperationalError

app = Celery("pushadmin", changes=settings.CELERY)


@app.task(name="pushadmin.pump")
def pump() -> None:
    from campaigns.dispatch.engine import name_worker, pump_for  # models come after this module
    from campaigns.services.job_work import work_for

    pump_for(settings.SLICE_SECONDS, on_work=wake)
    if work_for(name_worker(), settings.SLICE_SECONDS / 4):
        wake()


@app.task(name="pushadmin.tick")
def tick() -> None:
    from campaigns.dispatch.engine import tick_for

    wake()  # in the place of one that was lost
    tick_for(settings.SLICE_SECONDS)


def wake() -> None:
    try:
        pump.apply_async(retry=False)
    except (OperationalError, OSError) as error:
        logging.getLogger(__name__).warning("The broker took no wake (%s).", error)


@signals.worker_init.connect
@signals.beat_init.connect
def start(**_: object) -> None:
    from campaigns.services.installation import start_or_exit

    start_or_exit(needs={"PUSHADMIN_BROKER_URL": settings.BROKER_URL})
