"""Scripts through the door: what a sending makes, who gets it, what its limits are."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.dispatch import engine
from campaigns.dispatch.freeze import freeze_transfer
from campaigns.models import (
    ApiKey,
    Batch,
    Campaign,
    Delivery,
    ScriptSchedule,
    Segment,
    Settled,
    Transfer,
)
from campaigns.models.packing import unpack_ids
from campaigns.services import access
from campaigns.services.transfers import cancel_transfer
from providers import registry
from tests import builders
from tests.compat.conftest import make_key
from tests.fixtures.pushexpress import World, read_calls, read_examples

pytestmark = [pytest.mark.django_db, pytest.mark.database]
DIALECT = registry.get("pushexpress")
BASE = "api/b/v2"
EXAMPLES = read_examples()


@pytest.fixture
def script(speak):
    return speak(DIALECT)


@pytest.fixture
def call(script):
    """Call and get status and body; the error body always has the vendor's form."""

    def call_path(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = script.call(method, f"{BASE}/{path}", body)
        told = json.loads(answer.content) if answer.content else None
        if answer.status_code >= 400:
            assert answer["Content-Type"] == "application/json"
            assert list(told) == ["error", "req_id"]
            assert told["req_id"] == answer["X-Request-Id"]
        return answer.status_code, told

    return call_path


@pytest.fixture
def make_body(app):
    """The instant example for our app, or a changed one."""

    def make(**filters: Any) -> Any:
        body = copy.deepcopy(EXAMPLES["instant"]["call"])
        body["filters"] = {"app_ids_include": [app.pk], **filters}
        return body

    return make


def freeze(transfer: Transfer) -> list[int]:
    """The devices that a transfer reaches, as its worker finds them when it is due."""
    if not transfer.app.routes.exists():
        builders.make_route(transfer.app, "android")
    freeze_transfer(transfer, now=transfer.due_at)
    batches = Batch.objects.filter(transfer=transfer)
    return sorted(pk for batch in batches for pk in unpack_ids(batch.recipients))


def test_the_call_of_the_document_makes_three_things_and_is_due_in_two_minutes(
    client, app, make_body
):
    _key, text = make_key(app)
    [(method, url), _bind] = read_calls(World(base="/compat/pushexpress"))
    before = datetime.now(UTC)

    answer = client.generic(
        method, url, json.dumps(make_body()), headers={"Authorization": f"Bearer {text}"}
    )

    told = answer.json()
    transfer = Transfer.objects.get()
    assert answer.status_code == 201
    assert list(told) == ["sched_id", "push_id", "translations"]
    assert [item["language"] for item in told["translations"]] == ["en", "de"]
    assert all(isinstance(item["id"], int) for item in told["translations"])
    assert transfer.app == app
    assert timedelta(0) <= transfer.due_at - before - timedelta(minutes=2) < timedelta(seconds=30)
    assert (transfer.name, transfer.status) == ("Scheduler name", "accepted")
    assert transfer.group.name == "Push.express"
    assert not Campaign.objects.exists()


def test_the_three_ids_lead_to_what_was_made(call, app, make_body):
    _status, sent = call("POST", "send/instant", make_body(countries_include=["DE"]))

    status, schedule = call("GET", f"sched/onesend/{sent['sched_id']}")
    _status, push = call("GET", f"pushes/{sent['push_id']}")

    due = Transfer.objects.get().due_at
    assert status == 200
    assert schedule == {
        "name": "Scheduler name", "app_ids_include": [app.pk], "countries_include": ["DE"],
        "date": due.strftime("%Y-%m-%d"), "time": due.strftime("%H:%M"), "local_time": False,
        "timezone": "+00:00", "id": sent["sched_id"], "pushes": [sent["push_id"]],
    }  # fmt: skip
    assert push["active"] is True
    ids = [item["id"] for item in sent["translations"]]
    assert [item.pop("id") for item in push["translations"]] == ids
    assert push["translations"] == EXAMPLES["instant"]["call"]["push"]["translations"]


def test_each_device_gets_its_language_else_the_default(call, app, make_body):
    for token, language in (("one", "de"), ("two", "de-AT"), ("three", "fr"), ("four", "")):
        builders.make_device(app, token, language=language)
    call("POST", "send/instant", make_body())
    [transfer] = Transfer.objects.all()

    freeze(transfer)

    counts = {batch.language: batch.count for batch in Batch.objects.all()}
    content = transfer.parts.get().message.content
    assert counts == {"de": 2, "": 2}
    assert (content["title"], content["translations"]) == (
        "Title", {"de": {"title": "Titel", "body": "Worte"}},
    )  # fmt: skip
    assert content["android"]["deeplink"] == "link-to/open"


def test_filters_choose_the_devices(call, app, workspace, make_body):
    person = builders.make_person(workspace, "ann", country="DE", attributes={"event_reg": 1})
    one = builders.make_device(app, "one", country="DE", language="en-GB").pk
    two = builders.make_device(app, "two", person=person).pk
    three = builders.make_device(app, "three", country="FR", attributes={"event_dep": "x"}).pk
    vip = make_segment(app, "FR")
    cases: dict[str, Any] = {
        "everybody": ({}, [one, two, three]),
        "a country, of the person too": ({"countries_include": ["de"]}, [one, two]),
        "not a country": ({"countries_exclude": ["DE"]}, [three]),
        "a language with its regions": ({"languages_include": ["en"]}, [one]),
        "not a language": ({"all_languages": True, "languages_exclude": ["en"]}, [two, three]),
        "an event": ({"event_include": "reg"}, [two]),
        "not an event": ({"event_exclude": ["dep", "reg"]}, [one]),
        "an audience": ({"audiences_include": [f"vip_{vip}"]}, [three]),
        "not an audience": ({"audiences_exclude": [f"vip_{vip}"]}, [one, two]),
        "all at once": ({"countries_include": ["DE", "FR"], "event_exclude": "reg"}, [one, three]),
        "nobody": ({"event_exclude": "install"}, []),
    }

    reached = {}
    for name, (filters, _expected) in cases.items():
        status, _told = call("POST", "send/instant", make_body(**filters))
        assert status == 201, name
        reached[name] = freeze(Transfer.objects.latest("pk"))

    assert reached == {name: expected for name, (_filters, expected) in cases.items()}


def make_segment(app, country):
    expression = {"field": "device.country", "op": "eq", "value": country}
    return Segment.objects.create(app=app, name=country, expression=expression).pk


def test_every_app_that_is_chosen_gets_a_transfer_of_its_own(speak, app, workspace):
    other = builders.make_app(workspace, "other")
    group = workspace.app_groups.create(name="Both", slug="both", group_key="a" * 24)
    group.apps.set([app, other])
    _key, text = access.issue_key(workspace, name="Wide", actor="o", now=datetime.now(UTC))

    made = []
    for filters in (
        {"all_apps": True},
        {"app_groups_include": [group.pk], "app_ids_exclude": [other.pk]},
        {"app_ids_include": [other.pk]},
    ):
        before = Transfer.objects.count()
        body = {**EXAMPLES["instant"]["call"], "filters": filters}
        answer = speak(DIALECT, text).call("POST", f"{BASE}/send/instant", body)
        assert answer.status_code == 201
        fresh = Transfer.objects.order_by("pk")[before:]
        made.append(sorted(transfer.app.slug for transfer in fresh))

    assert made == [["other", "shop"], ["shop"], ["other"]]


REFUSED = {
    "no name": (lambda body: body.pop("name"), 400, "name: is required"),
    "no push": (lambda body: body.pop("push"), 400, "push: is required"),
    "no translations": (
        lambda body: body["push"].update(translations=[]), 400, "push.translations: is required"
    ),
    "no default": (
        lambda body: body["push"].update(default_lang="fr"),
        400, "push.translations: must contain default_lang fr",
    ),
    "a language twice": (
        lambda body: body["push"].update(translations=body["push"]["translations"] * 2),
        400, "push.translations: has a language twice",
    ),
    "no title": (
        lambda body: body["push"]["translations"][0].pop("title"),
        400, "push.translations[0].title: is required",
    ),
    "no apps": (lambda body: body["filters"].clear(), 400, "empty set of applications"),
    "an unknown segment": (
        lambda body: body["filters"].update(audiences_include=["x_99"]), 404, "no segment"
    ),
    "an app of others": (
        lambda body: body["filters"].update(app_ids_include=[999_999]), 403, "not yours"
    ),
    "a group of others": (
        lambda body: body["filters"].update(app_groups_include=[999_999]), 403, "not yours"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "status", "words"), REFUSED.values(), ids=list(REFUSED))
def test_a_bad_sending_is_refused_and_leaves_nothing(call, make_body, change, status, words):
    body = make_body()
    change(body)

    told = call("POST", "send/instant", body)

    assert told[0] == status
    assert words in told[1]["error"]
    assert told[1]["error"].startswith("validation error: ") == (status == 400)
    assert not Transfer.objects.exists()
    assert not ScriptSchedule.objects.exists()


def test_all_apps_that_are_excluded_leave_none(call, app, make_body):
    body = make_body()
    body["filters"] = {"all_apps": True, "app_ids_exclude": [app.pk]}

    status, told = call("POST", "send/instant", body)

    assert (status, told["error"]) == (400, "validation error: empty set of applications")


def test_an_operator_may_cancel_it_in_its_two_minutes(call, app, make_body):
    builders.make_device(app, "one")
    _status, sent = call("POST", "send/instant", make_body())
    transfer = Transfer.objects.get()

    cancel_transfer(transfer, actor="owner", now=transfer.due_at - timedelta(seconds=1))
    freeze(transfer)
    engine.pump("worker")

    outcomes = list(Delivery.objects.values_list("outcome", flat=True))
    assert (transfer.status, outcomes) == ("cancelled", [Settled.CANCELLED.value])
    assert call("GET", f"sched/onesend/{sent['sched_id']}")[0] == 200


def make_onesend(app, **fields):
    times = {"date": "2036-12-24", "time": "15:04", "local_time": False, "timezone": "+03:00"}
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d")
    return {"name": "Later", "app_ids_include": [app.pk], **times, "date": tomorrow, **fields}


def test_a_sending_in_the_future_goes_once_a_push_is_bound_to_it(call, app):
    body = make_onesend(app)
    _status, made = call("POST", "sched/onesend", body)
    _status, push = call("POST", "pushes", EXAMPLES["push"]["call"])
    before = Transfer.objects.count()

    bound = call("PUT", f"sched/onesend/{made['id']}/pushes", {"pushes": [push["id"]]})

    [transfer] = Transfer.objects.all()
    _status, shown = call("GET", f"sched/onesend/{made['id']}")
    assert (before, bound) == (0, (200, {}))
    assert (transfer.due_at.hour, transfer.due_at.minute) == (12, 4)
    assert shown == {**body, "id": made["id"], "pushes": [push["id"]]}


def test_a_sending_at_local_time_is_due_at_each_recipients_own_hour(call, app):
    body = make_onesend(app, local_time=True)
    del body["timezone"]
    _status, made = call("POST", "sched/onesend", body)
    _status, push = call("POST", "pushes", EXAMPLES["push"]["call"])

    call("PUT", f"sched/onesend/{made['id']}/pushes", [push["id"]])

    assert Transfer.objects.get().wall_clock == f"{body['date']}T15:04"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"date": "24.12.2036"}, "date: must be a time of the form YYYY-MM-DD"),
        ({"date": "2036-02-30"}, "date: must be"),
        ({"time": "3pm"}, "time: must be a time of the form HH:MM"),
        ({"time": "25:00"}, "must be a time"),
        ({"timezone": None}, "timezone: is required when local_time is false"),
        ({"local_time": True}, "timezone: must be omitted when local_time is true"),
        ({"timezone": "Europe/Berlin"}, "timezone: must be an offset"),
        ({"timezone": "+15:00"}, "timezone: must be an offset"),
        ({"local_time": "no"}, "local_time: must be true or false"),
        ({"app_ids_include": []}, "empty set of applications"),
    ],
)
def test_a_malformed_sending_in_the_future_is_refused(call, app, fields, words):
    status, told = call("POST", "sched/onesend", make_onesend(app, **fields))

    assert status == 400
    assert words in told["error"]


