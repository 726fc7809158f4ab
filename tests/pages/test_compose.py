"""Compose: what is typed becomes the message, draft by draft, until it is sent."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from django.urls import reverse

from campaigns.dispatch.engine import pump
from campaigns.dispatch.freeze import freeze_transfer
from campaigns.models import Account, App, Campaign, Device, Membership, Segment, Transfer
from campaigns.pages.pasted_ids import find_devices
from providers.message_channels import OTHER_BLOCKS
from providers.message_faults import TOP_FIELDS, find_message_faults
from providers.message_fields import PERSONAL_FIELDS
from providers.message_platforms import BLOCK_FIELDS
from tests import builders
from tests.pages.sending import press_send, send_typed, type_message

# What a person types for a field, and the JSON value that it means.
BY_KIND = {
    "bool": ("on", True),
    "url": ("https://example.org/picture.png", "https://example.org/picture.png"),
    "link": ("shop://cart/7", "shop://cart/7"),
    "int_list": ("0, 500, 200", [0, 500, 200]),
    "buttons": (
        "Show | shop://sale | show\nLater",
        [{"title": "Show", "link": "shop://sale", "id": "show"}, {"title": "Later"}],
    ),
    "number": ("0.5", 0.5),
    "json_object": ('{"plan": "gold"}', {"plan": "gold"}),
    "attachments": (
        "https://example.org/a.mp4 mp4 7",
        [{"file_url": "https://example.org/a.mp4", "file_type": "mp4", "id": "7"}],
    ),
}


def type_value(spec):
    if spec.kind == "choice":
        return spec.choices[-1], spec.choices[-1]
    if spec.kind == "int":
        return str(spec.maximum), spec.maximum
    if spec.kind == "color":
        text = "#12AB34CD"[: 9 if "8" in spec.pattern else 7]
        return text, text
    return BY_KIND.get(spec.kind, (f"typed {spec.name}", f"typed {spec.name}"))


FIELDS = (
    [("", spec) for spec in TOP_FIELDS if spec not in PERSONAL_FIELDS]
    + [(name, spec) for name, specs in OTHER_BLOCKS.items() for spec in specs]
    + [(platform.value, spec) for platform, specs in BLOCK_FIELDS.items() for spec in specs]
)


@pytest.fixture
def typed(app):
    return type_message(app, action="draft")


@pytest.fixture
def ready(app):
    """An app with a route and two devices."""
    builders.make_route(app, "android")
    return [builders.make_device(app, f"token-{n}") for n in range(2)]


@pytest.mark.parametrize(
    ("platform", "spec"), FIELDS, ids=[f"{p}.{s.name}".strip(".") for p, s in FIELDS]
)
def test_every_field_of_the_form_reaches_the_message(client, owner, typed, platform, spec):
    client.force_login(owner)
    text, value = type_value(spec)
    name = f"{platform}-{spec.name}" if platform else spec.name

    response = client.post(reverse("compose"), typed | {name: text})

    content = Campaign.objects.get().message.content
    assert response.status_code == 302
    assert (content[platform] if platform else content)[spec.name] == value
    assert find_message_faults(content) == {}


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("android-priority", "9", "Enter a number from -2 to 2."),
        ("android-led_color", "red", "This has not the right form"),
        ("android-banner", "banner.png", "Enter a whole address"),
        ("ios-badge", "many", "Enter a whole number"),
        ("web-extras", "[1]", "Enter a JSON object"),
        ("send_at", "", "Choose the date and time"),
    ],
)
def test_a_wrong_value_says_which_field_and_how_to_fix_it(
    client, owner, typed, name, text, sentence
):
    client.force_login(owner)
    when = {"when": "later"} if name == "send_at" else {}

    response = client.post(reverse("compose"), typed | when | {name: text})

    page = response.content.decode()
    assert response.status_code == 422
    assert sentence in page
    assert f'id="id_{name}_error"' in page
    assert not Campaign.objects.exists()


def test_a_draft_opens_with_everything_that_was_typed(client, owner, typed):
    client.force_login(owner)
    more = {
        "android-vibration": "0, 500", "tag": "promo", "expires": "2", "rate": "70",
        "translations-TOTAL_FORMS": "1", "translations-0-language": "de",
        "translations-0-title": "Herbst", "translations-0-body": "Alles neu.",
        "translations-0-ios-subtitle": "Nur heute", "translations-0-in_app-open_title": "Zeig her",
    }  # fmt: skip
    client.post(reverse("compose"), typed | more)
    campaign = Campaign.objects.get()

    page = client.get(reverse("edit", args=[campaign.pk])).content.decode()

    assert campaign.message.content["translations"]["de"] == {
        "title": "Herbst", "body": "Alles neu.",
        "ios": {"subtitle": "Nur heute"}, "in_app": {"open_title": "Zeig her"},
    }  # fmt: skip
    assert campaign.expires_in == 7200
    for text in ("0, 500", "promo", "Alles neu.", "Nur heute", "Zeig her", "Fresh looks"):
        assert text in page


def test_each_recipients_own_hour_can_be_chosen_checked_and_scheduled(client, owner, typed, ready):
    client.force_login(owner)
    day = datetime.now(UTC).date() + timedelta(days=3)
    local = typed | {
        "when": "later", "send_at": f"{day}T09:00", "timezone": "recipient", "when_past": "skip",
    }  # fmt: skip

    check = client.post(reverse("check"), local).content.decode()
    page = send_typed(client, local)

    campaign = Campaign.objects.get()
    assert "09:00 of each recipient's own time" in check
    assert "2 recipients have no known time zone and get it at 09:00 UTC." in check
    assert (campaign.timezone, campaign.when_past) == ("recipient", "skip")
    assert campaign.status == Campaign.Status.SCHEDULED
    assert campaign.due_at == datetime.combine(day, time(9), UTC) - timedelta(hours=14)
    assert "of each recipient" in page.content.decode()


def test_an_instant_with_an_offset_is_edited_on_the_clock_of_the_app(client, owner, app, typed):
    client.force_login(owner)
    App.objects.filter(pk=app.pk).update(timezone="Asia/Tokyo")
    day = datetime.now(UTC).date() + timedelta(days=3)
    client.post(reverse("compose"), typed)
    campaign = Campaign.objects.get()
    Campaign.objects.update(send_at=f"{day}T20:00+01:00", timezone="")

    page = client.get(reverse("edit", args=[campaign.pk])).content.decode()

    assert f'value="{day + timedelta(days=1)}T04:00"' in page


def test_a_transfer_that_waits_says_for_which_hour(client, owner, app, typed, ready):
    client.force_login(owner)
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    Device.objects.update(timezone="Etc/GMT+12")
    local = {"when": "later", "send_at": f"{noon:%Y-%m-%dT%H:%M}", "timezone": "recipient"}
    send_typed(client, typed | local)
    transfer = Transfer.objects.get()
    freeze_transfer(transfer, now=datetime.now(UTC))

    pages = [
        client.get(reverse(name, args=args)).content.decode()
        for name, args in [
            ("transfer", [transfer.pk]), ("campaign", [transfer.campaign_id]), ("home", []),
        ]
    ]  # fmt: skip

    midnight = noon + timedelta(hours=12)
    assert "Next: 2 in 1 time zone, who get it on" in pages[0]
    assert [f'<time datetime="{midnight.isoformat()}">' in page for page in pages] == [True] * 3


def test_sending_makes_a_transfer_and_shows_its_campaign(client, owner, typed, ready):
    client.force_login(owner)

    response = send_typed(client, typed)

    campaign = Campaign.objects.get()
    assert response.redirect_chain[-1][0] == reverse("campaign", args=[campaign.pk])
    assert campaign.status == Campaign.Status.SENDING
    assert Transfer.objects.get().campaign == campaign
    assert reverse("transfer", args=[Transfer.objects.get().pk]) in response.content.decode()


def test_what_cannot_be_sent_stays_a_draft_and_says_why(client, owner, typed):
    client.force_login(owner)
    client.post(reverse("compose"), typed | {"action": "send"})
    draft = Campaign.objects.get()

    response = press_send(client, draft.pk)

    assert response.status_code == 422
    assert Campaign.objects.get().status == Campaign.Status.DRAFT
    assert "Nobody is in this audience" in response.content.decode()


def test_the_panel_counts_the_audience_by_platform(client, owner, typed, ready, app):
    builders.make_device(app, "other", "ios")
    client.force_login(owner)

    page = client.post(reverse("check"), typed).content.decode()

    assert 'data-pa-total="3"' in page
    assert "Android" in page
    assert "No route serves ios" in page


def test_the_panel_tells_how_long_it_takes_and_what_is_left_of_the_day(client, owner, typed, ready):
    client.force_login(owner)
    App.objects.update(send_rate=1)

    quick = client.post(reverse("check"), typed).content.decode()
    Account.objects.update(limits={"requests_per_day": 1})
    short = client.post(reverse("check"), typed | {"rate": "1", "ramp_up": "60"}).content.decode()

    assert "2 calls and at least 0:00:01" in quick
    assert "It takes about 2 calls of Sandbox, and 1 of the day&#x27;s 1 are left" in short


def test_a_ramp_up_without_a_rate_says_what_is_missing(client, owner, typed):
    client.force_login(owner)

    page = client.post(reverse("compose"), typed | {"ramp_up": "10"}).content.decode()

    assert "Give a rate for it to grow to." in page
    assert not Campaign.objects.exists()


def test_a_composer_may_write_but_not_send(client, colleague, typed, ready):
    client.force_login(colleague)

    drafted = client.post(reverse("compose"), typed)
    refused = press_send(client, Campaign.objects.get().pk)

    assert drafted.status_code == 302
    assert refused.status_code == 403
    assert Campaign.objects.get().status == Campaign.Status.DRAFT


def test_the_panel_foretells_the_time_of_those_whom_it_is_sent_to(client, owner, typed, app, ready):
    builders.make_device(app, "dead", token_state=Device.TokenState.DISABLED)
    client.force_login(owner)

    check = client.post(reverse("check"), typed | {"rate": "1"}).context["check"]

    assert (check.total, check.forecast.recipients) == (3, 2)


def test_a_viewer_may_not_write(client, app, typed):
    viewer = builders.make_member("viewer", app.workspace, role=Membership.Role.VIEWER)
    client.force_login(viewer)

    assert client.post(reverse("compose"), typed).status_code == 403


def test_an_app_of_somebody_else_does_not_exist(client, stranger, typed):
    client.force_login(stranger)

    assert client.post(reverse("compose"), typed).status_code == 404
    assert client.post(reverse("check"), typed).status_code == 404


def test_pasted_ids_find_devices_and_the_unknown_ones_are_told(client, owner, typed, ready):
    client.force_login(owner)
    ids = {"audience_kind": "ids", "ids_kind": "token", "ids": "token-0, nobody\ntoken-1"}

    panel = client.post(reverse("check"), typed | ids).content.decode()
    client.post(reverse("compose"), typed | ids)

    assert "1 id is unknown and left out: nobody" in panel
    assert Campaign.objects.get().audience == {"devices": sorted(device.pk for device in ready)}


def test_ids_are_looked_up_in_the_app_only(app, workspace):
    other = builders.make_app(workspace, slug="second")
    device = builders.make_device(other, "theirs")

    assert find_devices([app], "token", ["theirs"]) == {}
    assert find_devices([other], "devices", [str(device.pk), "x"]) == {str(device.pk): [device.pk]}


def test_another_app_keeps_what_was_typed_and_marks_nothing(client, owner, typed, workspace):
    other = builders.make_app(workspace, slug="second")
    Segment.objects.create(app=other, name="Germans", expression={})
    client.force_login(owner)
    moved = {"target": f"app:{other.pk}", "action": "redraw", "android-priority": "99"}

    response = client.post(reverse("compose"), typed | moved)

    page = response.content.decode()
    assert response.status_code == 200
    assert "Germans" in page
    assert "Fresh looks have landed." in page
    assert not Campaign.objects.exists()


def test_a_running_campaign_is_paused_and_resumed_by_a_sender(client, owner, typed, ready):
    client.force_login(owner)
    send_typed(client, typed)
    campaign = Campaign.objects.get()

    client.post(reverse("change_campaign", args=[campaign.pk, "pause"]))
    campaign.refresh_from_db()

    assert campaign.status == Campaign.Status.PAUSED
    assert Transfer.objects.get().status == Transfer.Status.PAUSED


def test_polling_stops_when_a_transfer_has_ended(client, owner, typed, ready):
    client.force_login(owner)
    send_typed(client, typed)
    transfer = Transfer.objects.get()
    running = client.get(reverse("transfer_status", args=[transfer.pk]))

    client.post(reverse("change_transfer", args=[transfer.pk, "cancel"]))
    cancelled = client.get(reverse("transfer_status", args=[transfer.pk]))
    while pump("worker"):
        pass
    ended = client.get(reverse("transfer_status", args=[transfer.pk]))

    assert (running.status_code, cancelled.status_code, ended.status_code) == (200, 200, 286)
    assert "hx-get" in running.content.decode()
    assert "hx-get" not in ended.content.decode()


@pytest.mark.parametrize("name", ["campaign", "edit", "campaign_status"], ids=lambda name: name)
def test_a_campaign_of_somebody_else_is_not_there(client, owner, stranger, typed, name):
    client.force_login(owner)
    client.post(reverse("compose"), typed)
    pk = Campaign.objects.get().pk

    client.force_login(stranger)

    assert client.get(reverse(name, args=[pk])).status_code == 404


@pytest.mark.parametrize("name", ["transfer", "transfer_status", "recipients", "recipients_csv"])
def test_a_transfer_of_somebody_else_is_not_there(client, owner, stranger, typed, ready, name):
    client.force_login(owner)
    send_typed(client, typed)
    pk = Transfer.objects.get().pk

    assert client.get(reverse(name, args=[pk])).status_code == 200
    client.force_login(stranger)
    assert client.get(reverse(name, args=[pk])).status_code == 404


def test_a_viewer_cannot_take_a_draft_into_an_app_of_his_own(client, app, owner, typed):
    client.force_login(owner)
    client.post(reverse("compose"), typed | {"name": "Untouched"})
    draft = Campaign.objects.get()
    other = builders.make_app(app.workspace, slug="other-shop")
    viewer = builders.make_member(
        "viewer", app.workspace, app=app, role=Membership.Role.VIEWER
    )  # fmt: skip
    Membership.objects.create(
        user=viewer, workspace=app.workspace, app=other, role=Membership.Role.SENDER
    )
    client.force_login(viewer)

    response = client.post(
        reverse("edit", args=[draft.pk]), typed | {"target": f"app:{other.pk}", "name": "Taken"}
    )

    draft.refresh_from_db()
    assert response.status_code == 403
    assert (draft.app, draft.name) == (app, "Untouched")


@pytest.mark.parametrize(
    "hostile",
    [
        {"body": "a\0b"},
        {"android-data": "a\0b"},
        {"audience_kind": "expression", "expression": "[" * 100_000},
    ],
)
def test_what_no_database_can_hold_is_refused_at_its_field(client, owner, typed, hostile):
    client.force_login(owner)

    response = client.post(reverse("compose"), typed | hostile)

    assert response.status_code == 422
    assert not Campaign.objects.exists()


def test_a_message_with_variables_keeps_them_and_shows_what_recipients_read(
    client, owner, app, typed
):
    client.force_login(owner)
    ann = builders.make_person(app.workspace, "ann")
    builders.make_device(app, "one", person=ann)
    builders.make_device(app, "two")
    personal = typed | {
        "template": "liquid", "body": "Hello {{ person.external_user_id }}",
        "android-deeplink": "shop://for/{{ person.external_user_id }}",
    }  # fmt: skip

    check = client.post(reverse("check"), personal)
    broken = client.post(reverse("check"), personal | {"title": "{{ person.nam"})
    client.post(reverse("compose"), personal)
    draft = Campaign.objects.get()
    opened = client.get(reverse("edit", args=[draft.pk]))

    assert [sample["said"]["body"] for sample in check.context["samples"]] == [
        "Hello ann", "Gets nothing: person.external_user_id is empty.",
    ]  # fmt: skip
    worst = [sample["label"].partition(" · ")[0] for sample in check.context["samples"]]
    assert worst == ["Longest values", "Missing values"]
    assert "empty for 1 of 2" in check.content.decode()
    assert "they are skipped" in check.content.decode()
    assert 'href="#id_title" data-pa-goto' in broken.content.decode()
    assert check.context["variable_faults"] == []
    assert broken.context["variable_faults"]
    assert draft.message.content["template"] == "liquid"
    assert draft.message.content["android"]["deeplink"] == personal["android-deeplink"]
    assert opened.context["composition"].message["template"].value() == "liquid"
