"""The command tells a script everything it needs."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from campaigns.models import ApiKey, AppGroup
from campaigns.services.access import revoke_key
from campaigns.services.doors import ensure_door
from providers import registry
from tests.compat.small import make_dialect
from tests.house.sources import ROOT

SPOKEN = [item for item in registry.all_dialects() if item.has_door]


def issue(*arguments: str) -> dict:
    output = io.StringIO()
    call_command("issue_key", *arguments, stdout=output)
    return json.loads(output.getvalue().splitlines()[-1])


def test_a_native_key_is_good_for_every_door(app):
    told = issue("--app", "shop", "--dialect", "native")

    scheme, text = told["authorization"].split(" ")
    key = ApiKey.objects.get(public_id=text.partition(".")[0])
    assert (scheme, told["base_path"], told["app_id"]) == ("Bearer", "/api/v1/", app.pk)
    assert (key.dialect, [*key.apps.all()]) == ("", [app])


def test_a_key_may_keep_devices_and_send_and_do_what_is_asked_for(app):
    asked = [
        ["native"],
        [SPOKEN[0].key],
        ["native", "--scope", "privacy", "--scope", "send"],
    ]

    for arguments in asked:
        issue("--app", "shop", "--dialect", *arguments)

    assert [key.scopes for key in ApiKey.objects.order_by("pk")] == [
        ["read", "audience", "compose", "send"],
        ["read", "audience", "compose", "send"],
        ["read", "audience", "compose", "send", "privacy"],
    ]


@pytest.mark.parametrize("arguments", [["--app", "shop", "--scope", "all"],
                                       ["--app-group", "both", "--scope", "send"]])  # fmt: skip
def test_scopes_that_there_are_not_are_refused(both, arguments):
    with pytest.raises(CommandError):
        issue(*arguments)

    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("dialect", SPOKEN, ids=lambda dialect: dialect.key)
def test_the_page_of_doors_lists_what_is_printed(app, dialect):
    lines = (ROOT / "docs/compat.md").read_text().splitlines()
    row = next(line for line in lines if line.startswith(f"| [{dialect.label}]"))

    told = issue("--app", "shop", "--dialect", dialect.key)

    _empty, _name, path, scheme, others, _end = row.split("|")
    assert path.strip(" `") == told.pop("base_path")
    assert scheme.strip(" `") == told.pop("authorization").partition(" ")[0]
    assert sorted(re.findall(r"`(\w+)`", others)) == sorted(told)


@pytest.mark.parametrize("dialect", SPOKEN, ids=lambda dialect: dialect.key)
def test_a_dialects_key_comes_in_the_vendors_clothing(app, dialect):
    told = issue("--app", "shop", "--dialect", dialect.key)

    assert told["base_path"] == f"/compat/{dialect.key}/"
    assert ApiKey.objects.get().dialect == dialect.key
    identifiers = ensure_door(app, dialect, datetime.now(UTC)).identifiers
    assert told.items() >= {"app_id": app.pk, **identifiers}.items()
    assert told["authorization"] == told["authorization"].strip()
    assert not set(told["authorization"].partition(" ")[2]) & {" ", "\n"}


def describe(shown):
    if "group_key" in shown:
        return {"authorization": f"group {shown['group_key']}:{shown['group_secret']}"}
    return {"client_id": shown["key"], "client_secret": shown["secret"]}


@pytest.fixture
def small(monkeypatch):
    dialect = make_dialect(door_secrets=("certificate",), describe_key=describe)
    monkeypatch.setitem(registry._load_dialects(), dialect.key, dialect)
    return dialect


def test_a_script_is_told_the_doors_secrets_and_may_prove_that_it_knows_them(client, app, small):
    told = issue("--app", "shop", "--dialect", "small")

    half = told["certificate"][:16]
    proof = {"Authorization": f"proof {told['number']}:{half}"}
    assert client.get("/compat/small/groups", headers=proof).status_code == 200
    assert told["authorization"] == f"{told['client_id']}.{told['client_secret']}"
    again = issue("--app", "shop", "--dialect", "small")
    assert again["certificate"] == told["certificate"]


def test_after_a_revocation_the_next_key_comes_with_other_secrets(client, app, small):
    first = issue("--app", "shop", "--dialect", "small")
    key = ApiKey.objects.get()
    revoke_key(key, actor="owner", now=datetime.now(UTC))

    second = issue("--app", "shop", "--dialect", "small")

    answers = [
        client.get(
            "/compat/small/groups",
            headers={"Authorization": f"proof {told['number']}:{told['certificate'][:16]}"},
        ).status_code
        for told in (first, second)
    ]
    assert answers == [401, 200]
    assert first["number"] == second["number"]


@pytest.fixture
def both(app) -> AppGroup:
    group = AppGroup.objects.create(
        workspace=app.workspace, name="Both", slug="both", group_key="b" * 24
    )
    group.apps.add(app)
    return group


def test_an_app_groups_secret_is_told_once_and_opens_the_door(client, both, small):
    first = issue("--app-group", "both", "--dialect", "small")
    second = issue("--app-group", "both", "--dialect", "small")

    answers = [
        client.get("/compat/small/groups", headers={"Authorization": told["authorization"]})
        for told in (first, second)
    ]

    assert [answer.status_code for answer in answers] == [401, 200]
    assert (first["group_key"], second["base_path"]) == (both.group_key, "/compat/small/")


def test_a_dialect_without_app_groups_has_no_credentials_of_one(both, monkeypatch):
    plain = make_dialect("plain")
    monkeypatch.setitem(registry._load_dialects(), plain.key, plain)

    for dialect in ("native", "plain"):
        with pytest.raises(CommandError, match="App groups"):
            issue("--app-group", "both", "--dialect", dialect)
    both.refresh_from_db()
    assert both.secret_hash == ""


def test_an_unknown_app_is_named(db):
    with pytest.raises(CommandError, match="nothing"):
        issue("--app", "nothing")