def test_a_sending_whose_time_has_passed_takes_no_push(call, app):
    _status, made = call("POST", "sched/onesend", make_onesend(app, date="2020-01-01"))
    _status, push = call("POST", "pushes", EXAMPLES["push"]["call"])

    status, told = call("PUT", f"sched/onesend/{made['id']}/pushes", [push["id"]])

    assert (status, Transfer.objects.count()) == (400, 0)
    assert "passed" in told["error"]


def test_a_binding_replaces_the_earlier_ones_and_a_push_belongs_to_one_sending(call, app):
    schedules = [call("POST", "sched/onesend", make_onesend(app))[1]["id"] for _ in range(2)]
    pushes = [call("POST", "pushes", EXAMPLES["push"]["call"])[1]["id"] for _ in range(3)]
    path = f"sched/onesend/{schedules[0]}/pushes"

    call("PUT", path, {"pushes": pushes[:2]})
    call("PUT", path, {"push_ids": pushes[1:]})
    other = call("PUT", f"sched/onesend/{schedules[1]}/pushes", [pushes[1]])
    freed = call("PUT", f"sched/onesend/{schedules[1]}/pushes", [pushes[0]])

    assert call("GET", f"sched/onesend/{schedules[0]}")[1]["pushes"] == pushes[1:]
    assert (other[0], freed[0]) == (400, 200)
    assert sorted(transfer.parts.count() for transfer in Transfer.objects.all()) == [1, 2]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "sched/onesend/999999/pushes"),
        ("PUT", "sched/smart/1/pushes"),
        ("PUT", "sched/onesend/x/pushes"),
        ("GET", "sched/onesend/999999"),
        ("POST", "sched/conversion"),
        ("POST", "sched/smart"),
        ("GET", "pushes/999999"),
        ("PUT", "pushes/1.5"),
        ("DELETE", "pushes/999999"),
        ("POST", "pushes/999999/activate"),
        ("GET", "events/999999"),
        ("GET", "apps/999999"),
        ("GET", "app/groups/999999"),
        ("GET", "nothing"),
    ],
)
def test_what_is_not_there_is_not_found(call, method, path):
    body = EXAMPLES["push"]["call"] if path.startswith("pushes/1") else {"pushes": []}

    assert call(method, path, body if method != "GET" else None)[0] == 404


