"""Whatever is sent to whatever address, the answer is JSON and never our fault."""

from __future__ import annotations

import json
from functools import cache

import pytest
from drf_spectacular.generators import SchemaGenerator
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.models import Group, Label, Segment
from tests import builders

pytestmark = pytest.mark.database
METHODS = ("get", "post", "patch", "delete")
WORDS = [
    "app", "shop", "name", "audience", "all", "labels", "segment", "expression", "persons",
    "devices", "message", "title", "body", "android", "priority", "translations", "de", "extras",
    "send_at", "2030-01-01T09:00", "timezone", "Europe/Berlin", "field", "device.custom.a", "op",
    "eq", "value", "and", "or", "not", "token", "platform", "ids", "attributes", "send_rate",
    "country", "DE", "limit", "after", "by", "group", "rate", "policy", "strict", "opted_out",
]  # fmt: skip
words = st.one_of(st.sampled_from(WORDS), st.text(max_size=5))
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), words,
    st.sampled_from([2**53, 2**63, -1, "\0", "\ud800", "é" * 300]),
)  # fmt: skip
bodies = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=5)),
    max_leaves=12,
)


@cache
def list_calls():
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    return sorted(
        (method, path) for path, calls in paths.items() for method in METHODS if method in calls
    )


@pytest.fixture
def crowded(client, app):
    """One thing of each kind, so that some ids of random calls exist."""
    builders.make_device(app, "t1")
    Label.objects.create(app=app, name="vip")
    Segment.objects.create(app=app, name="All", expression={"and": []})
    Group.objects.create(app=app, name="News")
    message = {"title": "Hi", "body": "There"}
    client.post("/api/v1/campaigns/", {"audience": {"all": True}, "message": message})
    return client


@settings(max_examples=200)
@given(data=st.data())
def test_no_call_is_answered_with_a_500_or_a_page(crowded, data):
    method, path = data.draw(st.sampled_from(list_calls()))
    number = data.draw(st.sampled_from(["1", "2", "0", "9" * 16, "x"]))
    query = data.draw(st.dictionaries(words, words, max_size=2))
    body = data.draw(bodies)

    answer = crowded.generic(
        method.upper(),
        path.replace("{id}", number),
        json.dumps(body).encode("utf-8", "surrogatepass"),
        "application/json",
        query_params={name: text.encode("utf-8", "replace") for name, text in query.items()},
    )

    assert answer.status_code < 500, (method, path, query, body)
    assert answer.status_code == 204 or answer.headers["Content-Type"] == "application/json"


@settings(max_examples=60)
@given(body=st.dictionaries(st.sampled_from(WORDS), bodies, max_size=6))
def test_no_campaign_is_our_fault(crowded, body):
    content = json.dumps(body).encode("utf-8", "surrogatepass")

    answer = crowded.generic("POST", "/api/v1/campaigns/", content, "application/json")

    assert answer.status_code in {201, 400}, body


@settings(max_examples=60)
@given(row=st.dictionaries(st.sampled_from(WORDS), bodies, max_size=4))
def test_no_device_is_our_fault(crowded, row):
    content = json.dumps({"devices": [{"platform": "ios", **row}]}).encode("utf-8", "surrogatepass")

    answer = crowded.generic("POST", "/api/v1/devices/bulk/", content, "application/json")

    assert answer.status_code in {200, 400}, row
