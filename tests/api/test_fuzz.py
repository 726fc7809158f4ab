"""Hostile calls to every operation of the schema: refused in our error shape, never with a 500.

Each operation gets every second of the odd things, the next one the others; PUSHADMIN_FUZZ=full
gives all of them to each.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.api.shapes import DeviceBody
from campaigns.dispatch.plan import NewPart, NewTransfer, create_transfer
from campaigns.models import Import, Job, Message, Suppression
from tests import builders
from tests.compat.test_fuzz import take_half
from tests.pages.test_strangers import SHAPE

FIELDS = {"code", "message", "fields", "request_id"}
ODD_TEXTS = ("", " ", "\0", "a\0b", "x" * 70_000, "-1", "%00", "ﷺ", "\u202e", "'\"<b>", "=1+1")
ODD_NUMBERS = (0, -1, 2**31, 2**53, 2**53 + 1, 2**63, 2**70, -(2**63) - 1, 1.5, 1e308)
BROKEN = (
    b"", b"{", b"[]", b"null", b"NaN", b'{"name": NaN}', b'{"name": 1e999}', b"\xff\xfe",
    b'{"app": "a", "app": "b"}', b'{"name": "\\ud800"}', b'{"name": "\\u0000"}',
    b'{"a":' * 30 + b"1" + b"}" * 30, b"[" * 100_000, b"1" * 5000,
    json.dumps({f"key{number}": 1 for number in range(1001)}).encode(),
)  # fmt: skip
ROW_ID = re.compile(r"/[0-9]+/")
IDS = ("0", "7", "-1", "x", "9" * 16, "9" * 17, "%00", "1.0", "٣")
VALUES = ("", "x", "-1", "%00", "a%00b", "%FF", "9" * 30, "1&{name}=2")
KINDS = ("text/html", "", "multipart/form-data", "application/json; charset=utf-16")
DEVICE_FIELDS = sorted(DeviceBody().fields)
odd = st.recursive(
    st.none() | st.booleans() | st.sampled_from(ODD_NUMBERS) | st.sampled_from(ODD_TEXTS),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@pytest.fixture
def row_ids(client, app, now):
    """The id of a real row by the resource's name in the address."""
    group = client.post("/api/v1/groups/", {"name": "News"}).json()["id"]
    label = client.post("/api/v1/labels/", {"name": "Fans"}).json()["id"]
    expression = {"field": "person.country", "op": "eq", "value": "DE"}
    body = {"name": "Germany", "expression": expression}
    segment = client.post("/api/v1/segments/", body).json()["id"]
    device = builders.make_device(app, "token", person=builders.make_person(app.workspace))
    message = {"title": "Hello", "body": "World"}
    body = {"audience": {"all": True}, "message": message}
    campaign = client.post("/api/v1/campaigns/", body).json()["id"]
    part = NewPart(Message.objects.create(app=app, content=message))
    plan = NewTransfer(app=app, group=app.groups.get(name="General"), parts=(part,))
    transfer = create_transfer(plan, actor="owner", now=now)
    body = {"name": "Mail", "steps": [{"channel": "email"}]}
    scenario = client.post("/api/v1/scenarios/", body).json()["id"]
    job = Job.objects.create(app=app, workspace=app.workspace, kind="report", status_since=now,
                             created_at=now, created_by="ann")  # fmt: skip
    entry = Suppression.objects.create(
        workspace=app.workspace, app=app, kind="token", seal="s", reason="legal", created_at=now,
        created_by="ann",
    )  # fmt: skip
    brought = Import.objects.create(app=app, source="x", shape=SHAPE, created_at=now)
    body = {"name": "Sale", "message": message}
    template = client.post("/api/v1/templates/", body).json()["id"]
    body = {"name": "Us", "testers": [f"device:{device.pk}"]}
    testers = client.post("/api/v1/test-groups/", body).json()["id"]
    return {
        "jobs": job.pk, "exports": job.pk, "imports": brought.pk, "suppressions": entry.pk,
        "templates": template, "test-groups": testers, "erasures": 1,
        "apps": app.pk, "groups": group, "labels": label, "segments": segment,
        "persons": device.person_id, "devices": device.pk, "campaigns": campaign,
        "transfers": transfer.pk, "reports": 1, "scenarios": scenario,
    }  # fmt: skip


@pytest.fixture
def operations(row_ids):
    """Method, address and names of the body's fields, as the schema tells them."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    shapes = schema["components"]["schemas"]
    listed = [
        (
            method.upper(),
            name_row(address, row_ids),
            find_names(operation, shapes),
            find_parameters(operation),
        )
        for address, methods in schema["paths"].items()
        for method, operation in methods.items()
        if "/schema/" not in address
    ]
    assert len(listed) > 30, "the schema lists too little to try"
    return listed


def name_row(address: str, row_ids: dict[str, int]) -> str:
    resource = address.removeprefix("/api/v1/").partition("/")[0]
    return address.replace("{id}", str(row_ids[resource])).replace("{role}", "names")


def find_names(operation: dict[str, Any], shapes: dict[str, Any]) -> list[str]:
    content = operation.get("requestBody", {}).get("content", {})
    reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    return sorted(shapes.get(reference.rpartition("/")[2], {}).get("properties", {}))


def find_parameters(operation: dict[str, Any]) -> list[str]:
    named = [item["name"] for item in operation.get("parameters", []) if item["in"] == "query"]
    return [*named, "nobody_knows_this"]


def assert_clear(answer: Any) -> None:
    """A JSON answer, or a file; a refusal in our shape."""
    assert answer.status_code < 500, answer.content[:500]
    is_file = answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/csv")
    if answer.status_code != 204 and not is_file:
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.status_code < 300 or set(answer.json()) == FIELDS


def test_broken_bodies_never_break_an_operation(client, operations):
    for turn, (method, address, _names, _parameters) in enumerate(operations):
        # What only reads looks at no body, whatever is in it.
        for body in take_half(BROKEN, turn) if method != "GET" else BROKEN[1:2]:
            kind = "application/json"
            assert_clear(client.generic(method, address, body, content_type=kind))


def test_odd_ids_and_parameters_never_break_an_operation(client, operations):
    for turn, (method, address, _names, parameters) in enumerate(operations):
        for pk in take_half(IDS, turn) if ROW_ID.search(address) else ():
            assert_clear(client.generic(method, ROW_ID.sub(f"/{pk}/", address), b"{}"))
        for place, name in enumerate(parameters, turn):
            for value in take_half(VALUES, place):
                query = f"{name}={value.format(name=name)}"
                assert_clear(client.generic(method, f"{address}?{query}"))


def test_other_content_types_never_break_an_operation(client, operations):
    for method, address, _names, _parameters in operations:
        for kind in KINDS if method != "GET" else KINDS[:1]:
            assert_clear(client.generic(method, address, b"{}", content_type=kind))


@given(data=st.data())
@settings(max_examples=60)
def test_odd_values_never_break_an_operation(client, app, operations, data):
    method, address, names, _parameters = data.draw(st.sampled_from(operations))
    known = st.sampled_from(names or ["name"])
    body = data.draw(st.dictionaries(known, odd, max_size=4))

    answer = client.generic(method, address, json.dumps(body))

    assert_clear(answer)


@given(row=st.dictionaries(st.sampled_from(DEVICE_FIELDS), odd, max_size=4))
@settings(max_examples=40)
def test_odd_devices_never_break_the_bulk_call(client, app, row):
    body = {"devices": [{"platform": "android", "token": "t", **row}]}

    answer = client.post("/api/v1/devices/bulk/", body)

    assert_clear(answer)