def test_pushes_are_changed_switched_off_and_dropped_with_what_is_planned(call, app, make_body):
    _status, sent = call("POST", "send/instant", make_body())
    path = f"pushes/{sent['push_id']}"
    changed = EXAMPLES["push"]["call"]

    told = [call("PUT", path, changed), call("GET", path)]
    content = Transfer.objects.get().parts.get().message.content
    off = call("POST", f"{path}/deactivate"), Transfer.objects.count()
    is_active = call("GET", path)[1]["active"]
    on = call("POST", f"{path}/activate"), Transfer.objects.count()
    gone = call("DELETE", path), Transfer.objects.count()

    assert [status for status, _body in told] == [200, 200]
    assert "translations" not in content
    assert (off, is_active, on, gone) == (
        ((204, None), 0), False, ((204, None), 1), ((204, None), 0),
    )  # fmt: skip


def test_apps_and_groups_are_listed_and_changed_by_nobody(call, app, workspace):
    group = workspace.app_groups.create(name="Both", slug="both", group_key="a" * 24)
    group.apps.set([app])

    _status, apps = call("GET", "apps")
    _status, archived = call("GET", "apps?archived=true")
    _status, groups = call("GET", "app/groups")

    [row] = apps["apps"]
    assert (row["id"], row["name"], row["archived"], len(row["pushexpress_id"])) == (
        app.pk, app.name, False, 32,
    )  # fmt: skip
    assert row["groups"] == [group.pk]
    assert call("GET", f"apps/{app.pk}") == (200, row)
    assert archived == {"apps": []}
    shown = {
        "id": group.pk,
        "name": "Both",
        "app_ids": [app.pk],
        "all_apps": False,
        "archived": False,
    }
    assert groups == {"app_groups": [shown]}
    assert call("GET", f"app/groups/{group.pk}") == (200, shown)
    for method, path in (("POST", "apps"), ("DELETE", f"app/groups/{group.pk}")):
        assert call(method, path, {"name": "x"})[0] == 403


