"""What a send means: options under every name, limits, and statuses under 200."""

from __future__ import annotations

from typing import Any

import pytest

from providers.audience import And, Condition, Op, Or
from providers.commands import Accepted, AcceptedMany, AcceptedTarget
from providers.inbound import Call
from providers.message import InAppContent
from providers.outcomes import Refusal, RefusalKind
from providers.vendors.infobip import wire_sends, wire_sends_v2

ANN = {"type": "EXTERNAL_USER_ID", "externalUserId": "ann"}
BOB = {"type": "EXTERNAL_USER_ID", "externalUserId": "bob", "messageId": "my-id"}


def make_message(**values: Any) -> dict[str, Any]:
    content = {"type": "TEXT", "text": "Hi"} | values.pop("content", {})
    return {"sender": "app", "destinations": [ANN], "content": content} | values


def make_call(*messages: dict[str, Any], **schedule: Any) -> Call:
    body: dict[str, Any] = {"messages": list(messages)}
    return Call(body=body | ({"options": {"schedule": schedule}} if schedule else {}))


def read_push(**values: Any) -> Any:
    return wire_sends.read_send(make_call(make_message(**values))).pushes[0]


def read_old(**values: Any) -> Any:
    body = {"from": "app", "to": {"externalUserId": "ann"}, "text": "Hi"} | values
    return wire_sends_v2.read_single(Call(body=body)).pushes[0]


def answer_ids(call: Call, *entries: Any) -> list[int]:
    reply = wire_sends.write_sent(AcceptedMany(entries=entries, client_key="b"), call)
    assert reply.status == 200
    return [item["status"]["id"] for item in reply.body["messages"]]


MIRRORED = InAppContent(
    style="banner",
    expires_in=360,
    dismiss_title="Close",
    open_title="Show",
    tap_kind="web_view",
    tap_target="http://someurl.com",
    topic="Promotion",
)
OLD_NAMES = {
    "showInApp": True,
    "inAppStyle": "BANNER",
    "inAppExpirationPeriod": 6,
    "inAppExpirationTimeUnit": "MINUTES",
    "inAppDismissTitle": "Close",
    "inAppOpenTitle": "Show",
    "primaryButtonAction": {"resource": "http://someurl.com", "type": "WEB_VIEW_URL"},
    "inboxTopic": "Promotion",
}
NEW_NAMES = {
    "showMirroredPush": True,
    "mirroredPushStyle": "BANNER",
    "mirroredPushExpirationPeriod": 6,
    "mirroredPushExpirationTimeUnit": "MINUTES",
    "mirroredPushDismissTitle": "Close",
    "mirroredPushOpenTitle": "Show",
    "onTapButtonAction": {"resource": "http://someurl.com", "type": "WEB_VIEW_URL"},
    "inboxTopic": "Promotion",
}


@pytest.mark.parametrize("names", [OLD_NAMES, NEW_NAMES], ids=["old", "new"])
@pytest.mark.parametrize("place", ["options", "notificationOptions"])
def test_mirrored_options_are_read_under_every_name_at_every_place(names, place) -> None:
    assert read_push(**{place: names}).parts[0].message.in_app == MIRRORED
    assert read_old(**{place: names}).parts[0].message.in_app == MIRRORED


def test_silent_and_mirrored_is_in_the_app_only() -> None:
    push = read_push(options={"isSilent": True, "showMirroredPush": True})

    message = push.parts[0].message
    assert (message.in_app.only, message.in_app.style) == (True, "modal")
    assert message.android.silent is message.ios.silent is True


def test_what_is_not_mirrored_has_no_style() -> None:
    options = {"showMirroredPush": False, "mirroredPushStyle": "MODAL"}

    assert read_push(options=options).parts[0].message.in_app is None


def test_unknown_options_are_carried_and_nulls_are_not() -> None:
    options = {"later": {"a": [1]}, "vibrationEnabled": False, "badge": None, "sendAt": None}

    push = read_push(options=options, webhooks=None, type="text")

    assert push.parts[0].message.extras == {
        "infobip": {"later": {"a": [1]}, "vibrationEnabled": False}
    }
    assert wire_sends.write_send(push)["messages"][0]["options"] == {
        "later": {"a": [1]},
        "vibrationEnabled": False,
    }


