"""Who was erased comes back through no door, and nothing of what scripts go on saying is kept."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from typing import Any

import pytest

from campaigns.dispatch.engine import drain
from campaigns.models import App, Device, DeviceIdentifier, DeviceMark, Group, Person
from campaigns.models.audience import hash64
from campaigns.services.doors import ensure_door
from providers import registry
from tests import builders
from tests.campaigns.test_erase import erase, grep
from tests.compat.conftest import OPEN
from tests.compat.naming import Who

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
GONE = Who(
    "0e5a5ed0-user", "0e5a5ed0@x.example", "4915550001111", "0e5a5ed0-0000-4000-8000-token00000f1",
    "0e5a5ed0-0000-4000-8000-0000000000d1", "0e5a5ed0-alias",
)  # fmt: skip
NEW = Who(  # of whom the same calls do leave something

    "0a11ce00-user", "0a11ce00@x.example", "4915550002222", "0a11ce00-0000-4000-8000-token00000f2",
    "0a11ce00-0000-4000-8000-0000000000d2", "0a11ce00-alias",
)  # fmt: skip
BYSTANDER = Who(
    "0b0b0b00-user", "0b0b0b00@x.example", "4915550003333", "0b0b0b00-0000-4000-8000-token00000f3",
    "0b0b0b00-0000-4000-8000-0000000000d3", "0b0b0b00-alias",
)  # fmt: skip


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def group(app: App, now: datetime) -> int:
    """Of pushes; two people had a device each and the ids of every vendor: one was erased since."""
    builders.make_route(app, "android")
    for who in (GONE, BYSTANDER):
        add(app, who)
    erase(app, GONE.user, now)
    return int(Group.objects.create(app=app, name="news").pk)


def add(app: App, who: Who) -> None:
    person = builders.make_person(app.workspace, who.user, email=who.mail, phone=who.phone)
    device = builders.make_device(app, who.token, person=person)
    kinds = {
        kind.name
        for dialect in registry.all_dialects()
        for kind in dialect.identifier_kinds
        if not kind.is_token
    }
    DeviceIdentifier.objects.bulk_create(
        DeviceIdentifier(
            app=app, device=device, kind=kind, value=who.device, value_hash=hash64(who.device)
        )
        for kind in kinds
    )
    DeviceMark.objects.create(app=app, device=device, kind="alias", name=who.alias)


def look_for(who: Who) -> list[str]:
    return sorted({place for name in who.list_names() for place in grep(name)})


@pytest.mark.parametrize("dialect", OPEN, ids=lambda dialect: dialect.key)
def test_nothing_comes_back_by_what_scripts_go_on_saying(speak, app, group, dialect, now):
    naming = importlib.import_module(f"tests.compat.{dialect.key}.naming")
    names: dict[str, Any] = {
        **ensure_door(app, dialect, now).identifiers, "group": group, "device": BYSTANDER.device,
    }  # fmt: skip
    script = speak(dialect)

    said = [script.call(*call).status_code for call in naming.list_calls(names, GONE)]
    drain()
    found, kept = look_for(GONE), (Person.objects.count(), Device.objects.count())
    of_others = [script.call(*call).status_code for call in naming.list_calls(names, NEW)]
    drain()

    assert found == []
    assert kept == (1, 1)
    assert max(said + of_others) < 500
    # Where nobody is kept who is not known, the call is refused.
    assert look_for(NEW) or set(of_others) == {403}
