"""What users have set about notifications is kept with the person and shown again."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.models import Person, ScriptRecord
from tests import builders
from tests.compat.agora.conftest import NOW, PEOPLE, Script, read_data, read_error
from tests.compat.conftest import make_key

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW_MS = round(NOW.timestamp() * 1000)
MODE = {"type": "NONE", "ignoreInterval": "21:30-08:00", "ignoreDuration": 86_400_000}
TEMPLATE = {"name": "test7", "title_pattern": "Hello,{0}", "content_pattern": "Test,{0}"}


def test_a_name_and_a_style_are_kept(script: Script, people: list[Any]) -> None:
    named = script.call("PUT", "users/test1", {"nickname": "testuser"}).json()
    styled = script.call("PUT", "users/test1", {"notification_display_style": "1"}).json()
    script.call("PUT", "users/test1", {"nickname": ""})

    [entity] = named["entities"]
    assert {"action", "application", "path", "uri", "entities", "timestamp", "duration",
            "organization", "applicationName"} == set(named)  # fmt: skip
    assert set(entity) == {
        "uuid", "type", "created", "modified", "username", "activated", "nickname"
    }  # fmt: skip
    assert (entity["username"], entity["nickname"]) == ("test1", "testuser")
    assert styled["entities"][0]["notification_display_style"] == 1
    assert styled["entities"][0]["nickname"] == "testuser"
    assert Person.objects.get(external_user_id="test1").attributes == {
        "notification_display_style": 1
    }


def test_modes_are_kept_by_chat(script: Script, people: list[Any]) -> None:
    path = "users/test1/notification"

    kept = script.call("PUT", f"{path}/user/test1", MODE).json()
    later = read_data(script.call("PUT", f"{path}/user/test1", {"type": "AT"}))
    group = read_data(script.call("PUT", f"{path}/chatgroup/17", {"type": "DEFAULT"}))
    shown = [read_data(script.call("GET", f"{path}/{chat}")) for chat in ("user/test1", "user/bo")]

    assert kept["uri"] == "/acme/shop/users/test1/notification/user/test1"
    assert kept["path"] == "/users"
    assert kept["data"] == {**MODE, "ignoreDuration": NOW_MS + 86_400_000}
    assert later == {**kept["data"], "type": "AT"}
    assert group == {"type": "DEFAULT", "ignoreInterval": "", "ignoreDuration": 0}
    assert shown == [later, {"type": "DEFAULT", "ignoreInterval": "", "ignoreDuration": 0}]


def test_a_language_is_the_persons(script: Script, people: list[Any]) -> None:
    path = "users/test1/notification/language"

    told = read_data(script.call("PUT", path, {"translationLanguage": "EU"}))

    assert told == {"language": "EU"} == read_data(script.call("GET", path))
    assert Person.objects.get(external_user_id="test1").language == "eu"
    script.call("PUT", path, {"translationLanguage": ""})
    assert read_data(script.call("GET", path)) == {"language": ""}


def test_templates_live_their_life(script: Script, people: list[Any]) -> None:
    made = script.call("POST", "notification/template", TEMPLATE).json()
    again = {**TEMPLATE, "title_pattern": "Hi,{0}"}
    script.call("POST", "notification/template", again)
    chosen = script.call("PUT", "users/test1/notification/template", {"templateName": "test7"})
    shown = read_data(script.call("GET", "notification/template/test7"))
    dropped = read_data(script.call("DELETE", "notification/template/test7"))
    gone = [script.call(method, "notification/template/test7") for method in ("GET", "DELETE")]

    assert "path" not in made
    assert made["data"] == {**TEMPLATE, "createAt": NOW_MS, "updateAt": NOW_MS}
    assert read_data(chosen) == {"templateName": "test7"}
    assert shown == dropped == {**again, "createAt": NOW_MS, "updateAt": NOW_MS}
    assert [read_error(one)[:2] for one in gone] == [(404, "service_resource_not_found")] * 2
    assert not ScriptRecord.objects.exists()


BOUNDS: dict[str, tuple[str, str, Any, Any]] = {
    "nickname": ("PUT", "users/test1", {"nickname": "x" * 100}, {"nickname": "x" * 101}),
    "style": (
        "PUT", "users/test1", {"notification_display_style": 0}, {"notification_display_style": 2},
    ),
    "duration": (
        "PUT", "users/test1/notification/user/test1",
        {"ignoreDuration": 604_800_000}, {"ignoreDuration": 604_800_001},
    ),
    "interval": (
        "PUT", "users/test1/notification/user/test1",
        {"ignoreInterval": "23:59-00:00"}, {"ignoreInterval": "24:00-00:00"},
    ),
    "mode": ("PUT", "users/test1/notification/user/test1", {"type": "ALL"}, {"type": "DEFAULT"}),
    "template": (
        "POST", "notification/template", {**TEMPLATE, "name": "x" * 64},
        {**TEMPLATE, "name": "x" * 65},
    ),
}  # fmt: skip


def test_exactly_at_a_bound_is_kept_and_beyond_it_refused(
    script: Script, people: list[Any]
) -> None:
    told = {}
    for name, (method, path, exact, over) in BOUNDS.items():
        assert script.call(method, path, exact).status_code == 200, name
        told[name] = read_error(script.call(method, path, over))[:2]

    assert told == dict.fromkeys(BOUNDS, (400, "IllegalArgumentException"))


def test_who_and_what_is_not_there_is_told_so(script: Script, people: list[Any]) -> None:
    answers = [
        script.call("PUT", "users/nobody", {"nickname": "x"}),
        script.call("GET", "users/nobody/notification/language"),
        script.call("GET", "users/test1/notification/room/7"),
    ]

    assert {read_error(answer)[:2] for answer in answers} == {(404, "service_resource_not_found")}


def test_a_key_of_another_app_changes_nobody(
    client: Any, app: Any, script: Script, people: list[Any]
) -> None:
    other = builders.make_app(app.workspace, "other")
    key, text = make_key(other)
    stranger = Script(client, other, key, text, "acme/other")

    answer = stranger.call("PUT", f"users/{PEOPLE[0]}", {"nickname": "x"})

    assert read_error(answer)[0] == 404
    assert Person.objects.get(external_user_id="test1").attributes == {}
