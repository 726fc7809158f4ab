"""At each limit a call works, one over it gets the vendor's own refusal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from campaigns.models import Label, LabelMember, Person, Transfer
from tests import builders
from tests.compat.agora.conftest import MESSAGE, NOW, Clock, Script, read_data, read_error

pytestmark = [pytest.mark.django_db, pytest.mark.database]
REACHED = (429, "reach_limit", "This request has reached API limit.")
LATER = (NOW + timedelta(hours=3)).strftime("%Y-%m-%d %H:%M:%S")
STATS = "push/data/offline-push/begin/2026-11-01/end/2026-11-02"


def call_until_refused(script: Script, most: int, *call: Any, **fields: Any) -> Any:
    """`most` calls that are taken, and the answer to one more."""
    for _call in range(most):
        read_one(script.call(*call, **fields))
    return script.call(*call, **fields)


def read_one(answer: Any) -> None:
    assert answer.status_code == 200, answer.content


def test_one_synchronous_push_a_second(
    script: Script, people: Any, naps: Any, clock: Clock
) -> None:
    body = {"pushMessage": MESSAGE}

    refused = call_until_refused(script, 1, "POST", "push/sync/test3", body)

    assert read_error(refused) == REACHED
    assert int(refused["Retry-After"]) >= 1
    clock.move(2)
    assert script.call("POST", "push/sync/test3", body).status_code == 200


def test_a_synchronous_push_leaves_the_other_calls_alone(script: Script, naps: Any) -> None:
    script.send("push/sync/nobody")

    assert read_data(script.send("push/single", targets=["nobody"]))


def test_five_tasks_a_minute(script: Script, people: Any) -> None:
    body = {"pushMessage": MESSAGE, "startDate": LATER}

    refused = call_until_refused(script, 5, "POST", "push/task", body)

    assert read_error(refused) == REACHED


def test_a_hundred_tasks_a_day(script: Script, people: Any, clock: Clock) -> None:
    body = {"pushMessage": MESSAGE, "startDate": LATER}
    for _call in range(100):
        read_one(script.call("POST", "push/task", body))
        clock.move(30)

    refused = script.call("POST", "push/task", body)

    assert read_error(refused) == REACHED
    assert int(refused["Retry-After"]) > 3600


def test_ten_statistics_within_ten_seconds(script: Script) -> None:
    assert read_error(call_until_refused(script, 10, "GET", STATS)) == REACHED


def test_a_hundred_calls_about_labels_a_second(script: Script) -> None:
    assert read_error(call_until_refused(script, 100, "GET", "push/label")) == REACHED


def test_three_tasks_run_at_once(script: Script, people: Any) -> None:
    for path in ("push/task", "push/list"):
        read_data(script.send(path, targets=["test1"]))
    number = read_data(script.send("push/task"))

    fourth = script.send("push/task")
    others = script.send("push/single", targets=["test1"])
    script.call("DELETE", f"push/task/{number}")
    again = script.send("push/task")

    assert read_error(fourth) == (403, "LimitException", "limit request")
    assert (others.status_code, again.status_code) == (200, 200)


def test_a_later_task_counts_only_from_its_start(script: Script, people: Any) -> None:
    for _call in range(2):
        read_data(script.send("push/task", startDate=LATER))
    for _call in range(3):
        read_data(script.send("push/task"))

    assert Transfer.objects.count() == 5


def test_a_hundred_labels(script: Script) -> None:
    Label.objects.bulk_create(
        [Label(app=script.app, name=f"l{number}", created_at=NOW) for number in range(99)]
    )

    hundredth = script.call("POST", "push/label", {"name": "last"})
    refused = script.call("POST", "push/label", {"name": "over"})

    assert read_data(hundredth)["name"] == "last"
    assert read_error(refused)[:2] == (400, "IllegalArgumentException")


@pytest.mark.long
def test_twenty_thousand_users_of_a_label(script: Script) -> None:
    workspace = script.app.workspace
    label = Label.objects.create(app=script.app, name="vip", created_at=NOW, member_count=19_999)
    crowd = Person.objects.bulk_create(
        [Person(workspace=workspace, external_user_id=f"p{number}") for number in range(19_999)]
    )
    LabelMember.objects.bulk_create(
        [LabelMember(label=label, person=person, added_at=NOW) for person in crowd],
        batch_size=5000,
    )
    for name in ("last", "over"):
        builders.make_device(script.app, name, person=builders.make_person(workspace, name))

    last = script.call("POST", "push/label/vip/user", {"usernames": ["last"]})
    refused = script.call("POST", "push/label/vip/user", {"usernames": ["over"]})

    assert read_data(last) == {"success": ["last"], "fail": {}}
    assert read_error(refused)[:2] == (400, "IllegalArgumentException")


BAD = {
    "101 users": ("push/single", {"targets": [f"u{number}" for number in range(101)]}),
    "no users": ("push/single", {"targets": []}),
    "six labels": ("push/list/label", {"targets": list("abcdef")}),
    "another strategy": ("push/task", {"strategy": 5}),
    "a start in 59 minutes": ("push/task", {"startDate": "2026-11-20 12:59:00"}),
    "a start in 31 days": ("push/task", {"startDate": "2026-12-21 12:00:00"}),
}


@pytest.mark.parametrize(("path", "fields"), BAD.values(), ids=list(BAD))
def test_a_bad_parameter_is_refused_and_leaves_nothing(
    script: Script, path: str, fields: dict[str, Any]
) -> None:
    refused = script.send(path, **fields)

    assert read_error(refused)[:2] == (400, "IllegalArgumentException")
    assert not Transfer.objects.exists()


GOOD = {
    "100 users": ("push/single", {"targets": [f"u{number}" for number in range(100)]}),
    "a start in an hour": ("push/task", {"startDate": "2026-11-20 13:00:00"}),
    "a start in 30 days": ("push/task", {"startDate": "2026-12-20 12:00:00"}),
}


@pytest.mark.parametrize(("path", "fields"), GOOD.values(), ids=list(GOOD))
def test_what_is_at_its_limit_is_taken(
    script: Script, people: Any, path: str, fields: dict[str, Any]
) -> None:
    read_data(script.send(path, **fields))

    assert Transfer.objects.count() == 1


def test_five_labels_are_one_audience(script: Script, people: Any) -> None:
    for name in "abcde":
        script.call("POST", "push/label", {"name": name})

    read_data(script.send("push/list/label", targets=list("abcde")))

    assert Transfer.objects.count() == 1


BAD_MESSAGES = {
    "a title of 33": {"title": "a" * 33},
    "a content of 101": {"content": "a" * 101},
    "a subtitle of 11": {"subTitle": "a" * 11},
    "11 pairs": {"ext": {str(number): 1 for number in range(11)}},
    "no object": "Hello",
    "none": None,
}


@pytest.mark.parametrize("message", BAD_MESSAGES.values(), ids=list(BAD_MESSAGES))
def test_a_bad_message_is_refused_and_leaves_nothing(script: Script, message: Any) -> None:
    refused = script.send("push/task", pushMessage=message)

    assert read_error(refused)[:2] == (400, "MessageException")
    assert not Transfer.objects.exists()


@pytest.mark.parametrize(
    ("body", "word"), [(b"{", "json_parse"), (b"[1]", "json_parse"), (b"", "json_parse")]
)
def test_a_body_that_is_no_object_is_named_so(script: Script, body: bytes, word: str) -> None:
    assert read_error(script.call("POST", "push/task", body))[:2] == (400, word)


def test_a_body_over_a_megabyte_is_too_large(script: Script) -> None:
    refused = read_error(script.call("POST", "push/task", b"{" * 1_000_001))

    assert refused[:2] == (413, "request_entity_too_large")


def test_an_address_that_is_none_is_told_so(script: Script) -> None:
    assert read_error(script.call("GET", "push/nothing/here"))[:2] == (
        404,
        "service_resource_not_found",
    )
    assert read_error(script.call("GET", "push/task/999"))[:2] == (
        404,
        "service_resource_not_found",
    )
    assert read_error(script.call("PATCH", "push/task"))[:2] == (405, "method_not_allowed")
