"""Fills a database with a script's scenario and a campaign that goes our own way first.

`python -m tests.chaos.filling_paths '{"url": ..., "receiver": ..., "size": 100}'` prints the two
transfers as one JSON line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import django

ACTOR = "chaos"
WAIT = 3  # seconds for which a push is waited for; people may set 60 at least
HOUR = timedelta(hours=1)


def fill(url: str, receiver: str, size: int, latency_ms: int) -> dict[str, int]:
    from campaigns.models import Workspace
    from tests import builders

    workspace: Workspace = builders.make_workspace()
    options = {"latency_ms": latency_ms}
    return {
        "steps": fill_steps(workspace, url, receiver, size, options),
        "own": fill_own(workspace, url, size, options),
    }


def add_account(
    app: Any, platform: str, dialect: str, url: str, options: Mapping[str, Any]
) -> None:
    from campaigns.models import Account
    from providers import vault
    from tests import builders

    builders.make_route(app, platform, dialect)
    Account.objects.filter(dialect=dialect).update(
        credentials=vault.encrypt({"api_key": "good"}),
        base_urls={"api": f"{url}/{dialect}"},
        options=options,
    )


def add_people(app: Any, size: int) -> list[str]:
    """Each has a phone; gives what they are called."""
    from tests import builders

    names = [f"{app.slug}-{number:05d}" for number in range(size)]
    for number, name in enumerate(names):
        person = builders.make_person(app.workspace, name, phone=f"49{number:06d}")
        builders.make_device(app, name, person=person)
    return names


def fill_steps(
    workspace: Any, url: str, receiver: str, size: int, options: Mapping[str, Any]
) -> int:
    """A push that nobody answers, a text that arrives, and calls back to the script."""
    from campaigns.models import Scenario
    from campaigns.services import intake
    from campaigns.services.callers import Caller
    from providers import registry
    from providers.commands import Callback, PushPart, SendPush
    from providers.message import PushMessage
    from providers.recipients import PersonKind, Targets
    from providers.scenarios import SendByScenario, TextMessage
    from tests import builders
    from tests.compat.conftest import make_key

    app = builders.make_app(workspace, "steps")
    add_account(app, "android", "keyed", url, options)
    heard = {"delivered_percent": 100, "opened_percent": 0, "receipt_seconds": 0}
    add_account(app, "sms", "texting", url, {**options, **heard})
    names = tuple(add_people(app, size))
    steps = [
        {"channel": "push", "sender": "", "wait": WAIT, "price": ""},
        {"channel": "sms", "sender": "Shop", "wait": None, "price": ""},
    ]
    scenario = Scenario.objects.create(workspace=workspace, name="Push, SMS", steps=steps)
    targets = Targets(PersonKind.EXTERNAL_USER_ID, names, ids=names)
    push = SendPush(
        parts=(PushPart(PushMessage(title="Hi", body="There"), (targets,)),),
        is_tracked=True,
        callback=Callback(url=receiver, data="steps"),
    )
    texts = {"sms": TextMessage(text="Hi")}
    command = SendByScenario(push=push, scenario=scenario.key, texts=texts)
    caller = Caller(make_key(app)[0], registry.get("texting"), datetime.now(UTC))
    return int(intake.execute(command, caller).transfer)


def fill_own(workspace: Any, url: str, size: int, options: Mapping[str, Any]) -> int:
    """Every second device is online and gets it our own way, the others by a vendor."""
    from campaigns.dispatch.plan import start_campaign
    from campaigns.models import Campaign, DeviceSession, Group, Message, Transfer
    from tests import builders

    now = datetime.now(UTC)
    app = builders.make_app(workspace, "own")
    add_account(app, "android", "keyed", url, options)
    for number in range(size):
        device = builders.make_device(app, f"own-{number:05d}")
        if number % 2:
            DeviceSession.objects.create(
                device=device, secret_hash="x", created_at=now, pulled_at=now + HOUR
            )
    content = {"title": "Hi", "body": "There", "channel": "own_first"}
    campaign = Campaign.objects.create(
        workspace=workspace,
        app=app,
        name="own",
        group=Group.objects.get(app=app),
        message=Message.objects.create(app=app, content=content),
        audience={"all": True},
        status_since=now,
        created_at=now,
        created_by=ACTOR,
    )
    start_campaign(campaign, actor=ACTOR, now=now)
    return int(Transfer.objects.get(campaign=campaign).pk)


if __name__ == "__main__":
    django.setup()
    print(json.dumps(fill(**json.loads(sys.argv[1]))))