def test_all_messages_of_a_call_are_one_bulk() -> None:
    command = wire_sends.read_send(make_call(make_message(), make_message(), bulkId="mine"))
    other = wire_sends.read_send(make_call(make_message()))

    assert (len(command.pushes), command.client_key) == (2, "mine")
    assert len(other.client_key) == 36


def test_primary_devices_are_asked_for_by_destination() -> None:
    primary = {**BOB, "targetOnlyPrimaryDevices": True}

    push = read_push(destinations=[ANN, primary])

    assert [part.only_primary for part in push.parts] == [False, True]
    assert push.parts[1].targets[0].ids == ("my-id",)


def test_a_plus_before_a_number_means_nothing() -> None:
    push = read_push(destinations=[{"type": "PHONE_NUMBER", "phoneNumber": "+41793026727"}])

    assert push.parts[0].targets[0].values == ("41793026727",)


def test_everybody_of_the_clouds_can_be_meant() -> None:
    push = read_old(to={"cloudType": ["GCM", "APNS"]})

    expression = push.parts[0].audience.expression
    assert expression == And((Condition("device.platform", Op.IN, ("android", "ios")),))


def test_names_and_platforms_are_read_whatever_their_case() -> None:
    query = {"type": "MULTIPLE", "$or": [{"PLATFORM": "IOS"}, {"deviceSecure": "true"}]}

    push = read_push(destinations=[query])

    assert push.parts[0].audience.expression == Or(
        (Condition("device.platform", Op.EQ, "ios"), Condition("device.is_secure", Op.EQ, True))
    )


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"options": {"validityPeriod": {"amount": 29, "timeUnit": "SECONDS"}}}, 70),
        ({"content": {"text": "x" * 4000, "title": "y"}}, 68),
        ({"options": {"customPayload": {"a": "x" * 4000}}}, 68),
        ({"content": {"text": " "}}, 69),
        ({"options": {"onTapButtonAction": {"type": "DEEP_LINK"}}}, 74),
        ({"options": {"onTapButtonAction": {"resource": "https://a.example"}}}, 74),
        ({"destinations": [{"type": "MULTIPLE"}]}, 71),
        ({"destinations": [{"type": "MULTIPLE", "$or": [{"a": 1, "b": 2}]}]}, 71),
        ({"destinations": [{"type": "MULTIPLE", "$and": "ann"}]}, 71),
        ({"destinations": [{"type": "MULTIPLE", "$and": [{"platform": "toaster"}]}]}, 71),
        ({"destinations": [{"type": "MULTIPLE", "$and": [{"sdkVersion": "x"}]}]}, 71),
    ],
)
def test_a_faulty_message_is_rejected_under_200_and_not_sent(values, status) -> None:
    call = make_call(make_message(**values))

    assert wire_sends.read_send(call).pushes == ()
    assert answer_ids(call) == [status]


@pytest.mark.parametrize(
    "values",
    [
        {"options": {"validityPeriod": {"amount": 30, "timeUnit": "SECONDS"}}},
        {"content": {"text": "x" * 4000}},
        {"content": {"title": "x" * 50}},
        {"options": {"campaignReferenceId": "x" * 255}},
        {"webhooks": {"callbackData": "x" * 4000}},
    ],
)
def test_exactly_at_a_limit_is_taken(values) -> None:
    assert read_push(**values)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"sender": None}, "messages[0].sender"),
        ({"content": {"text": "x" * 4001}}, "messages[0].content.text"),
        ({"content": {"text": None}}, "messages[0].content.text"),
        ({"content": {"type": None}}, "messages[0].content.type"),
        ({"content": {"type": "IMAGE"}}, "messages[0].content.url"),
        ({"content": {"title": "x" * 51}}, "messages[0].content.title"),
        ({"destinations": []}, "messages[0].destinations"),
        ({"destinations": [{"type": "PIGEON"}]}, "messages[0].destinations[0].type"),
        ({"destinations": [{"type": "EMAIL"}]}, "messages[0].destinations[0].email"),
        ({"options": {"badge": "1"}}, "messages[0].options.badge"),
        ({"options": {"sendAt": "tomorrow"}}, "messages[0].options.sendAt"),
        ({"options": {"sendAt": "2999-01-01T00:00:00.000+0000"}}, "messages[0].options.sendAt"),
        (
            {"options": {"campaignReferenceId": "x" * 256}},
            "messages[0].options.campaignReferenceId",
        ),
        ({"webhooks": {"callbackData": "x" * 4001}}, "messages[0].webhooks.callbackData"),
    ],
)
def test_a_wrong_shape_is_a_violation_with_its_path(values, field) -> None:
    with pytest.raises(Refusal) as caught:
        read_push(**values)

    assert (caught.value.kind, caught.value.field) == (RefusalKind.INVALID, field)


