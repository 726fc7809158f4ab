"""Calls that are nearly right: no answer is a 5xx or a page, and every refusal has its shape."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from campaigns.models import KeyUse
from providers import registry
from tests.compat.agora.conftest import MESSAGE, Script, read_error
from tests.providers.agora import strategies as some

pytestmark = [pytest.mark.django_db, pytest.mark.database]
ROUTES = [
    route for route in registry.get("agora").routes if not route.path.endswith("push/sync/{target}")
]

odd = some.values | st.sampled_from(
    ["", "0", "vip", "test1", ["test1"], {}, -1, 2**63, 2**70, 1e300, "2026-11-20 14:00:00", "\0"]
)
messages = (
    some.bodies
    | st.just(MESSAGE)
    | odd
    | st.dictionaries(
        st.sampled_from(["title", "content", "ext", "config", "apns", "fcm", "subTitle"]), odd
    )
)
bodies = odd | st.fixed_dictionaries(
    {},
    optional={
        "pushMessage": messages,
        "targets": odd,
        "usernames": odd,
        "strategy": st.integers(-1, 5) | odd,
        "startDate": odd,
        "name": odd,
        "description": odd,
        "device_id": odd,
        "device_token": odd,
        "notifier_name": odd,
        "pushMsgId": odd,
        "grant_type": st.just("client_credentials"),
        "client_id": odd,
        "client_secret": odd,
        "ttl": odd,
    },
)
pieces = st.sampled_from(["vip", "test1", "1", "999", "2026-11-20", "0", "9" * 25]) | st.text(
    min_size=1, max_size=8
)


def fill(path: str, data: st.DataObject) -> str:
    """A route's path behind the app, with something in each of its places."""
    parts = path.removeprefix("{org_name}/{app_name}/").split("/")
    return "/".join(quote(data.draw(pieces), safe="") if part[0] == "{" else part for part in parts)


@examples(max_examples=80)
@given(data=st.data())
def test_nothing_that_a_script_may_say_makes_us_fail(
    script: Script, people: Any, data: Any
) -> None:
    KeyUse.objects.all().delete()
    route = data.draw(st.sampled_from(ROUTES))
    body = data.draw(bodies)
    query = data.draw(
        st.dictionaries(st.sampled_from(["limit", "cursor", "platform"]), st.text(max_size=5))
    )
    path = f"{fill(route.path, data)}?{urlencode(query, errors='replace')}"

    answer = script.call(route.method, path, json.dumps(body).encode())

    assert answer["Content-Type"] == "application/json"
    if answer.status_code != 200:
        status, word, words = read_error(answer)
        assert 400 <= status < 500, words
        assert word
        assert words
