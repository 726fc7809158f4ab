"""A script waits and is told what became of its push: workers send while it sleeps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.dispatch import engine
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    Allowance,
    Delivery,
    Device,
    DeviceSession,
    Exchange,
    InboxItem,
    Route,
)
from campaigns.services import intake_wait
from providers import registry, vault
from providers.simulator import Simulator, read_plan
from tests import builders
from tests.compat.agora.conftest import MESSAGE, Clock, Script, read_data, read_error
from tests.compat.conftest import make_key
from tests.vendor_cases.accounts import make_account
from tests.vendor_cases.conftest import simulator

__all__ = ["simulator"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def script(client: Any, app: Any) -> Script:
    """At the time that it is: what a call takes it leaves to be done now."""
    key, text = make_key(app)
    return Script(client, app, key, text, "acme/shop")


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch, app: Any, simulator: Simulator) -> Callable[..., None]:
    """Ann has a phone, and a route leads to a vendor that suffers these faults."""
    builders.make_route(app, "android")
    Account.objects.update(credentials=vault.encrypt({"api_key": "good"}))
    builders.make_device(app, "ann-1", person=builders.make_person(app.workspace, "ann"))
    passed = [0.0]

    def sleep(seconds: float) -> None:
        passed[0] += seconds
        moment = datetime.now(UTC) + timedelta(seconds=passed[0])
        engine.pump("worker", clock=lambda: moment)

    monkeypatch.setattr(intake_wait, "sleep", sleep)
    monkeypatch.setattr(intake_wait, "monotonic", lambda: passed[0])
    return lambda *faults: simulator.follow(read_plan({"faults": list(faults), "seed": 7}))


@pytest.mark.database
@pytest.mark.parametrize(
    ("fault", "entry"),
    [
        ("", {"pushStatus": "SUCCESS"}),
        ("unregistered", {"pushStatus": "FAIL", "desc": "bad device token"}),
        ("recipient_refused", {"pushStatus": "FAIL", "desc": "The message does not suit it."}),
        ("silence:seconds=60", {"pushStatus": "ERROR", "desc": "timeout"}),
    ],
)
def test_the_answer_tells_what_became_of_the_push(
    script: Script, work: Any, settings: Any, fault: str, entry: Any
) -> None:
    settings.CALL_SECONDS = 0.3 if fault.startswith("silence") else 20
    work(*filter(None, [fault]))

    told = read_data(script.send("push/sync/ann"))

    assert told == [entry]
    assert check_books().faults == []


@pytest.mark.database
def test_the_outcome_is_the_one_that_the_vendor_behind_us_tells(
    script: Script, work: Any, app: Any, simulator: Simulator
) -> None:
    work()
    Route.objects.all().delete()
    config = make_account(registry.get("agora"), simulator.url)
    route = builders.make_route(app, "android", "agora", options=config.options)
    Account.objects.filter(pk=route.account_id).update(
        credentials=vault.encrypt(config.credentials), base_urls=config.base_urls
    )

    told = read_data(script.send("push/sync/ann"))

    assert told == [{"pushStatus": "SUCCESS"}]
    assert [row.url.partition("/push/")[2][:5] for row in Exchange.objects.all()] == ["sync/"]
    assert Delivery.objects.get().outcome == "sent"
    assert Allowance.objects.filter(scope="calls:sync").exists()
    assert check_books().faults == []


FATES = {
    (0, "online"): {"pushStatus": "SUCCESS"},
    (0, "offline"): {"pushStatus": "SUCCESS"},
    (1, "online"): {"pushStatus": "SUCCESS"},
    (1, "offline"): {"pushStatus": "SUCCESS", "desc": "retained"},
    (2, "offline"): {"pushStatus": "SUCCESS"},
    (3, "online"): {"pushStatus": "SUCCESS"},
    (3, "offline"): {"pushStatus": "SUCCESS"},
    (4, "online"): {"pushStatus": "SUCCESS"},
    (4, "offline"): {"pushStatus": "FAIL", "desc": "user offline"},
}
OWN = {(1, "online"), (1, "offline"), (3, "online"), (4, "online")}


@pytest.mark.parametrize(("strategy", "where"), list(FATES))
def test_each_strategy_takes_its_way(script: Script, work: Any, strategy: int, where: str) -> None:
    work()
    seen = datetime.now(UTC) - timedelta(days=where == "offline")
    device = Device.objects.get()
    DeviceSession.objects.create(device=device, secret_hash="x", created_at=seen, pulled_at=seen)

    told = read_data(script.send("push/sync/ann", strategy=strategy))

    assert told == [FATES[strategy, where]]
    assert InboxItem.objects.exists() is ((strategy, where) in OWN)


def test_what_is_retained_is_kept_as_long_as_the_door_says(script: Script, work: Any) -> None:
    work()
    door = script.door
    door.options = {"retention_days": 2}
    door.save()
    now = datetime.now(UTC)
    DeviceSession.objects.create(device=Device.objects.get(), secret_hash="x", created_at=now)

    told = read_data(script.send("push/sync/ann", strategy=1))

    item = InboxItem.objects.get()
    assert told == [{"pushStatus": "SUCCESS", "desc": "retained"}]
    assert item.expires_at - item.created_at == timedelta(days=2)


def test_whom_the_vendor_fails_the_own_channel_keeps(script: Script, work: Any) -> None:
    work("unregistered")
    now = datetime.now(UTC)
    DeviceSession.objects.create(device=Device.objects.get(), secret_hash="x", created_at=now)

    told = read_data(script.send("push/sync/ann", strategy=3))

    assert told == [{"pushStatus": "SUCCESS", "desc": "retained"}]


def test_several_users_are_told_apart(script: Script, work: Any) -> None:
    work()
    body = {"targets": ["ann", "nobody"], "async": False, "pushMessage": MESSAGE}

    told = read_data(script.call("POST", "push/single", body))

    assert told == [
        {"id": "ann", "pushStatus": "SUCCESS"},
        {"id": "nobody", "pushStatus": "FAIL", "desc": "appUser not exists"},
    ]


@pytest.mark.database
def test_an_app_is_called_once_a_second_by_all_its_keys_together(
    client: Any, app: Any, work: Any, clock: Clock
) -> None:
    work()
    other = builders.make_app(app.workspace, slug="cafe")
    first, second, foreign = (
        Script(client, one, *make_key(one), f"acme/{one.slug}") for one in (app, app, other)
    )

    answers = [script.send("push/sync/nobody") for script in (first, second, foreign)]
    clock.move(2)
    later = second.send("push/sync/nobody")

    assert [answer.status_code for answer in (*answers, later)] == [200, 429, 200, 200]
    assert read_error(answers[1])[1] == "reach_limit"
    assert answers[1]["Retry-After"] == "1"
    assert read_error(first.send("push/sync/nobody"))[0] == 429
