"""The use cases word for word, and what each kind of bad input is answered."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime

import pytest

from campaigns.models import Group, Transfer
from tests import builders
from tests.compat.conftest import make_key
from tests.fixtures.appmetrica import World, read_examples

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def world(app) -> World:
    group = Group.objects.create(app=app, name="promo")
    transfer = Transfer.objects.create(
        app=app, group=group, tag="old", status_since=datetime.now(UTC),
        due_at=datetime.now(UTC), created_at=datetime.now(UTC),
    )  # fmt: skip
    base = "/compat/appmetrica"
    _key, text = make_key(app)
    return World(
        app_id=app.pk, group_id=group.pk, transfer_id=transfer.pk, token=text,
        push_url=base, report_url=base,
    )  # fmt: skip


@pytest.fixture
def call(client, world):
    def call_example(name, **changes):
        example = read_examples(world)[name]
        content = changes.get("content", example.content)
        return client.generic(
            example.method, changes.get("url", example.url), content or b"",
            headers={**example.headers, **changes.get("headers", {})}, content_type="text/plain",
        )  # fmt: skip

    return call_example


@pytest.fixture
def send(call, world):
    """Send the use case's body after a change of it."""
    example = read_examples(world)["send"]

    def send_changed(change):
        body = copy.deepcopy(example.body)
        change(body["push_batch_request"])
        return call("send", content=json.dumps(body))

    return send_changed


def read_error(answer):
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert body["code"] == answer.status_code
    assert body["message"]
    return answer.status_code, body["errors"][0]["error_type"]


def test_the_use_cases_work_word_for_word(call, world):
    created = call("create_group").json()["group"]
    sent = call("send").json()["push_response"]
    status = call("status").json()["transfer"]
    report = call("report").json()

    assert (created["app_id"], created["name"]) == (world.app_id, "the_name_of_the_group")
    assert Transfer.objects.get(pk=sent["transfer_id"]).tag == "some_tag"
    assert set(status) >= {"creation_date", "id", "status", "tag", "group_id", "errors"}
    assert (status["id"], status["status"]) == (world.transfer_id, "pending")
    names = {tuple(cell["name"] for cell in row["dimensions"]) for row in report["data"]}
    assert names == {
        ("promo", "old", str(world.transfer_id)), ("promo", "some_tag", str(sent["transfer_id"])),
    }  # fmt: skip
    assert {row["metrics"][0] for row in report["data"]} == {0}


BAD = {
    "no tag": (lambda body: body.pop("tag"), 400, "missing_parameter"),
    "no batch": (lambda body: body.pop("batch"), 400, "missing_parameter"),
    "an empty batch": (lambda body: body.update(batch=[]), 400, "missing_parameter"),
    "a batch that is a text": (lambda body: body.update(batch="x"), 400, "invalid_parameter"),
    "a tag that is a number": (lambda body: body.update(tag=5), 400, "invalid_parameter"),
    "an unknown group": (lambda body: body.update(group_id=987654), 404, "not_found"),
    "no ids": (
        lambda body: body["batch"][0]["devices"][0].update(id_values=[]), 400, "missing_parameter"
    ),
    "an unknown type of id": (
        lambda body: body["batch"][0]["devices"][0].update(id_type="idfv"),
        400, "invalid_parameter",
    ),
    "six device groups": (
        lambda body: body["batch"][0].update(devices=body["batch"][0]["devices"] * 3),
        400, "invalid_parameter",
    ),
    "250,001 ids": (
        lambda body: body["batch"][0].update(
            devices=[{"id_type": "google_aid", "id_values": [str(n) for n in range(250_001)]}]
        ),
        400, "invalid_parameter",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "status", "word"), BAD.values(), ids=list(BAD))
def test_a_bad_push_is_refused_and_leaves_nothing(send, change, status, word):
    before = Transfer.objects.count()

    answer = send(change)

    assert read_error(answer) == (status, word)
    assert Transfer.objects.count() == before


def test_malformed_json_is_named_so(call):
    assert read_error(call("send", content="{")) == (400, "invalid_json")


def test_a_group_of_another_app_is_not_found(send, workspace):
    foreign = builders.make_app(workspace, "other").groups.get()

    answer = send(lambda body: body.update(group_id=foreign.pk))

    assert read_error(answer) == (404, "not_found")


def test_the_same_client_id_with_another_body_is_a_conflict(send):
    first = send(lambda body: body.update(client_transfer_id=7))
    again = send(lambda body: body.update(client_transfer_id=7))
    other = send(lambda body: body.update(client_transfer_id=7, tag="another"))

    assert again.json() == first.json()
    assert again.json()["push_response"]["client_transfer_id"] == 7
    assert read_error(other) == (409, "conflict")


@pytest.mark.parametrize(
    ("old", "new", "location"),
    [("limit=10", "limit=ten", "limit"), ("limit=10", "filters=ym:pc:group~'1'", "filters")],
)
def test_a_report_that_is_asked_wrongly_says_what_is_wrong(call, world, old, new, location):
    url = read_examples(world)["report"].url.replace(old, new)

    answer = call("report", url=url)

    assert read_error(answer) == (400, "invalid_parameter")
    assert answer.json()["errors"][0]["location"] == location


def test_250_000_long_tokens_are_accepted(send):
    tokens = [f"{number:06d}" + "x" * 158 for number in range(250_000)]
    targets = [{"id_type": "android_push_token", "id_values": tokens}]

    answer = send(lambda body: body["batch"][0].update(devices=targets))

    assert answer.status_code == 200
    transfer = Transfer.objects.get(pk=answer.json()["push_response"]["transfer_id"])
    assert transfer.parts.get().target_chunks.count() == 10


def test_a_body_above_64_mib_is_too_large(call):
    answer = call("send", content=b"{" * (64 * 1024 * 1024 + 1))

    assert read_error(answer) == (413, "payload_too_large")
