"""Persons merged, tokens enabled and transfers traced over the API, by keys of every kind."""

from __future__ import annotations

import pytest

from campaigns.models import ApiKey, Device, Group, Message, Part, Person, Transfer
from tests import builders
from tests.api.conftest import make_client

pytestmark = pytest.mark.database


@pytest.fixture
def two(app):
    """Ann and Anna, with a phone each; that of Anna has a dead token."""
    people = [builders.make_person(app.workspace, name) for name in ("ann", "anna")]
    builders.make_device(app, "t1", person=people[0])
    builders.make_device(app, "t2", person=people[1], token_state="disabled")
    return people


def test_two_are_merged_and_taken_apart(client, two):
    ann, anna = two
    address = f"/api/v1/persons/{ann.pk}"

    merged = client.post(f"{address}/merge/", {"gone": anna.pk})
    again = client.post(f"{address}/merge/", {"gone": anna.pk})
    named = client.get("/api/v1/persons/?external_user_id=anna").json()["results"]
    devices = client.get("/api/v1/devices/?external_user_id=anna").json()["results"]
    back = client.post(f"{address}/unmerge/", {"merge": merged.json()["id"]})
    twice = client.post(f"{address}/unmerge/", {"merge": merged.json()["id"]})

    assert merged.json() == again.json()
    assert (merged.json()["kept"], merged.json()["gone"]) == (ann.pk, anna.pk)
    assert [row["id"] for row in named] == [ann.pk]
    assert [row["external_user_id"] for row in devices] == ["ann", "ann"]
    assert (back.json()["id"], back.json()["external_user_id"]) == (anna.pk, "anna")
    assert twice.status_code == 404


def test_bad_merges_are_refused_and_change_nothing(client, app, two):
    ann, anna = two
    address = f"/api/v1/persons/{ann.pk}"
    narrow = make_client(app.workspace, apps=[app])
    reader = make_client(app.workspace, scopes=[ApiKey.Scope.READ])
    far = builders.make_person(builders.make_workspace("far"), "far")

    codes = {
        repr(body): client.post(f"{address}/merge/", body).status_code
        for body in ({}, {"gone": "x"}, {"gone": 0}, {"gone": far.pk}, {"gone": 2**60},
                     {"gone": anna.pk, "y": 1}, {"gone": True}, [])
    }  # fmt: skip
    same = client.post(f"{address}/merge/", {"gone": ann.pk})
    lost = client.post(f"{address}/unmerge/", {"merge": 12345})
    refused = [one.post(f"{address}/merge/", {"gone": anna.pk}) for one in (narrow, reader)]

    assert set(codes.values()) == {400}, codes
    assert (same.status_code, same.json()["code"]) == (409, "same_person")
    assert lost.status_code == 404
    assert [answer.status_code for answer in refused] == [403, 403]
    assert Person.objects.filter(workspace=app.workspace).count() == 2


def test_a_dead_token_is_enabled_by_who_may_send(client, app, two):
    dead = Device.objects.get(token="t2")
    address = f"/api/v1/devices/{dead.pk}/enable/"
    silent = make_client(app.workspace, scopes=[ApiKey.Scope.READ, ApiKey.Scope.AUDIENCE])

    refused = silent.post(address, {})
    done = client.post(address, {})
    again = client.post(address, {})

    assert refused.status_code == 403
    assert done.json()["token_state"] == "active"
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_a_trace_is_told_and_bad_questions_are_refused(client, app, two, now):
    transfer = Transfer.objects.create(
        app=app, group=Group.objects.get(app=app), due_at=now, created_at=now, status_since=now
    )
    message = Message.objects.create(app=app, content={"title": "Hi"})
    body = {"expression": {"field": "person.country", "op": "eq", "value": "FR"}}
    Part.objects.create(transfer=transfer, message=message, audiences=[body])
    address = f"/api/v1/transfers/{transfer.pk}/trace/"

    told = client.get(f"{address}?who=ann").json()
    nobody = client.get(f"{address}?who=zoe").json()
    bad = [client.get(address + query).status_code for query in
           ("", "?who=", "?who=%00", "?who=a&who=b", "?x=1", "?who=" + "x" * 5000)]  # fmt: skip

    [one] = told["recipients"]
    codes = [line["code"] for line in one["lines"]]
    assert told["subjects"] == [{"who": f"person {two[0].pk}", "name": "ann"}]
    assert (one["kind"], one["part"], one["step"], one["outcome"]) == ("device", 0, 1, "")
    assert codes == ["audience", "condition", "route"]
    assert one["lines"][1]["words"] == "Country of the person is “FR”. Found: not known."
    assert (nobody["notes"], nobody["recipients"]) == (["Nobody here has this id."], [])
    assert set(bad) == {400}
