"""`python -m tests.scenarios short`: the same sends on whatever drives this installation.

Launches every scenario, prints `launched`, waits until all have ended, and prints what is in the
final tables as JSON: by tokens and names, for ids differ from one database to another.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter as Tally
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import django

import pushadmin  # noqa: F401 - names the settings

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402 - needs the settings
from django.utils import timezone  # noqa: E402

from campaigns.dispatch.verify import check_books  # noqa: E402
from campaigns.errors import Refused  # noqa: E402
from campaigns.models import (  # noqa: E402
    Account,
    App,
    AppGroup,
    Campaign,
    Cohort,
    Counter,
    Delivery,
    Device,
    Label,
    LabelMember,
    Rollup,
    Route,
    Transfer,
)
from campaigns.services import campaigns as services  # noqa: E402
from providers import vault  # noqa: E402
from tests import builders  # noqa: E402

ACTOR = "scenario"
HOPELESS = {"wrong-key", "group-refused", "group"}
PLATFORMS = ("android", "ios", "web")
LANGUAGES = ("en", "de", "fr")
SECONDS = 300


@dataclass(frozen=True)
class Scenario:
    """One campaign of one app with `devices` devices, through one account of its own."""

    name: str
    devices: int = 90
    body: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    key: str = "good"
    routed: tuple[str, ...] = PLATFORMS
    audience: Callable[[App], dict[str, Any]] = lambda _app: {"all": True}
    before: Callable[[App], None] = lambda _app: None
    after: Callable[[Campaign], None] = lambda _campaign: None


def label_some(app: App) -> dict[str, Any]:
    label = Label.objects.create(app=app, name="Some")
    for number, device in enumerate(app.devices.order_by("pk")[:40]):
        person = builders.make_person(app.workspace, f"{app.slug}-{number}")
        Device.objects.filter(pk=device.pk).update(person=person)
        LabelMember.objects.create(label=label, person=person)
    return {"labels": ["Some"]}


def let_some_opt_out(app: App) -> None:
    for number, device in enumerate(app.devices.order_by("pk")[:20]):
        person = builders.make_person(
            app.workspace, f"{app.slug}-{number}", opted_out_at=timezone.now()
        )
        Device.objects.filter(pk=device.pk).update(person=person)


def cancel(campaign: Campaign) -> None:
    services.cancel_campaign(campaign, actor=ACTOR, now=timezone.now())


def pause_and_resume(campaign: Campaign) -> None:
    services.pause_campaign(campaign, actor=ACTOR, now=timezone.now())
    services.resume_campaign(campaign, actor=ACTOR, now=timezone.now())


def let_it_expire(campaign: Campaign) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Transfer.objects.filter(campaign=campaign).update(expires_at=past)


def disable_some(app: App) -> None:
    some = list(app.devices.order_by("pk").values_list("pk", flat=True)[:30])
    Device.objects.filter(pk__in=some).update(token_state="disabled")


TRANSLATED = {
    "title": "Hi",
    "body": "There",
    "translations": {"de": {"title": "Hallo"}, "fr": {"title": "Salut"}},
}
GERMANS = {"expression": {"field": "device.language", "op": "eq", "value": "de"}}
SHORT = (
    Scenario("plain"),
    Scenario("paced", body={"rate": 60}),
    Scenario("dead-tokens", options={"decay_percent": 30}),
    Scenario("refused-message", options={"payload_percent": 100}),
    Scenario("cancelled", after=cancel),
    Scenario("expired", after=let_it_expire),
    Scenario("at-most-once", body={"policy": "at_most_once", "message": TRANSLATED}),
    Scenario("opted-out", before=let_some_opt_out, routed=("android", "ios")),
)
LONG = (
    Scenario("many", devices=3000),
    Scenario("many-paced", devices=1500, body={"rate": 300}),
    Scenario("translated", body={"message": TRANSLATED}),
    Scenario("labelled", audience=label_some),
    Scenario("germans", audience=lambda _app: GERMANS),
    Scenario("one-platform", routed=("ios",)),
    Scenario("wrong-key", key="refused"),
    Scenario("paused-and-resumed", after=pause_and_resume),
    Scenario("disabled-tokens", before=disable_some),
    Scenario("vendor-faults", options={"vendor_percent": 30}),
    Scenario("throttled", options={"requests_per_second": 2}),
    Scenario("slow", options={"latency_ms": 500}),
    Scenario("some-refused", devices=1500, options={"payload_percent": 20}),
)


def launch(scenario: Scenario, workspace: Any, principal: Any) -> None:
    app = builders.make_app(workspace, scenario.name)
    Device.objects.bulk_create(
        Device(
            app=app,
            platform=PLATFORMS[number % 3],
            language=LANGUAGES[number // 3 % 3],
            country="DE" if number % 2 else "FR",
            token=f"{scenario.name}-{number}",
            token_hash=builders.hash64(f"{scenario.name}-{number}"),
        )
        for number in range(scenario.devices)
    )
    add_routes(scenario, app)
    scenario.before(app)
    body = {
        "name": scenario.name,
        "app": scenario.name,
        "audience": scenario.audience(app),
        "message": {"title": "Hi", "body": "There"},
        **scenario.body,
    }
    now = timezone.now()
    campaign = services.create_campaign(principal, body, actor=ACTOR, now=now)
    services.launch_campaign(campaign, actor=ACTOR, now=now)
    scenario.after(campaign)


def add_routes(scenario: Scenario, app: App) -> None:
    account = Account.objects.create(
        workspace=app.workspace,
        name=scenario.name,
        dialect="sandbox",
        credentials=vault.encrypt({"api_key": scenario.key}),
        options=scenario.options,
    )
    for platform in scenario.routed:
        Route.objects.create(app=app, platform=platform, account=account)


def launch_group(workspace: Any, principal: Any) -> None:
    """A campaign of two apps, of which one is refused by its vendor."""
    names = ("group-good", "group-refused")
    for name in names:
        launch(Scenario(name, key="refused" if name == names[1] else "good"), workspace, principal)
    group = AppGroup.objects.create(
        workspace=workspace, name="Both", slug="both", group_key="k" * 24
    )
    group.apps.set(App.objects.filter(slug__in=names))
    body = {
        "name": "group",
        "app_group": "both",
        "audience": {"all": True},
        "message": {"title": "Hi", "body": "There"},
    }
    now = timezone.now()
    campaign = services.create_campaign(principal, body, actor=ACTOR, now=now)
    services.launch_campaign(campaign, actor=ACTOR, now=now)


def decide_paused() -> None:
    """What the engine has paused by itself is cancelled if its key is wrong, else insisted on."""
    for campaign in Campaign.objects.filter(status=Campaign.Status.PAUSED):
        act = services.cancel_campaign if campaign.name in HOPELESS else services.resume_campaign
        try:
            act(campaign, actor=ACTOR, now=timezone.now())
        except Refused:
            continue  # it has ended meanwhile


def await_end() -> None:
    end = time.monotonic() + SECONDS
    while Transfer.objects.filter(finished_at__isnull=True).exists():
        assert time.monotonic() < end, list(
            Transfer.objects.filter(finished_at__isnull=True).values("name", "status")
        )
        decide_paused()
        time.sleep(0.3)


def read_tables() -> dict[str, Any]:
    """Final tables by what things are called."""
    accounts = dict(Account.objects.values_list("pk", "name")) | {0: ""}
    tokens = dict(Device.objects.values_list("pk", "token"))
    cohorts = {
        pk: list(rest)
        for pk, *rest in Cohort.objects.values_list(
            "pk", "app__slug", "platform", "language", "country", "app_major"
        )
    }
    parts = {
        part.pk: f"{transfer.name}/{transfer.app.slug}/{part.number}"
        for transfer in Transfer.objects.select_related("app")
        for part in transfer.parts.all()
    }
    deliveries = Delivery.objects.values_list(
        "part_id", "recipient", "outcome", "reason", "account_id", "cohort_id"
    )
    rollup: Tally[str] = Tally()
    for part, cohort, account, outcome, reason, count in Rollup.objects.values_list(
        "part_id", "cohort_id", "account_id", "outcome", "reason", "count"
    ):  # by the hour, and the hour may turn in one run and not in the other
        row = [parts[part], cohorts.get(cohort), accounts[account], outcome, reason]
        rollup[json.dumps(row)] += count
    return {
        "campaigns": sorted(Campaign.objects.values_list("name", "status")),
        "transfers": sorted(
            Transfer.objects.values_list("name", "app__slug", "status", "audience")
        ),
        "resent": sum(part.resent for t in Transfer.objects.all() for part in t.parts.all()),
        "deliveries": sorted(
            [parts[part], tokens[recipient], outcome, reason, accounts[account], cohorts[cohort]]
            for part, recipient, outcome, reason, account, cohort in deliveries
        ),
        "counters": sorted(
            [parts[part], platform, accounts[account], outcome, reason, count]
            for part, platform, account, outcome, reason, count in Counter.objects.filter(
                count__gt=0
            ).values_list("part_id", "platform", "account_id", "outcome", "reason", "count")
        ),
        "rollup": dict(sorted((key, count) for key, count in rollup.items() if count)),
        "faults": check_books().faults,
    }


def main(form: str) -> None:
    """Launch, wait, tell."""
    workspace = builders.make_workspace()
    principal = get_user_model().objects.create_superuser("root", "root@example.org", "pw")
    for scenario in (*SHORT, *LONG) if form == "full" else SHORT:
        launch(scenario, workspace, principal)
    launch_group(workspace, principal)
    print("launched", flush=True)
    await_end()
    print(json.dumps(read_tables()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
