"""The command tells a script everything it needs."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from campaigns.models import ApiKey
from campaigns.services.doors import ensure_door
from providers import registry

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


@pytest.mark.parametrize("dialect", SPOKEN, ids=lambda dialect: dialect.key)
def test_a_dialects_key_comes_in_the_vendors_clothing(app, dialect):
    told = issue("--app", "shop", "--dialect", dialect.key)

    assert told["base_path"] == f"/compat/{dialect.key}/"
    assert ApiKey.objects.get().dialect == dialect.key
    assert told["app_id"] == app.pk
    assert told.items() >= ensure_door(app, dialect, datetime.now(UTC)).identifiers.items()


def test_an_unknown_app_is_named(db):
    with pytest.raises(CommandError, match="nothing"):
        issue("--app", "nothing")
