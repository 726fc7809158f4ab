"""The vendor's own client, unmodified, against a running installation: every call that it has and
that we serve, over a socket.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import engagelab
import pytest
from engagelab.device import DeviceSetParam, DeviceSetTags, DeviceStatusGetParam
from engagelab.device import DeviceTokenRegisterParam as Tokens
from engagelab.group_push import GroupPushClient
from engagelab.plan import PushPlanParam
from engagelab.push import (
    AndroidNotification,
    BatchPushParam,
    BatchPushRequest,
    NotificationMessage,
    Options,
    PushBody,
    PushParam,
    PushTo,
)
from engagelab.schedule import SchedulePushParam, ScheduleTrigger, TriggerPeriodical, TriggerSingle
from engagelab.tag import TagRegistrationIDs, TagSetParam

from tests.installation import Installation, wait_for


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> Iterator[Installation]:
    running = Installation(tmp_path_factory.mktemp("client"))
    running.take_demo(demo)
    running.start(workers=1)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def key(installation: Installation) -> dict[str, Any]:
    return installation.issue_key("engagelab")


@pytest.fixture(scope="module")
def client(installation: Installation, key: dict[str, Any]) -> engagelab.Client:
    return engagelab.Client(
        key["app_key"], key["master_secret"], base_url=installation.url + "/compat/engagelab"
    )


@pytest.fixture(scope="module")
def devices(client: engagelab.Client) -> list[str]:
    """Registration ids of three phones whose tokens were imported."""
    tokens = [f"token-of-a-phone-{number}" for number in range(3)]
    found = client.device.register_token(Tokens(platform="android", tokens=tokens))
    assert [item.token for item in found.results] == tokens
    assert all(item.code == 0 and item.is_new for item in found.results)
    return [item.registration_id for item in found.results]


def make_push(to: Any, alert: str = "Hi", **options: Any) -> PushParam:
    return PushParam(
        from_="push",
        to=to,
        request_id="12345678",
        body=PushBody(
            platform=["android"],
            notification=NotificationMessage(
                alert=alert, android=AndroidNotification(title="Shop", priority=1)
            ),
            options=Options(**options) if options else None,
        ),
    )


def fail(act: Any, *arguments: Any) -> tuple[int, int]:
    with pytest.raises(engagelab.ApiError) as caught:
        act(*arguments)
    return caught.value.status_code, caught.value.error.code


def test_a_push_is_sent_and_counted(client: engagelab.Client, devices: list[str]) -> None:
    sent = client.push.send(make_push(PushTo(registration_id=devices)))

    detail = wait_for("the counts", lambda: count_sent(client, sent.msg_id, 3))

    assert sent.request_id == "12345678"
    assert sent.msg_id.isdigit()
    assert detail["targets"] == detail["sent"] == 3
    assert detail["sub"]["notification"]["target"] == 3
    rows = client.status.message_lifecycle(sent.msg_id, devices[:2])
    assert {rid: row["status"] for rid, row in rows.items()}.keys() == set(devices[:2])
    assert len(client.status.batch_message_detail([sent.msg_id])) == 3


def count_sent(client: engagelab.Client, message: str, count: int) -> dict[str, Any] | None:
    detail = client.status.message_detail([message, "999999999"])
    found = detail[message]
    return found if found["sent"] == count else None


def test_a_repeated_cid_is_answered_with_the_first_message(
    client: engagelab.Client, devices: list[str]
) -> None:
    push = make_push(PushTo(registration_id=devices[:1]), cid="order-17")

    assert client.push.send(push).msg_id == client.push.send(push).msg_id


def test_a_validated_push_makes_nothing(client: engagelab.Client, devices: list[str]) -> None:
    checked = client.push.validate(make_push(PushTo(registration_id=devices)))
    faulty = fail(client.push.validate, PushParam(to="all", body=PushBody(platform="all")))

    assert checked.msg_id
    assert checked.msg_id not in client.status.message_detail([checked.msg_id])
    assert faulty == (400, 21002)


def test_a_message_that_is_over_cannot_be_withdrawn(
    client: engagelab.Client, devices: list[str]
) -> None:
    sent = client.push.send(make_push(PushTo(registration_id=devices[:1])))
    wait_for("the send", lambda: count_sent(client, sent.msg_id, 1))

    assert fail(client.push.withdraw, sent.msg_id) == (400, 21003)
    assert fail(client.push.withdraw, "999999999") == (400, 21003)


def test_a_batch_answers_for_each_target(client: engagelab.Client, devices: list[str]) -> None:
    requests = [
        BatchPushRequest(
            target=target, platform="android", notification=NotificationMessage(alert="Hi")
        )
        for target in (devices[0], "nobody")
    ]

    answer = client.push.batch_by_regid(BatchPushParam(requests=requests))

    good, bad = answer.results[devices[0]], answer.results["nobody"]
    assert (good.success, good.msg_id > 0) == (True, True)
    assert (bad.success, bad.error["code"]) == (False, 20101)
    assert answer.rate_limit_info.rate_limit_occurred is False


def test_devices_carry_tags_and_an_alias(client: engagelab.Client, devices: list[str]) -> None:
    first, second, third = devices

    client.device.set(first, DeviceSetParam(tags=DeviceSetTags(add=["vip", "new"]), alias="anna"))
    client.tag.set("vip", TagSetParam(TagRegistrationIDs(add=[second])))
    told = client.device.get(first)
    counts = client.tag.get_count(["vip", "new"], "android").tags_count

    assert (sorted(told.tags), told.alias) == (["new", "vip"], "anna")
    assert counts == {"vip": 2, "new": 1}
    assert set(client.tag.list().tags) >= {"vip", "new"}
    assert client.tag.get_device_status("vip", second).result is True
    assert client.tag.get_device_status("vip", third).result is False
    assert client.tag.get_quota(["vip"], "android").data["tagUidQuotaDetail"]
    assert client.alias.get("anna", ["android"]).registration_ids == [first]
    batch = BatchPushParam([BatchPushRequest("anna", ["android"], NotificationMessage("Hi"))])
    assert client.push.batch_by_alias(batch).results["anna"].success
    assert client.push.send(make_push(PushTo(tag=["vip"], tag_not=["new"]))).msg_id
    assert fail(client.push.send, make_push(PushTo(tag=["nobody-has-it"]))) == (400, 21011)

    client.alias.delete("anna")
    client.tag.delete("vip", ["android"])
    client.device.set(first, DeviceSetParam(tags=""))

    cleared = client.device.get(first)
    assert (cleared.tags, cleared.alias) == ([], "")
    assert client.tag.get_device_status("vip", second).result is False


def test_a_deleted_device_is_gone(client: engagelab.Client) -> None:
    tokens = Tokens(platform="ios", tokens=["ab" * 32], apns_production=True)
    [made] = client.device.register_token(tokens).results

    states = client.device.get_status(DeviceStatusGetParam([made.registration_id, "nobody"]))
    client.device.delete(made.registration_id)

    assert [state["regid"] for state in states] == [made.registration_id, "nobody"]
    assert [state["online"] for state in states] == [False, False]
    assert fail(client.device.get, made.registration_id) == (400, 27002)


def write_time(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S")


def test_schedules_live_their_life(client: engagelab.Client, devices: list[str]) -> None:
    push = make_push(PushTo(registration_id=devices))
    single = ScheduleTrigger(single=TriggerSingle(time=write_time(3), zone_type=1))
    weekly = ScheduleTrigger(
        periodical=TriggerPeriodical(
            start=write_time(1), end=write_time(60), time="09:00:00", frequency=1,
            time_unit="WEEK", point=["MON", "FRI"], zone_type=1,
        )
    )  # fmt: skip

    made = client.schedule.create(SchedulePushParam("Once", True, single, push))
    other = client.schedule.create(SchedulePushParam("Weekly", True, weekly, push))
    [told] = client.schedule.get(made.schedule_id)
    page = client.schedule.list(1)
    changed = client.schedule.update(
        made.schedule_id, SchedulePushParam(name="Later", trigger=weekly)
    )
    messages = client.schedule.get_msg_ids(made.schedule_id)
    client.schedule.delete(made.schedule_id)

    assert (made.name, told["name"], told["enabled"]) == ("Once", "Once", True)
    assert told["trigger"]["single"]["time"] == single.single.time
    assert {row["schedule_id"] for row in page.schedules} >= {made.schedule_id, other.schedule_id}
    assert (page.page, page.total_pages) == (1, 1)
    assert (changed.name, list(changed.trigger)) == ("Later", ["periodical"])
    assert (messages.count, messages.msg_ids) == (0, [])
    assert fail(client.schedule.get, made.schedule_id) == (400, 21003)
    off = SchedulePushParam("Off", False, single, push)
    assert fail(client.schedule.create, off) == (400, 21003)


def test_plans_are_kept_and_counted(client: engagelab.Client, devices: list[str]) -> None:
    day = datetime.now(UTC).date()
    first, last = (day - timedelta(days=1)).isoformat(), (day + timedelta(days=1)).isoformat()
    for text in ("Spring", "Spring sale"):
        assert client.plan.create_or_update(PushPlanParam("spring", text)).plan_id == "spring"
    client.plan.create_or_update(PushPlanParam("autumn", "Leaves"))

    sent = client.push.send(make_push(PushTo(registration_id=devices), plan_id="spring"))
    wait_for("the send", lambda: count_sent(client, sent.msg_id, 3))
    plans = client.plan.list(search_description="sale")

    [info] = plans.push_plan_info
    assert (info["plan_id"], info["plan_description"]) == ("spring", "Spring sale")
    assert info["count"] == 1
    assert info["last_used_time"] >= info["create_time"] > 10**12
    assert client.plan.list().total == 2
    assert client.plan.query_msg("spring", first, last) == {"spring": [sent.msg_id]}
    assert client.status.plan_detail(["spring"], first, last)["spring"]["sent"] == 3
    assert client.plan.delete("autumn").plan_id == "autumn"
    client.plan.batch_delete("spring")
    assert client.plan.list().total == 0
    assert fail(client.plan.delete, "spring") == (400, 21003)


def test_users_are_counted_by_day(client: engagelab.Client, devices: list[str]) -> None:
    start = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()

    told = client.status.users("DAY", start, 3)

    assert (told.time_unit, told.start, told.duration) == ("DAY", start, 3)
    assert len(told.items) == 3
    assert sum(item["android"]["new"] for item in told.items) >= len(devices)


def test_a_wrong_key_is_told_so_in_the_vendors_words(
    installation: Installation, key: dict[str, Any]
) -> None:
    url = installation.url + "/compat/engagelab"
    stranger = engagelab.Client(key["app_key"], "wrong", base_url=url)
    nobody = GroupPushClient("0" * 24, "wrong", base_url=url)
    short = GroupPushClient("short", "wrong", base_url=url)

    assert fail(stranger.push.send, make_push("all")) == (401, 21004)
    assert fail(nobody.send, make_push("all")) == (401, 21037)
    assert fail(short.send, make_push("all")) == (400, 21037)


def test_a_group_push_answers_for_each_app(
    installation: Installation, client: engagelab.Client, devices: list[str]
) -> None:
    told = installation.manage("issue_key", "--app-group", "both-apps", "--dialect", "engagelab")
    group = json.loads(told.splitlines()[-1])
    url = installation.url + "/compat/engagelab"
    groups = GroupPushClient(group["group_key"], group["group_secret"], base_url=url)

    sent = groups.send(make_push(PushTo(registration_id=devices)))

    entries = {**sent.successes, **sent.errors}
    assert sent.group_msgid
    assert len(entries) == 2
    assert all(len(name) == 24 for name in entries)
    assert [entry["request_id"] for entry in sent.successes.values()] == ["12345678"]
    [message] = [entry["msg_id"] for entry in sent.successes.values()]
    assert wait_for("the counts", lambda: count_sent(client, message, 3))
    assert [error["code"] for error in sent.errors.values()] == [21011]
    override = make_push("all", override_msg_id=17)
    assert fail(groups.send, override) == (400, 21003)
