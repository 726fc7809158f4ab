"""A dialect at the root of a host name."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from providers import registry
from pushadmin.environment import read_hosts
from tests.compat.conftest import make_key
from tests.compat.small import make_dialect

pytestmark = [pytest.mark.django_db, pytest.mark.database]
SMALL = make_dialect()


@pytest.fixture(autouse=True)
def _served(monkeypatch, settings):
    monkeypatch.setitem(registry._load_dialects(), SMALL.key, SMALL)
    settings.DIALECT_HOSTS = {"small.example.org": "small"}
    settings.ALLOWED_HOSTS = ["testserver", "small.example.org"]


@pytest.mark.parametrize("host", ["small.example.org", "SMALL.example.org:8000"])
def test_a_host_of_its_own_needs_no_base_path(client, app, host):
    _key, text = make_key(app)

    answer = client.get("/groups", headers={"Host": host, "Authorization": text})

    assert answer.status_code == 200


def test_nothing_else_is_served_there_and_nothing_there_elsewhere(client, app):
    host = {"Host": "small.example.org"}

    answers = [
        client.get("/admin/login/", headers=host), client.get("/api/v1/apps/", headers=host),
        client.get("/compat/small/groups", headers=host),
    ]  # fmt: skip

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["error"] for answer in answers} == {"not_found"}
    assert client.get("/groups").status_code != 200


def test_an_entry_that_is_none_stops_the_start():
    assert read_hosts(["A.example = small"]) == {"a.example": "small"}
    for entry in ("small", "=small", "a.example=", "a b=small", "a.example=sm all"):
        with pytest.raises(ImproperlyConfigured, match="PUSHADMIN_HOSTS"):
            read_hosts([entry])
