"""`python -m tests.dying 5`: five processes that launch a campaign and die between the commit and
the wake. Prints the id of each campaign."""

from __future__ import annotations

import os
import sys

import django

from pushadmin import celery  # names the settings

django.setup()

from django.db import connection  # noqa: E402 - needs the settings
from django.utils import timezone  # noqa: E402

from campaigns.dispatch.wakes import register_waker, remove_waker  # noqa: E402
from campaigns.models import ApiKey, App, Device  # noqa: E402
from campaigns.services.campaigns import create_campaign, launch_campaign  # noqa: E402


def launch_and_die() -> None:
    """What a web process does, until its last moment."""
    remove_waker(celery.wake)
    register_waker(lambda: os._exit(9))
    app = App.objects.get(slug="shoply")
    key = ApiKey.objects.filter(workspace=app.workspace).latest("pk")
    device = Device.objects.filter(app=app, token_state="active").exclude(token="").first()
    body = {
        "name": "Last words",
        "app": "shoply",
        "audience": {"devices": [device.pk]},
        "message": {"title": "T", "body": "b"},
    }
    now = timezone.now()
    campaign = create_campaign(key, body, actor="dying", now=now)
    print(campaign.pk, flush=True)
    launch_campaign(campaign, actor="dying", now=now)


def main(deaths: int) -> None:
    """Die so often, one after the other."""
    for _ in range(deaths):
        connection.close()
        child = os.fork()
        if child == 0:
            launch_and_die()
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


if __name__ == "__main__":
    main(int(sys.argv[1]))