def test_a_bulk_id_has_at_most_100_characters() -> None:
    assert wire_sends.read_send(make_call(make_message(), bulkId="x" * 100))
    with pytest.raises(Refusal):
        wire_sends.read_send(make_call(make_message(), bulkId="x" * 101))


def test_longer_lives_than_the_vendors_are_cut() -> None:
    hours = {"amount": 49, "timeUnit": "HOURS"}

    assert read_push(options={"validityPeriod": hours}).expires_in == 48 * 3600
    assert read_old(validityPeriod=73).expires_in == 72 * 3600
    assert read_old(validityPeriod=2).expires_in == 7200


def test_what_became_of_each_destination_is_answered_in_order() -> None:
    query = {"type": "MULTIPLE", "$or": [{"platform": "iOS"}]}
    broken = {"type": "MULTIPLE"}
    call = make_call(make_message(destinations=[ANN, BOB, broken, query]), make_message())
    targets = (
        AcceptedTarget(id="1", count=2),
        AcceptedTarget(id="my-id", count=1, is_duplicate=True),
        AcceptedTarget(id="3", count=0),
    )
    entries = (Accepted("9", targets=targets), Refusal(RefusalKind.NOT_FOUND, "No such app."))

    reply = wire_sends.write_sent(AcceptedMany(entries=entries, client_key="b"), call)

    messages = reply.body["messages"]
    assert [item["status"]["id"] for item in messages] == [7, 23, 71, 66, 65]
    assert [item["messageId"] for item in messages[:2]] == ["1", "my-id"]
    assert messages[3]["details"] == {"messageCount": 0}
    assert "destination" not in messages[3]
    assert reply.body["bulkId"] == "b"


@pytest.mark.parametrize("kind", [RefusalKind.FORBIDDEN, RefusalKind.CONFLICT])
def test_a_callers_fault_is_an_error_in_the_familys_own_envelope(kind) -> None:
    answer = AcceptedMany(entries=(Refusal(kind, "No"),))

    new = wire_sends.write_sent(answer, make_call(make_message()))
    old = wire_sends_v2.write_sent_single(
        answer, Call(body={"from": "a", "to": {"externalUserId": "b"}, "text": "c"})
    )

    assert new.status == old.status == {"forbidden": 403, "conflict": 409}[kind]
    assert new.body["errorCode"] == f"E{new.status}"
    assert set(old.body) == {"requestError"}


def test_the_older_call_answers_a_bulk_for_each_message() -> None:
    body = {
        "messages": [
            {"from": "app", "to": {"externalUserId": "ann"}, "text": "One"},
            {"from": "app", "to": {"sdkVersion": "x"}, "text": "Two"},
            {"from": "app", "to": {"email": "nobody@example.com"}, "text": "Three"},
        ]
    }
    call = Call(body=body)
    command = wire_sends_v2.read_multi(call)
    entries = tuple(
        Accepted("9", push.client_key, targets=(AcceptedTarget(id="1", count=count),))
        for push, count in zip(command.pushes, (2, 0), strict=True)
    )

    bulks = wire_sends_v2.write_sent_multi(AcceptedMany(entries=entries), call).body["bulks"]

    assert [item["status"]["id"] for item in bulks] == [26, 71, 66]
    assert [item["messageCount"] for item in bulks] == [2, 0, 0]
    assert bulks[0]["bulkId"] == command.pushes[0].client_key
    assert bulks[0]["to"] == {"externalUserId": "ann"}
