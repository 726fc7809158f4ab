"""The vendor's examples word for word, and every other call of a script, over the real view."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from campaigns.dispatch.engine import drain
from campaigns.models import Label, LabelMember, Submission, Transfer
from tests import builders
from tests.compat.agora.conftest import NOW, Script, read_data, read_error
from tests.fixtures.agora import World, read_answers, read_examples

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def play(script: Script, client: Client) -> Any:
    """Make a call of the page as it stands there."""
    world = World(
        base="/compat/agora", token=script.text, shown=f' -H "Authorization: Bearer {script.text}"'
    )
    examples = read_examples(world)

    def play_example(name: str, **headers: str) -> Any:
        example = examples[name]
        return client.generic(
            example.method, example.url, example.content, headers={**example.headers, **headers},
            content_type="application/json",
        )  # fmt: skip

    return play_example


def describe_shape(value: Any) -> Any:
    """The types of a JSON value, its names, and one of a list's items."""
    if isinstance(value, dict):
        return {name: describe_shape(item) for name, item in value.items()}
    return [describe_shape(item) for item in value[:1]] if isinstance(value, list) else type(value)


@pytest.mark.parametrize(
    ("name", "answer"),
    [("single", "single.taken"), ("label", "label.task"), ("task", "task.task")],
)
def test_a_call_of_the_page_is_answered_in_the_pages_shape(
    play: Any, script: Script, people: Any, name: str, answer: str
) -> None:
    script.call("POST", "push/label", {"name": "post-90s"})

    answered = play(name)

    assert answered.status_code == 200
    assert describe_shape(answered.json()) == describe_shape(read_answers()[answer])


def test_the_pages_users_are_taken_word_for_word(play: Any, people: Any) -> None:
    answered = play("single").json()

    assert answered["data"] == read_answers()["single.taken"]["data"]
    assert Submission.objects.get().door == "agora"


def test_a_user_whom_nobody_knows_is_told_as_on_the_page(play: Any, naps: Any) -> None:
    answered = play("sync").json()

    assert answered["data"] == read_answers()["sync.unknown"]["data"]


def test_a_user_without_a_device_is_told_as_on_the_page(play: Any, app: Any, naps: Any) -> None:
    builders.make_person(app.workspace, "test1")

    answered = play("sync").json()

    assert answered["data"] == read_answers()["sync.unbound"]["data"]


def test_without_an_outcome_in_twenty_seconds_it_is_a_timeout(
    play: Any, people: Any, app: Any, naps: list[float]
) -> None:
    builders.make_route(app, "android")

    answered = play("sync").json()

    assert answered["data"] == [{"pushStatus": "ERROR", "desc": "timeout"}]
    assert sum(naps) == pytest.approx(20)


def test_a_task_id_loses_no_digit_in_any_client(script: Script, people: Any) -> None:
    number = read_data(script.send("push/task"))

    assert number == int(float(number)) < 2**53
    assert Transfer.objects.filter(pk=number).exists()


def test_one_user_may_be_sent_to_without_waiting(script: Script, people: Any) -> None:
    data = read_data(script.send("push/async/test1"))

    assert data == [{"pushStatus": "ASYNC_SUCCESS", "data": "", "desc": "success"}]


def test_a_client_that_wants_no_async_gets_every_outcome(
    script: Script, people: Any, naps: Any
) -> None:
    data = read_data(script.send("push/single", targets=["nobody", "test3"], **{"async": False}))

    assert data == [
        {"id": "nobody", "pushStatus": "FAIL", "desc": "appUser not exists"},
        {"id": "test3", "pushStatus": "FAIL", "desc": "no push binding"},
    ]


def test_the_message_arrives_with_everything_that_was_in_it(script: Script, people: Any) -> None:
    message = {"title": "Hi", "content": "There", "sub_title": "Sub", "vivo": {"pushMode": 1}}

    number = read_data(script.call("POST", "push/task", {"strategy": 3, "pushMessage": message}))

    kept = Transfer.objects.get(pk=number).parts.get().message.read()
    assert (kept.title, kept.body, kept.channel) == ("Hi", "There", "own_first")
    assert kept.ios.subtitle == "Sub"
    assert kept.extras == {"agora": {"vivo": {"pushMode": 1}}}


def test_named_users_may_be_a_task(script: Script, people: Any) -> None:
    data = read_data(script.send("push/list", targets=["test1", "test2"]))

    assert set(data) == {"taskId"}


def test_a_later_task_waits_and_can_be_taken_back(script: Script, people: Any) -> None:
    start = (NOW + timedelta(hours=2)).strftime("%Y-%m-%d %H:%M:%S")
    number = read_data(script.send("push/task", startDate=start))

    waiting = read_data(script.call("GET", f"push/task/{number}"))
    done = read_data(script.call("DELETE", f"push/task/{number}"))
    taken_back = read_data(script.call("GET", f"push/task/{number}"))

    assert Transfer.objects.get(pk=number).due_at == NOW + timedelta(hours=2)
    assert (waiting["taskId"], waiting["status"], done) == (number, "WAITING", "success")
    assert taken_back["status"] == "CANCELLED"


def test_a_start_is_read_in_the_zone_of_the_door(script: Script, people: Any) -> None:
    door = script.door
    door.options = {"zone": "Asia/Shanghai"}
    door.save()

    number = read_data(script.send("push/task", startDate="2026-11-20 22:00:00"))

    assert Transfer.objects.get(pk=number).due_at == NOW + timedelta(hours=2)


