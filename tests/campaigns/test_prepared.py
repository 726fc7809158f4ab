"""Queries whose SQL is made once find what Django's own find; plain inserts write the same rows."""

from __future__ import annotations

import json
from copy import copy
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.test.utils import CaptureQueriesContext

from campaigns.models import (
    ApiKey,
    AppGroup,
    Device,
    Group,
    KeyUse,
    Message,
    Part,
    Submission,
    TargetChunk,
    Transfer,
    TransferEvent,
)
from campaigns.models.bulk import TextList
from campaigns.models.prepared import Prepared, Reached, insert, update
from campaigns.services.access import ensure_group_principal, issue_key
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 11, 20, 9, 30, 15, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)

BY_NAME: Prepared[Group] = Prepared(
    lambda app, name: Group.objects.select_related("app__workspace").filter(app=app, name=name),
    "app",
    "name",
)
REACHED: Reached[Group] = Reached(
    lambda key, name: Group.objects.for_user(key).filter(name=name).order_by("pk"), "name"
)
BY_TOKENS: Prepared[tuple[str, int]] = Prepared(
    lambda tokens, now: (
        Device.objects.filter(token__in=TextList(tokens), created_at__lte=now)
        .order_by("pk")
        .values_list("token", "pk")
    ),
    "tokens",
    "now",
)


def make_app(workspace, slug="shop"):
    app = builders.make_app(workspace, slug)
    Group.objects.create(app=app, name="News")
    return app


def make_key(workspace, apps):
    return issue_key(workspace, name="script", apps=apps, actor="a", now=NOW)[0]


def test_each_call_asks_with_its_own_values():
    workspace = builders.make_workspace()
    here, there = (make_app(workspace, slug) for slug in ("here", "there"))

    found = [BY_NAME.first(app=app.pk, name="News") for app in (here, there, here)]

    assert [group.app_id for group in found] == [here.pk, there.pk, here.pk]
    assert BY_NAME.first(app=here.pk, name="Old") is None
    assert BY_NAME.list(app=None, name="News") == []


def test_rows_are_as_if_django_had_read_them():
    app = make_app(builders.make_workspace())
    known = Group.objects.select_related("app__workspace").get(app=app, name="News")

    with CaptureQueriesContext(connection) as asked:
        found = BY_NAME.first(app=app.pk, name="News")
        place = found.app.workspace

    assert len(asked) == 1
    for one, other in ((found, known), (found.app, known.app), (place, known.app.workspace)):
        own = {name: value for name, value in vars(one).items() if name != "_state"}
        assert own == {name: value for name, value in vars(other).items() if name != "_state"}
    found.save()


def test_a_key_finds_what_it_reaches():
    workspace = builders.make_workspace()
    app, other = (make_app(workspace, slug) for slug in ("here", "there"))
    make_app(builders.make_workspace("foreign"))
    app_group = AppGroup.objects.create(workspace=workspace, name="Both", group_key="g")
    app_group.apps.set([other])
    keys = [
        make_key(app.workspace, [app]),
        make_key(app.workspace, []),
        ensure_group_principal(app_group),
        ApiKey(name="guest"),
    ]

    found = [[group.app for group in REACHED.list(key, name="News")] for key in keys]

    assert found == [[app], [app, other], [other], []]


def list_new(app, key):
    """Objects of each model that is written without `save`, the later ones named by the earlier."""
    group = Group.objects.get(app=app, name="News")
    yield Message(app=app, content={"title": "Zoë", "body": "€ \U0001f600"})
    yield Submission(workspace=app.workspace, app=app, api_key=key, door="x", created_at=NOW)
    yield Transfer(
        app=app, group=group, tag="sale", status_since=NOW, due_at=NOW, created_at=NOW,
        faults=[{"kind": "x"}],
    )  # fmt: skip
    transfer, message = Transfer.objects.get(), Message.objects.get()
    yield TransferEvent(transfer=transfer, old="", new="accepted", actor="a", at=NOW)
    yield Part(transfer=transfer, message=message, audiences=[{"all": True}])
    yield TargetChunk(part=Part.objects.get(), number=0, kind="token", ids=b"\0\xff'%s\\")
    yield KeyUse(api_key=key, dialect="x", quota="q", level=1.5, filled_at=NOW, day=NOW.date())


def test_a_plain_insert_writes_what_save_writes():
    app = make_app(builders.make_workspace())
    key = make_key(app.workspace, [app])
    count = 0

    for row in list_new(app, key):
        assert insert(row) is row
        count += 1

        names = [field.name for field in row._meta.concrete_fields]
        (plain,) = type(row).objects.filter(pk=row.pk).values(*names)
        row.save()  # an UPDATE: what `insert` has left out or changed would differ now
        (saved,) = type(row).objects.values(*names)
        assert plain == saved
    assert count == 7


def test_an_update_writes_the_named_fields_only():
    key = make_key(builders.make_workspace(), [])
    use = insert(
        KeyUse(api_key=key, dialect="x", quota="q", level=1.5, filled_at=NOW, day=NOW.date())
    )
    use.level, use.day_used = 0.25, 7

    assert update(use, "level")

    use.refresh_from_db()
    assert (use.level, use.day_used) == (0.25, 0)


def test_an_update_of_what_was_read_before_a_change_writes_nothing():
    key = make_key(builders.make_workspace(), [])
    use = insert(
        KeyUse(api_key=key, dialect="x", quota="q", level=0.1, filled_at=NOW, day=NOW.date())
    )
    first, second = (KeyUse.objects.get() for _caller in range(2))
    known = copy(first)
    first.level, second.level = 0.2, 0.3

    done = [update(one, "level", "filled_at", "day", known=known) for one in (first, second)]

    use.refresh_from_db()
    assert (done, use.level) == ([True, False], 0.2)


def test_values_are_asked_for_by_lists_and_times():
    app = make_app(builders.make_workspace())
    here, there = (builders.make_device(app, token) for token in ("here", "there"))
    Device.objects.filter(pk=there.pk).update(created_at=NOW + timedelta(seconds=1))
    Device.objects.filter(pk=here.pk).update(created_at=NOW)

    both = BY_TOKENS.list(tokens=json.dumps(["here", "there", "nowhere"]), now=NOW + HOUR)
    early = BY_TOKENS.list(tokens=json.dumps(["here", "there"]), now=NOW)

    assert (both, early) == ([("here", here.pk), ("there", there.pk)], [("here", here.pk)])


def test_a_query_is_asked_on_the_connection_of_now():
    own = connections[DEFAULT_DB_ALIAS]
    BY_NAME.list(app=1, name="News")
    other = connections.create_connection(DEFAULT_DB_ALIAS)
    connections[DEFAULT_DB_ALIAS] = other
    try:
        with CaptureQueriesContext(other) as asked:
            BY_NAME.list(app=1, name="News")
    finally:
        connections[DEFAULT_DB_ALIAS] = own
        other.close()

    assert len(asked) == 1