def test_events_are_kept_listed_switched_and_dropped(call):
    made = [
        call("POST", "events", {"name": f"Event {number}", "code": f"e_{number}"})[1]["id"]
        for number in range(3)
    ]
    path = f"events/{made[0]}"

    renamed = call("PUT", path, {"name": "New", "code": "e_0"})
    call("POST", f"{path}/deactivate")
    off = call("GET", path)[1]["status"]
    call("POST", f"{path}/activate")
    _status, page = call("GET", "events?page=2&per_page=2")
    gone = call("DELETE", path), call("GET", path)[0]

    event = {"id": made[0], "name": "New", "code": "e_0", "status": 1, "type": "CUSTOM"}
    assert (renamed, off) == ((200, event), 0)
    assert [item["id"] for item in page["events"]] == made[2:]
    assert page["pagination"] == {"page": 2, "per_page": 2, "total_pages": 2, "total_count": 3}
    assert gone == ((204, None), 404)
    assert call("POST", "events", {"name": "x", "code": "reg"})[0] == 400


def test_devices_are_counted_and_shown_without_their_tokens(call, app, workspace):
    person = builders.make_person(workspace, "ann")
    builders.make_device(app, "a-very-long-token-0123456789", country="DE", person=person)
    builders.make_device(app, "two", country="FR")
    body = {"app_ids_include": [app.pk], "countries_include": ["DE"]}

    flat = call("POST", "query/app-instances", body)
    nested = call("POST", "query/app-instances", {"filters": body})

    [row] = flat[1]["app_instances"]
    assert flat == nested
    assert (flat[0], flat[1]["active_count"]) == (200, 1)
    assert (row["external_id"], row["country"], row["transport_token_masked"]) == (
        "ann", "DE", "a-ve***6789",
    )  # fmt: skip


