"""Variables to choose from: as they are written, with what really occurs, naming nobody."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.urls import reverse

from campaigns.models import App, Device
from campaigns.selectors import suggestions
from campaigns.selectors.personal import list_fixed
from campaigns.selectors.variables import suggest_variables
from campaigns.services.personalisation import find_faults
from providers.message_json import read_message
from tests import builders
from tests.api.conftest import make_client

pytestmark = [pytest.mark.django_db, pytest.mark.database]
TIERS = ["gold", "gold", "gold", "silver"]


@pytest.fixture
def app() -> App:
    """Four people of whom one has two phones, and an app that is somebody else's."""
    cache.clear()
    app = builders.make_app(builders.make_workspace())
    other = builders.make_app(app.workspace, "other")
    builders.make_device(other, "c", attributes={"secret": 1})
    for number, tier in enumerate(TIERS):
        person = builders.make_person(
            app.workspace, f"u-{number}", country="DE", attributes={"tier": tier, "first name": "A"}
        )
        builders.make_device(app, f"t-{number}", person=person, attributes={"visits": number})
    builders.make_device(app, "t-5", person=person, attributes={"it's": True, "a.b": [1]})
    return app


def see(app: App, term: str = "") -> dict[str, tuple[str, int, tuple[str, ...]]]:
    return {one.name: (one.kind, one.count, one.examples) for one in suggest_variables(app, term)}


def test_what_occurs_is_offered_with_what_it_holds_and_what_several_share(app: App) -> None:
    found = see(app)

    assert [*found][: len(list_fixed())] == list(list_fixed())
    assert {name: found[name] for name in [*found][len(list_fixed()) :]} == {
        "person.custom['first name']": ("text", 5, ("A",)),
        "person.custom.tier": ("text", 5, ("gold",)),  # silver is one person's, on two phones
        "device.custom.visits": ("number", 4, ()),
        "device.custom['a.b']": ("other", 1, ()),
        'device.custom["it\'s"]': ("flag", 1, ()),
    }
    assert found["person.country"] == ("text", 5, ("DE",))
    assert found["person.external_user_id"] == ("text", 5, ())
    assert found["person.email"] == ("text", 0, ())
    assert found["device.created_at"][:2] == ("time", 5)
    assert found["app.name"] == ("text", 5, (app.name,))


def test_whatever_is_offered_can_be_written(app: App) -> None:
    body = "".join(f"{{{{ {name} }}}}" for name in see(app))

    assert find_faults(read_message({"template": "liquid", "title": "Hi", "body": body})) == {}


def test_what_no_template_could_name_is_not_offered(app: App) -> None:
    cache.clear()
    builders.make_device(app, "odd", attributes={"größe": 1, "a}}b": 1, 'say "hi"': 1, "": 1})

    assert not [name for name in see(app, "custom") if name not in (
        "person.custom['first name']", "person.custom.tier", "device.custom.visits",
        "device.custom['a.b']", 'device.custom["it\'s"]',
    )]  # fmt: skip


def test_a_script_searches_them_in_its_own_apps_alone(app: App, client) -> None:
    script = make_client(app.workspace, apps=[app])
    other = App.objects.get(slug="other")

    found = script.get(f"/api/v1/apps/{app.pk}/variables/", {"search": "TIER"})
    unknown = script.get(f"/api/v1/apps/{app.pk}/variables/", {"serch": "x"})
    foreign = script.get(f"/api/v1/apps/{other.pk}/variables/")

    assert found.json() == [
        {"name": "person.custom.tier", "kind": "text", "count": 5, "looked_at": 5,
         "examples": ["gold"]}
    ]  # fmt: skip
    assert (unknown.status_code, foreign.status_code) == (400, 404)


def test_a_page_tells_each_in_a_few_words_and_of_nobody_elses_app(app: App, client) -> None:
    client.force_login(builders.make_member("ann", app.workspace, app=app, role="viewer"))
    address = reverse("variables")

    told = client.get(address, {"app": app.pk}).json()["variables"]
    words = {one["name"]: one["words"] for one in told}
    foreign = client.get(address, {"app": App.objects.get(slug="other").pk})
    Device.objects.all().delete()
    cache.clear()
    empty = client.get(address, {"app": app.pk}).json()["variables"]

    assert words["person.custom.tier"] == "text · 100 % have it · gold"
    assert words["device.custom.visits"] == "number · 80 % have it"
    assert words["device.is_secure"].startswith("yes or no")
    assert foreign.status_code == 404
    assert {one["name"]: one["words"] for one in empty}["person.email"] == "text"


def test_a_large_import_does_not_hide_what_older_devices_have(app: App, monkeypatch) -> None:
    monkeypatch.setattr(suggestions, "LOOKED_AT", 6)
    monkeypatch.setattr(suggestions, "STRETCHES", 3)
    for number in range(20):
        builders.make_device(app, f"new-{number}", attributes={"source": "file"})

    found = {one.name: one for one in suggestions.list_custom(app)}

    assert {"device.custom.source", "person.custom.tier"} <= {*found}
    assert {one.looked_at for one in found.values()} == {6}
    assert found["device.custom.source"].count == 5
    assert see(app)["person.custom.tier"] == ("text", 1, ())


def test_older_devices_may_be_deleted_while_somebody_looks(app: App) -> None:
    rows = Device.objects.filter(app=app).values_list("pk", "attributes")
    oldest = min(pk for pk, _attributes in rows)

    assert suggestions._look_along(rows, oldest) == []
