"""What is told before a message with variables is sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from campaigns.models import App, Campaign, Device, Person
from campaigns.services import text_forecast, text_problems
from campaigns.services.campaigns import create_campaign
from campaigns.services.personalisation import list_variables
from campaigns.services.preflight import find_problems
from campaigns.services.text_forecast import forecast_texts
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NAME = "{{ person.custom.name }}"
NOW = datetime.now(UTC)


@pytest.fixture
def app() -> App:
    app = builders.make_app(builders.make_workspace())
    builders.make_route(app, "android")
    return app


def fill(app: App, *names: Any) -> None:
    persons = Person.objects.bulk_create(
        Person(workspace=app.workspace, external_user_id=f"u{n}",
               attributes={} if name is None else {"name": name})
        for n, name in enumerate(names)
    )  # fmt: skip
    Device.objects.bulk_create(
        Device(app=app, platform="android", token=f"t{person.pk}", token_hash=person.pk,
               person=person)
        for person in persons
    )  # fmt: skip


def make_campaign(**message: Any) -> Campaign:
    users = get_user_model().objects
    root = users.filter(username="root").first()
    root = root or users.create_superuser("root", "root@example.org", "pw")
    body = {"app": "shop", "audience": {"all": True}, "message": {"template": "liquid", **message}}
    return create_campaign(root, body, actor="root", now=NOW)


def list_codes(campaign: Campaign) -> dict[str, bool]:
    return {one.code: one.is_blocking for one in find_problems(campaign, now=NOW)}


def test_who_has_no_value_is_counted_and_told(app: App) -> None:
    fill(app, "Ann", "Bo", "Bo", None, " ")
    campaign = make_campaign(title="T", body=f"Hi {NAME}")

    [forecast] = forecast_texts(campaign)

    assert forecast.empty == {"person.custom.name": 2}
    assert (forecast.total, forecast.skipped, forecast.texts) == (5, 2, {"android": 2})
    assert (forecast.is_exact, forecast.calls) == (True, 1)
    [problem] = [one for one in find_problems(campaign, now=NOW) if one.code == "empty_variable"]
    assert problem.field == "message.body"
    assert problem.sentence.startswith("2 of 5 recipients of Shop have no person.custom.name")


def test_a_nought_and_a_no_are_read_as_they_are(app: App) -> None:
    fill(app, 0, False, None)
    campaign = make_campaign(title="T", body=f"{NAME} points")

    [forecast] = forecast_texts(campaign)

    assert (forecast.empty, forecast.skipped) == ({"person.custom.name": 1}, 1)


def test_a_default_leaves_nobody_without_a_text(app: App) -> None:
    fill(app, "Ann", None)
    campaign = make_campaign(
        title="T", body=f"Hi {NAME}", defaults={"person.custom.name": "friend"}
    )

    [forecast] = forecast_texts(campaign)
    assert forecast.empty == {}
    assert list_codes(campaign) == {"default_stands_in": False}
    [problem] = find_problems(campaign, now=NOW)
    assert problem.sentence == (
        "1 of 2 recipients of Shop has no person.custom.name: that one gets the default."
    )


def test_who_has_a_stand_in_in_another_language_is_not_called_skipped(app: App) -> None:
    fill(app, None, None, "Ann")
    Device.objects.filter(pk=Device.objects.earliest("pk").pk).update(language="de")
    own = {"de": {"title": "T", "body": "Hallo {{ person.custom.name | default: 'du' }}"}}
    campaign = make_campaign(title="T", body=f"Hi {NAME}", translations=own)

    [forecast] = forecast_texts(campaign)

    name = "person.custom.name"
    assert (forecast.empty, forecast.standing_in, forecast.skipped) == ({name: 1}, {name: 1}, 1)
    assert [
        (one.is_required, one.has_stand_ins) for one in list_variables(campaign.message.read())
    ] == [(True, True)]


def test_who_has_values_that_are_too_long_is_told_before(app: App) -> None:
    fill(app, "Ann", "A" * 4096)
    campaign = make_campaign(title="T", body=f"Hi {NAME}")
    everybody = make_campaign(title="T" * 500, body="x" * 4000)

    [problem] = find_problems(campaign, now=NOW)
    blocking = [one for one in find_problems(everybody, now=NOW) if one.code == "payload_too_big"]

    assert (problem.code, problem.is_blocking) == ("payload_too_big", False)
    assert "with the longest values that were found" in problem.sentence
    assert "4,121 bytes" in problem.sentence
    assert [one.is_blocking for one in blocking] == [True]


def test_a_text_that_nobody_gets_is_not_sent(app: App) -> None:
    fill(app, None, None)

    assert list_codes(make_campaign(title="T", body=NAME)) == {"empty_variable": True}


def test_what_comes_out_empty_is_told_too(app: App) -> None:
    fill(app, "Ann", "Bo")
    some = "{% if person.custom.name == 'Ann' %}Hi{% endif %}"
    nobody = some.replace("Ann", "Cy")

    assert list_codes(make_campaign(title="T", body=some)) == {"empty_text": False}
    assert list_codes(make_campaign(title="T", body=nobody)) == {"empty_text": True}


def test_a_large_audience_is_sampled_evenly_and_said_so(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_forecast, "SAMPLE", 50)
    fill(app, *(None if n % 4 == 0 else f"n{n}" for n in range(1000)))
    campaign = make_campaign(title="T", body=NAME)

    [forecast] = forecast_texts(campaign)

    assert forecast.total == 1000
    assert 20 < forecast.looked_at < 100
    assert 50 < forecast.skipped == forecast.empty["person.custom.name"] < 500
    assert abs(forecast.texts["android"] + forecast.skipped - 1000) < 2
    words = [one.sentence for one in find_problems(campaign, now=NOW)]
    assert any(sentence.startswith("about ") for sentence in words)


def test_too_many_calls_are_refused_with_the_reason(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_problems, "MAX_CALLS", 1)
    fill(app, *(f"n{n}" for n in range(600)))
    campaign = make_campaign(title="T", body=NAME)

    [problem] = [one for one in find_problems(campaign, now=NOW) if one.code == "too_many_texts"]

    assert problem.is_blocking
    assert "600 different texts make 3 calls" in problem.sentence
