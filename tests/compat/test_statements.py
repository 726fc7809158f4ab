"""What a send through a door costs in statements: it is the price of each call."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import get_type_hints

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.models import DeviceIdentifier, Group
from campaigns.models.audience import hash64
from campaigns.services.doors import ensure_door
from providers.commands import SendPush
from providers.message_fields import Platform
from providers.routing import find_route
from tests import builders
from tests.compat.conftest import BY_LISTS
from tests.vendor_cases.accounts import make_account
from tests.vendor_cases.strategies import make_push

pytestmark = [pytest.mark.django_db, pytest.mark.database]
BRACKETS = ("BEGIN", "SAVEPOINT", "RELEASE", "COMMIT")
# A call of several pushes, and one that keeps a schedule, writes more rows.
MOST = {True: 18, False: 22}


RECIPIENTS = 3


def add_devices(app, dialect, key):
    """Somebody's phones, which the vendor knows by an id that is the token's text too."""
    for number in range(RECIPIENTS):
        name = f"recipient-canary-{key}-{number}"
        person = builders.make_person(app.workspace, name)
        device = builders.make_device(app, name, person=person)
        DeviceIdentifier.objects.bulk_create(
            DeviceIdentifier(
                app=app, device=device, kind=kind.name, value=name, value_hash=hash64(name)
            )
            for kind in dialect.identifier_kinds
            if kind.platform in (None, Platform.ANDROID) and not kind.is_token
        )


def write_call(app, dialect, key):
    """A send as our own client would make it: path and body."""
    config = make_account(dialect, "http://testserver/compat")
    door = ensure_door(app, dialect, datetime.now(UTC))
    client = dialect.connect(replace(config, options={**config.options, **door.identifiers}))
    group = Group.objects.get_or_create(app=app, name="News")[0] if dialect.has_groups else None
    request = client.write(make_push(dialect, RECIPIENTS, key, str(group.pk) if group else ""))
    return request.url.partition(f"/compat/{dialect.key}/")[2], request.body


@pytest.mark.parametrize("dialect", BY_LISTS, ids=lambda dialect: dialect.key)
def test_a_send_costs_few_statements(app, speak, dialect):
    builders.make_route(app, "android")
    script = speak(dialect)
    for key in ("1", "2"):
        add_devices(app, dialect, key)
    path, body = write_call(app, dialect, "1")
    script.call("POST", path, body)  # which makes whatever is made at the first call

    path, body = write_call(app, dialect, "2")
    with CaptureQueriesContext(connection) as asked:
        answer = script.call("POST", path, body)

    route, _pieces = find_route(dialect.routes, "POST", path)
    is_plain = get_type_hints(route.read)["return"] is SendPush
    count = sum(not query["sql"].startswith(BRACKETS) for query in asked)
    assert answer.status_code < 300, answer.content
    assert count <= MOST[is_plain]