def test_a_label_lives_from_its_making_to_its_end(script: Script, people: Any) -> None:
    made = read_data(script.call("POST", "push/label", {"name": "vip", "description": "best"}))
    changed = read_data(
        script.call("POST", "push/label/vip/user", {"usernames": ["test1", "test2", "nobody"]})
    )
    one = read_data(script.call("GET", "push/label/vip"))
    member = read_data(script.call("GET", "push/label/vip/user/test1"))
    removed = read_data(script.call("DELETE", "push/label/vip/user", {"usernames": ["test1"]}))
    left = read_data(script.call("GET", "push/label/vip/user"))
    task = read_data(script.send("push/list/label", targets=["vip"]))
    early = script.call("DELETE", "push/label/vip")
    drain()
    dropped = read_data(script.call("DELETE", "push/label/vip"))

    moment = round(NOW.timestamp() * 1000)
    assert made == {"name": "vip", "description": "best", "createdAt": moment}
    assert changed == {"success": ["test1", "test2"], "fail": {"nobody": "appUser not exists"}}
    assert one == {"name": "vip", "description": "best", "count": 2, "createdAt": moment}
    assert member == {"username": "test1", "created": moment}
    assert removed == {"success": ["test1"], "fail": {}}
    assert left == [{"username": "test2", "created": moment}]
    assert Transfer.objects.filter(pk=task["taskId"]).exists()
    assert (early.status_code, dropped) == (400, "success")  # nobody of the push may be lost
    assert not Label.objects.exists()
    assert not LabelMember.objects.exists()


def test_labels_come_page_by_page(script: Script) -> None:
    for name in ("a", "b", "c"):
        script.call("POST", "push/label", {"name": name})

    first = script.call("GET", "push/label?limit=2").json()
    second = script.call("GET", f"push/label?limit=2&cursor={first['cursor']}").json()

    assert [row["name"] for row in first["data"] + second["data"]] == ["a", "b", "c"]
    assert "cursor" not in second


def test_members_come_page_by_page(script: Script, people: Any) -> None:
    script.call("POST", "push/label", {"name": "a"})
    script.call("POST", "push/label/a/user", {"usernames": ["test1", "test2"]})

    first = script.call("GET", "push/label/a/user?limit=1").json()
    second = script.call("GET", f"push/label/a/user?limit=1&cursor={first['cursor']}").json()

    names = [row["username"] for row in first["data"] + second["data"]]
    assert names == ["test1", "test2"]
    assert "cursor" not in second


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "push/label/nope", None),
        ("DELETE", "push/label/nope", None),
        ("POST", "push/label/nope/user", {"usernames": ["test1"]}),
        ("DELETE", "push/label/nope/user", {"usernames": ["test1"]}),
        ("GET", "push/label/nope/user", None),
        ("GET", "push/label/nope/user/test1", None),
        ("POST", "push/list/label", {"targets": ["nope"], "pushMessage": {"title": "a"}}),
    ],
)
def test_a_label_that_is_not_there_is_named(
    script: Script, method: str, path: str, body: Any
) -> None:
    status, word, words = read_error(script.call(method, path, body))

    assert (status, word) == (400, "ResourceNotFoundException")
    assert words == "push label not exists of nope"
    assert not Transfer.objects.exists()


def test_capitals_of_a_label_count_only_where_the_door_says_so(script: Script) -> None:
    script.call("POST", "push/label", {"name": "Vip"})
    loosely = script.call("GET", "push/label/vIP")
    twin = script.call("POST", "push/label", {"name": "vip"})
    door = script.door
    door.options = {"labels_ignore_case": False}
    door.save()

    strictly = script.call("GET", "push/label/vIP")
    other = script.call("POST", "push/label", {"name": "vip"})

    assert read_data(loosely)["name"] == "Vip"
    assert read_error(twin)[:2] == (400, "IllegalArgumentException")
    assert read_error(strictly)[:2] == (400, "ResourceNotFoundException")
    assert read_data(other)["name"] == "vip"


def test_counts_by_day_have_the_vendors_shape(script: Script, people: Any) -> None:
    script.send("push/task")
    path = f"push/data/offline-push/begin/{date(2026, 11, 1)}/end/{date(2026, 11, 20)}"

    answered = script.call("GET", f"{path}?platform=ALL")

    assert answered.status_code == 200
    assert set(answered.json()) == {"status", "data"}
    assert answered.json()["status"] == "OK"


@pytest.mark.parametrize("base", ["acme/nope", "nope/shop", "app-id/nope", "shop/acme"])
@pytest.mark.parametrize("path", ["push/task", "push/label"])
def test_an_app_that_is_not_there_is_named(script: Script, base: str, path: str) -> None:
    script.base = base
    body = {"name": "a", "pushMessage": {"title": "a"}}

    status, word, words = read_error(script.call("POST", path, body))

    assert (status, word) == (404, "organization_application_not_found")
    assert words.startswith("Could not find application for ")


def test_the_other_form_of_a_path_means_the_same_app(script: Script, people: Any) -> None:
    script.base = f"app-id/{script.door.identifiers['app_id']}"

    number = read_data(script.send("push/task"))

    assert Transfer.objects.get(pk=number).app == script.app


def test_the_accept_header_changes_nothing(play: Any, people: Any) -> None:
    answered = play("task", Accept="text/html, image/gif, image/jpeg, */*; q=0.2")

    assert answered["Content-Type"] == "application/json"
