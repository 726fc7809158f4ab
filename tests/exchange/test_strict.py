"""A strict door refuses, in its dialect's own way, what would lose something on its way out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from campaigns.errors import Invalid
from campaigns.models import AuditEntry, Transfer
from campaigns.services.carrying import find_carry
from campaigns.services.doors import ensure_door, find_option, set_options
from campaigns.services.messages import list_set_fields
from providers.contract import STRICT, Dialect, Fate
from providers.message import PushMessage
from providers.message_fields import Platform
from providers.outcomes import Outcome
from tests.exchange.conftest import Scene, write
from tests.exchange.messages import write_full
from tests.exchange.test_pairs import VENDORS, find_words, takes_names
from tests.vendor_cases.accounts import names_recipients

ANDROID = Platform.ANDROID
LOST = {Fate.DROPPED, Fate.TRUNCATED}
each_dialect = pytest.mark.parametrize("dialect", VENDORS, ids=lambda dialect: dialect.key)


def set_strict(app, dialect):
    now = datetime.now(UTC)
    door = ensure_door(app, dialect, now)
    return set_options(door, dialect, {STRICT.name: True}, actor="owner", now=now)


def find_lost(message: PushMessage, vendor: Dialect) -> list[str]:
    fates = {
        field: find_carry(vendor, ANDROID, field) for field in list_set_fields(message, "android")
    }
    return [field for field, carry in fates.items() if carry.fate in LOST]


def find_loser(message: PushMessage) -> Dialect:
    """A vendor that takes named recipients and loses something of a message."""
    return next(one for one in VENDORS if takes_names(one) and find_lost(message, one))


def write_call(scene: Scene, client: Any, dialect: Dialect, message: PushMessage, key: str) -> Any:
    named = scene.name(dialect, ANDROID) if names_recipients(dialect) else ()
    return write(client, dialect, message, key, named)


@each_dialect
def test_a_lossy_route_is_refused_by_a_strict_door_alone(scene: Scene, dialect):
    message = write_full(dialect, [ANDROID]).resolve(ANDROID)
    scene.send_through(find_loser(message))
    client = scene.connect(dialect)

    before = client.send(write_call(scene, client, dialect, message, "16"))
    set_strict(scene.app, dialect)
    words = find_words(client, write_call(scene, client, dialect, message, "17"))

    assert before.outcome is Outcome.ACCEPTED
    assert words
    assert Transfer.objects.count() == 1


def test_what_arrives_whole_is_taken_by_a_strict_door(scene: Scene):
    message = PushMessage(title="Sale", body="Today").resolve(ANDROID)
    kept = [one for one in VENDORS if not find_lost(message, one)]
    dialect = next(one for one in kept if names_recipients(one) and takes_names(one))
    scene.send_through(dialect)
    client = scene.connect(dialect)

    set_strict(scene.app, dialect)
    receipt = client.send(write_call(scene, client, dialect, message, "17"))

    assert receipt.outcome is Outcome.ACCEPTED
    assert Transfer.objects.count() == 1


def set_door(*words: str) -> Any:
    out = StringIO()
    call_command("set_door", *words, stdout=out)
    return json.loads(out.getvalue())


@pytest.mark.database
def test_options_are_set_and_unset_on_the_command_line(db, app):
    dialect = VENDORS[0]
    door = ["--app", app.slug, "--dialect", dialect.key]

    told = [set_door(*door), set_door(*door, "strict=true"), set_door(*door)]
    is_strict = find_option(app, dialect, STRICT.name)
    told.append(set_door(*door, "strict=null"))

    assert told == [{}, {"strict": True}, {"strict": True}, {}]
    assert is_strict is True
    assert find_option(app, dialect, STRICT.name) is False
    kept = AuditEntry.objects.filter(verb="set").values_list("actor", "fields")
    assert set(map(str, kept)) == {str(("command line", ["strict"]))}


@pytest.mark.parametrize(
    ("option", "words"),
    [("strict=maybe", "strict"), ("colour=red", "colour"), ("strict", "name=value")],
)
def test_wrong_options_are_named(db, app, option, words):
    with pytest.raises(CommandError, match=words):
        set_door("--app", app.slug, "--dialect", VENDORS[0].key, option)

    assert find_option(app, VENDORS[0], STRICT.name) is False


def test_no_option_is_set_where_one_is_wrong(db, app):
    now = datetime.now(UTC)
    door = ensure_door(app, VENDORS[0], now)

    with pytest.raises(Invalid) as refused:
        set_options(door, VENDORS[0], {STRICT.name: True, "colour": "red"}, actor="owner", now=now)

    assert list(refused.value.fields) == ["colour"]
    assert find_option(app, VENDORS[0], STRICT.name) is False


def test_an_unknown_app_is_named(db):
    with pytest.raises(CommandError, match="nothing"):
        set_door("--app", "nothing", "--dialect", VENDORS[0].key)
