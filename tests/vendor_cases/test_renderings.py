"""A message is rendered once for its platform and language, however many devices get it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import wraps
from importlib import import_module
from typing import Any

import pytest

from campaigns.dispatch.engine import drain
from campaigns.dispatch.plan import start_campaign
from campaigns.models import Delivery, Device, Transfer
from providers.contract import Dialect
from providers.simulator.gateways import GatewayServer
from tests import builders
from tests.gateways import server
from tests.vendor_cases.accounts import GATEWAYS, load_own_data
from tests.vendor_cases.gateway_apps import fill_app

__all__ = ["server"]
pytestmark = pytest.mark.django_db(transaction=True)
COUNT = 120
LANGUAGES = ("de", "en", "fr")
CONTENT = {
    "title": "Hi",
    "body": "There",
    "translations": {"de": {"body": "Hallo"}, "fr": {"body": "Salut"}},
}


@pytest.fixture
def rendered(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was rendered, in the order of it: `renders` of a gateway's own data names what does."""
    dialect: Dialect = request.getfixturevalue("dialect")
    module, owner, name = load_own_data(dialect)["renders"].split(".")
    found: list[str] = []
    maker = getattr(import_module(f"providers.vendors.{dialect.key}.{module}"), owner)
    render = getattr(maker, name)

    @wraps(render)
    def note(self: Any, message: Any, *rest: Any) -> Any:
        found.append(message.body)
        return render(self, message, *rest)

    monkeypatch.setattr(maker, name, note)
    return found


@pytest.mark.parametrize("dialect", GATEWAYS, ids=lambda dialect: dialect.key)
def test_a_message_is_rendered_once_for_each_language(
    app: Any, server: GatewayServer, dialect: Dialect, rendered: list[str]
) -> None:
    now = datetime.now(UTC)
    devices = fill_app(app, dialect, server.url, COUNT, now - timedelta(days=1))
    for place, language in enumerate(LANGUAGES):
        few = [device.pk for device in devices[place :: len(LANGUAGES)]]
        Device.objects.filter(pk__in=few).update(language=language)

    campaign = builders.make_campaign(app, now, CONTENT)
    start_campaign(campaign, actor="owner", now=now)
    drain()

    transfer = Transfer.objects.get(campaign=campaign)
    ends = Delivery.objects.filter(part__transfer=transfer).values_list("outcome", flat=True)
    assert list(ends) == ["sent"] * COUNT
    assert sorted(rendered) == ["Hallo", "Salut", "There"]
