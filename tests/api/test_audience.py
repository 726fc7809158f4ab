"""Audience resources over the native API: shapes, and what bad input gets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.models import App, Device, Group, Label, Person, Segment
from tests import builders
from tests.api.conftest import make_client

pytestmark = pytest.mark.database
GERMANS = {"field": "device.country", "op": "eq", "value": "DE"}


def test_apps_carry_the_id_that_issue_key_prints(client, app):
    answer = client.get("/api/v1/apps/")

    [row] = answer.json()["results"]
    assert (row["id"], row["slug"], row["app_id"]) == (app.pk, "shop", app.pk)
    assert answer.json()["next"] is None


def test_a_group_lives_its_life(client, app):
    made = client.post("/api/v1/groups/", {"name": "News"})
    address = f"/api/v1/groups/{made.json()['id']}/"
    changed = client.patch(address, {"send_rate": 100})
    archived = client.post(f"{address}archive/")
    restored = client.post(f"{address}restore/")

    assert made.status_code == 201
    assert made.json() | {"id": 0} == {
        "id": 0, "app": "shop", "name": "News", "send_rate": 5000, "is_archived": False,
    }  # fmt: skip
    assert changed.json()["send_rate"] == 100
    assert (archived.json()["is_archived"], restored.json()["is_archived"]) == (True, False)
    assert client.post("/api/v1/groups/", {"name": "News"}).status_code == 409


def test_a_label_is_filled_and_emptied(client, app):
    Person.objects.create(workspace=app.workspace, external_user_id="ann")
    address = f"/api/v1/labels/{client.post('/api/v1/labels/', {'name': 'vip'}).json()['id']}/"

    added = client.post(f"{address}members/add/", {"persons": ["ann", "zoe"]})
    members = client.get(f"{address}members/")
    removed = client.post(f"{address}members/remove/", {"persons": ["ann"]})

    assert added.json() == {"changed": 1, "member_count": 1, "unknown": ["zoe"], "erased": []}
    assert [row["external_user_id"] for row in members.json()["results"]] == ["ann"]
    assert removed.json()["member_count"] == 0
    assert client.delete(address).status_code == 204


def test_a_segment_counts_and_shows_a_sample(client, app):
    device = builders.make_device(app, "t1", country="DE", language="de")
    builders.make_device(app, "t2", country="FR")
    made = client.post("/api/v1/segments/", {"name": "Germans", "expression": GERMANS})
    address = f"/api/v1/segments/{made.json()['id']}/"

    count, sample = client.get(f"{address}count/"), client.get(f"{address}sample/")
    exact, odd = client.get(f"{address}count/?exact=true"), client.get(f"{address}count/?exact=1")

    found = {"total": 1, "platforms": {"android": 1}, "languages": {"de": 1}, "margin": 0}
    whole = {"is_estimated": False, "is_split_estimated": False}
    assert count.json() == exact.json() == {**found, **whole}
    assert (odd.status_code, list(odd.json()["fields"])) == (400, ["exact"])
    assert [row["id"] for row in sample.json()] == [device.pk]


def test_a_segment_tells_what_it_was_and_what_uses_it(client, app):
    made = client.post("/api/v1/segments/", {"name": "Germans", "expression": GERMANS}).json()
    address = f"/api/v1/segments/{made['id']}/"
    client.patch(address, {"expression": {"and": []}})
    body = {"name": "Hello", "message": {"title": "Hi"}, "audience": {"segment": made["id"]}}
    campaign = client.post("/api/v1/campaigns/", body).json()

    versions, uses = client.get(f"{address}versions/"), client.get(f"{address}uses/")

    newest, first = versions.json()
    assert (newest["number"], newest["expression"]) == (2, {"and": []})
    assert (first["number"], first["expression"]) == (1, GERMANS)
    assert first["saved_by"]
    assert first["saved_at"]
    assert uses.json() == [
        {"kind": "campaign", "id": campaign["id"], "name": "Hello", "status": "draft"}
    ]


def test_a_segment_says_why_somebody_is_in_or_out(client, app):
    ann = builders.make_person(app.workspace, "ann")
    device = builders.make_device(app, "t1", country="DE", person=ann)
    builders.make_device(app, "t2", country="FR", person=ann)
    long = {"field": "device.model", "op": "in", "value": [f"m{number}" for number in range(300)]}
    made = client.post("/api/v1/segments/", {"name": "S", "expression": {"or": [GERMANS, long]}})
    address = f"/api/v1/segments/{made.json()['id']}/explain/"

    person = client.get(address, {"person": "ann"}).json()
    one = client.get(address, {"device": device.pk}).json()

    assert [told["is_met"] for told in person["devices"]] == [True, False]
    assert one == {"segment": made.json()["id"], "devices": person["devices"][:1]}
    tree = one["devices"][0]["terms"][0]
    assert tree["terms"][0] == {
        "kind": "condition", "path": "expression.or[0]", "is_met": True, "value_count": 1,
        "found": "DE", **GERMANS,
    }  # fmt: skip
    assert (tree["terms"][1]["value_count"], len(tree["terms"][1]["value"])) == (300, 100)
    assert tree["terms"][1]["found"] is None


def test_a_relative_time_is_explained_with_the_instant_it_comes_to(client, app):
    asked = datetime.now(UTC)
    device = builders.make_device(app, "t1", last_seen_at=asked - timedelta(days=30, minutes=5))
    lapsed = {"field": "device.last_seen_at", "op": "longer_ago_than", "value": "720h"}
    made = client.post("/api/v1/segments/", {"name": "Lapsed", "expression": lapsed})
    address = f"/api/v1/segments/{made.json()['id']}/"

    count = client.get(f"{address}count/").json()["total"]
    told = client.get(f"{address}explain/", {"device": device.pk}).json()["devices"][0]["terms"][0]

    instant = datetime.fromisoformat(told.pop("instant"))
    assert (made.json()["expression"], count) == (lapsed, 1)
    assert abs(asked - timedelta(days=30) - instant) < timedelta(minutes=4)
    assert told == {
        "kind": "condition", "path": "expression", "is_met": True, "value_count": 1,
        "found": device.last_seen_at.isoformat(), **lapsed,
    }  # fmt: skip


@pytest.mark.parametrize("value", ["0d", "30", {"days": 30}, "4000d"])
def test_a_length_of_time_that_is_none_is_refused_with_one_that_is(client, app, value):
    lapsed = {"field": "device.last_seen_at", "op": "within_last", "value": value}

    answer = client.post("/api/v1/segments/", {"name": "Lapsed", "expression": lapsed})

    assert answer.status_code == 400
    assert "such as 30d or 12h" in answer.json()["fields"]["expression"]


@pytest.mark.values(9)
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400), ({"device": "1", "person": "a"}, 400), ({"device": "x"}, 400),
        ({"device": "9" * 16}, 400), ({"device": "77"}, 404), ({"person": "zoe"}, 404),
        ({"person": ""}, 404), ({"person": "a\0"}, 400), ({"who": "a"}, 400),
    ],
    ids=str,
)  # fmt: skip
def test_who_is_not_named_is_not_explained(client, app, query, status):
    builders.make_person(app.workspace, "")
    made = client.post("/api/v1/segments/", {"name": "Germans", "expression": GERMANS})

    answer = client.get(f"/api/v1/segments/{made.json()['id']}/explain/", query)

    assert answer.status_code == status


def test_a_device_of_a_strangers_app_is_not_explained(client, app, foreign):
    theirs = Device.objects.create(app=App.objects.get(slug="theirs"), platform="web")
    made = client.post("/api/v1/segments/", {"name": "Germans", "expression": GERMANS})

    answer = client.get(f"/api/v1/segments/{made.json()['id']}/explain/", {"device": theirs.pk})

    assert answer.status_code == 404


def test_a_wrong_segment_says_where(client, app):
    wrong = {"and": [GERMANS, {"field": "device.colour", "op": "eq", "value": 1}]}

    answer = client.post("/api/v1/segments/", {"name": "Bad", "expression": wrong})

    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["expression.and[1]"]
    assert not Segment.objects.exists()


def test_a_person_is_found_and_changed(client, app):
    person = Person.objects.create(workspace=app.workspace, external_user_id="ann")
    address = f"/api/v1/persons/{person.pk}/"

    found = client.get("/api/v1/persons/?external_user_id=ann").json()["results"]
    changed = client.patch(address, {"country": "DE", "opted_out": True})
    wrong = client.patch(address, {"country": "Germany"[:2]})

    assert [row["id"] for row in found] == [person.pk]
    assert (changed.json()["country"], changed.json()["opted_out"]) == ("DE", True)
    assert wrong.json()["fields"].keys() == {"country"}


def test_addresses_are_stored_in_one_way_and_found_in_any(client, app):
    person = builders.make_person(
        app.workspace, "ann", email="Ann@X.example", phone="0049301234567"
    )
    address = f"/api/v1/persons/{person.pk}/"
    asked = {"email": "ANN@x.example", "phone": "+49 30 1234567"}

    found = [client.get("/api/v1/persons/", {kind: typed}) for kind, typed in asked.items()]
    wrong = client.patch(address, {"email": "no mail at all", "phone": "030 1234567"})
    changed = client.patch(address, {"email": "Bo@X.example", "phone": "0049 (30) 765-43-21-0"})

    assert [[row["id"] for row in one.json()["results"]] for one in found] == [[person.pk]] * 2
    assert (wrong.status_code, wrong.json()["fields"].keys()) == (400, {"email", "phone"})
    assert (changed.json()["email"], changed.json()["phone"]) == ("bo@x.example", "493076543210")


def test_devices_are_registered_and_listed(client, app):
    rows = [
        {"platform": "android", "token": "t1", "external_user_id": "ann",
         "ids": {"google_aid": "g1"}, "attributes": {"plan": "pro"}},
        {"platform": "ios", "token": "t2", "country": "DE"},
        {"platform": "beos", "token": "t3"},
    ]  # fmt: skip

    answer = client.post("/api/v1/devices/bulk/", {"devices": rows})
    listed = client.get("/api/v1/devices/?platform=android&limit=5").json()

    assert answer.json() == {
        "created": 2, "updated": 0, "rejected": [{"index": 2, "reason": "invalid_platform"}],
    }  # fmt: skip
    [row] = listed["results"]
    assert row["ids"] == {"google_aid": "g1"}
    assert (row["platform"], row["token"], row["external_user_id"]) == ("android", "t1", "ann")
    assert row["attributes"] == {"plan": "pro"}
    assert listed["next"] is None


def test_pages_follow_each_other_by_id(client, app):
    made = [builders.make_device(app, f"t{number}").pk for number in range(5)]

    seen, address = [], "/api/v1/devices/?limit=2"
    while address:
        page = client.get(address).json()
        seen += [row["id"] for row in page["results"]]
        address = page["next"]

    assert seen == made
    assert client.get("/api/v1/devices/?limit=2").json()["next"].startswith("http://testserver/")


@pytest.mark.parametrize("limit", ["ten", "0", "1001", "-1", "1.5", "", "9" * 400, "²"])
def test_a_limit_that_is_none_is_refused(client, limit):
    answer = client.get("/api/v1/devices/", {"limit": limit})

    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["limit"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": 5}, "name"),
        ({"name": "News", "send_rate": "100"}, "send_rate"),
        ({"name": "News", "send_rate": True}, "send_rate"),
        ({"name": "News", "send_rate": 100.0}, "send_rate"),
        ({"name": "News", "colour": "red"}, "colour"),
        ({"name": "News", "app": "nowhere"}, "app"),
        ({}, "name"),
    ],
)
def test_values_are_never_coerced_and_unknown_fields_are_named(client, body, field):
    answer = client.post("/api/v1/groups/", body)

    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"nonsense", b"\xff", b'{"devices": {}}', b'{"devices": [], "x": 1}', b"[]", b"",
        b'{"devices": [{"platform": 1}]}', b'{"devices": [{"platform": "ios", "colour": 1}]}',
        b'{"devices": [{"platform": "ios", "attributes": {"a": NaN}}]}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_a_malformed_bulk_body_is_refused_in_json(client, body):
    answer = client.generic("POST", "/api/v1/devices/bulk/", body, "application/json")

    assert answer.status_code == 400
    assert answer.json().keys() == {"code", "message", "fields", "request_id"}


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"\xff", b'{"name": "a", "name": "b"}', b'{"name": NaN}', b'{"name": 1e400}',
        b'{"name": "\\ud800"}', b'{"name": "a\\u0000"}', b"[" * 100_000, b"[]", b"5", b"null",
        b'{"name": ' + b"[" * 21 + b"]" * 21 + b"}", b'{"name": ' + b"9" * 5000 + b"}",
        b"{" + b",".join(b'"k%d": 1' % number for number in range(1001)) + b"}",
    ],
)  # fmt: skip
def test_a_malformed_body_is_refused_in_json(client, body):
    answer = client.generic("POST", "/api/v1/groups/", body, "application/json")

    assert answer.status_code == 400
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
    assert Group.objects.count() == 1


def test_too_many_devices_or_bytes_are_413(client):
    many = [{"platform": "ios", "token": "t"}] * 10_001

    counted = client.post("/api/v1/devices/bulk/", {"devices": many})
    sized = client.generic(
        "POST", "/api/v1/groups/", b" " * 10_000_001, content_type="application/json"
    )

    assert (counted.status_code, sized.status_code) == (413, 413)
    assert counted.json()["code"] == sized.json()["code"] == "too_large"
    assert not Device.objects.exists()


def test_every_refusal_is_json_in_one_shape(client, app):
    label = Label.objects.create(app=app, name="vip")
    answers = [
        client.get("/api/v1/nowhere/"),
        client.get("/api/v1/apps"),
        client.get("/api/v2/apps/"),
        client.get("/api/v1/groups/99999999999999999999/"),
        client.put(f"/api/v1/labels/{label.pk}/", {}),
        client.generic("POST", "/api/v1/groups/", b"name=News", "text/plain"),
        client.get("/api/v1/apps/?colour=red"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404, 404, 405, 415, 400]
    assert {answer.headers["Content-Type"] for answer in answers} == {"application/json"}
    assert all(
        answer.json().keys() == {"code", "message", "fields", "request_id"} for answer in answers
    )
    assert list(answers[-1].json()["fields"]) == ["colour"]


def test_a_stranger_finds_nothing_of_ours(foreign, app):
    label = Label.objects.create(app=app, name="vip")
    segment = Segment.objects.create(app=app, name="All", expression={"and": []})
    device = builders.make_device(app, "t1")
    person = Person.objects.create(workspace=app.workspace, external_user_id="ann")
    group = Group.objects.get(app=app)

    answers = [
        foreign.get(f"/api/v1/labels/{label.pk}/members/"),
        foreign.post(f"/api/v1/labels/{label.pk}/members/add/", {"persons": ["ann"]}),
        foreign.delete(f"/api/v1/segments/{segment.pk}/"),
        foreign.get(f"/api/v1/segments/{segment.pk}/count/"),
        foreign.get(f"/api/v1/devices/{device.pk}/"),
        foreign.patch(f"/api/v1/persons/{person.pk}/", {"email": "x@example.org"}),
        foreign.post(f"/api/v1/groups/{group.pk}/archive/"),
        foreign.get(f"/api/v1/apps/{app.pk}/"),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert foreign.get("/api/v1/devices/").json()["results"] == []
    assert foreign.get("/api/v1/devices/?app=shop").status_code == 400


def test_keys_are_asked_for_and_bound_by_their_scopes(client, app, workspace):
    reader = make_client(workspace, scopes=["read"])
    vendor = make_client(workspace, dialect="sandbox")
    client.credentials()

    answers = [
        client.get("/api/v1/apps/"),
        vendor.get("/api/v1/apps/"),
        reader.get("/api/v1/apps/"),
        reader.post("/api/v1/groups/", {"name": "News"}),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 200, 403]
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"


def test_people_in_a_browser_need_the_csrf_token_and_the_role(app, workspace):
    from rest_framework.test import APIClient

    viewer = builders.make_member("viewer", workspace, role="viewer")
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(viewer)

    forged = browser.post("/api/v1/groups/", {"name": "News"}, format="json")
    relaxed = APIClient()
    relaxed.force_login(viewer)
    powerless = relaxed.post("/api/v1/groups/", {"name": "News"}, format="json")

    assert relaxed.get("/api/v1/apps/").status_code == 200
    assert (forged.status_code, powerless.status_code) == (403, 403)


def test_the_same_idempotency_key_does_it_once(client):
    post = {"path": "/api/v1/groups/", "data": {"name": "News"}, "HTTP_IDEMPOTENCY_KEY": "k1"}

    first, second = client.post(**post), client.post(**post)
    other = client.post(**{**post, "data": {"name": "Other"}})
    refused = client.post("/api/v1/groups/", {"name": ""}, HTTP_IDEMPOTENCY_KEY="k2")
    mended = client.post("/api/v1/groups/", {"name": "Late"}, HTTP_IDEMPOTENCY_KEY="k2")

    assert first.json() == second.json()
    assert (first.status_code, second.status_code) == (201, 201)
    assert "Idempotent-Replay" not in first.headers
    assert second.headers["Idempotent-Replay"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (refused.status_code, mended.status_code) == (400, 201)


def test_another_key_of_the_workspace_gets_its_own_answer(client, workspace):
    second = make_client(workspace)

    answers = [
        script.post("/api/v1/groups/", {"name": name}, HTTP_IDEMPOTENCY_KEY="same")
        for script, name in ((client, "One"), (second, "Two"))
    ]

    assert [answer.json()["name"] for answer in answers] == ["One", "Two"]


def test_what_nobody_expected_is_a_500_in_json(client, monkeypatch, caplog):
    monkeypatch.setattr("campaigns.api.audience_views.audience.create_group", lambda: None)

    answer = client.post("/api/v1/groups/", {"name": "News"})

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "TypeError" in caplog.text
    assert "TypeError" not in json.dumps(answer.json())


def test_the_schema_has_no_warnings_and_a_page_to_read_it(client, capsys):
    from drf_spectacular.drainage import GENERATOR_STATS
    from drf_spectacular.generators import SchemaGenerator

    GENERATOR_STATS.reset()
    schema = SchemaGenerator().get_schema(request=None, public=True)
    page = client.get("/api/v1/docs/")
    script = client.get("/api/v1/docs/?script=")

    assert not GENERATOR_STATS
    assert "/api/v1/devices/bulk/" in schema["paths"]
    assert page.status_code == script.status_code == 200
    assert b"cdn" not in page.content
    assert b"<script>" not in page.content
    assert client.get("/api/v1/schema/").status_code == 200
    assert capsys.readouterr().err == ""


def test_what_is_deleted_once_stays_answered(client, app):
    label = Label.objects.create(app=app, name="vip")
    address = f"/api/v1/labels/{label.pk}/"

    answers = [client.delete(address, HTTP_IDEMPOTENCY_KEY="gone") for _again in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert answers[1].headers["Idempotent-Replay"] == "true"


def test_tags_and_alias_are_written_read_and_taken_away(client, app):
    def register(**fields):
        body = {"devices": [{"platform": "ios", "token": "t1", **fields}]}
        answer = client.post("/api/v1/devices/bulk/", body, content_type="application/json").json()
        [row] = client.get("/api/v1/devices/").json()["results"]
        return answer["rejected"], row["tags"], row["alias"]

    assert register(tags=["b", "a"], alias="annie") == ([], ["a", "b"], "annie")
    assert register() == ([], ["a", "b"], "annie")
    assert register(tags=["c"], alias="") == ([], ["c"], "")
    for fields, reason in [
        ({"tags": [""]}, "invalid_tags"),
        ({"tags": ["x" * 129]}, "invalid_tags"),
        ({"alias": "x" * 129}, "invalid_alias"),
        ({"tags": [f"t{number}" for number in range(101)]}, "too_many_tags"),
    ]:
        assert register(**fields) == ([{"index": 0, "reason": reason}], ["c"], "")