def test_a_key_that_may_only_read_sends_and_changes_nothing(app, speak, make_body):
    _key, text = make_key(app, scopes=["read"])
    reader = speak(DIALECT, text)

    sent = reader.call("POST", f"{BASE}/send/instant", make_body())
    kept = reader.call("POST", f"{BASE}/pushes", EXAMPLES["push"]["call"])

    assert (sent.status_code, kept.status_code) == (403, 403)
    assert reader.call("GET", f"{BASE}/apps").status_code == 200


def test_what_another_tenant_keeps_is_not_there(call, speak, app, make_body):
    _status, sent = call("POST", "send/instant", make_body())
    foreign = builders.make_app(builders.make_workspace("other"), "theirs")
    stranger = speak(DIALECT, make_key(foreign)[1])
    paths = [f"sched/onesend/{sent['sched_id']}", f"pushes/{sent['push_id']}", f"apps/{app.pk}"]

    for path in paths:
        assert stranger.call("GET", f"{BASE}/{path}").status_code == 404
    answer = stranger.call("POST", f"{BASE}/send/instant", make_body())

    assert answer.status_code == 403
    assert Transfer.objects.count() == 1


def test_where_approval_is_needed_a_key_must_be_allowed_to_go_without(app, call, speak, make_body):
    app.needs_approval = True
    app.save()
    _key, allowed = make_key(app, scopes=ApiKey.Scope.values)

    refused = call("POST", "send/instant", make_body())
    sent = speak(DIALECT, allowed).call("POST", f"{BASE}/send/instant", make_body())

    assert (refused[0], sent.status_code) == (403, 201)
