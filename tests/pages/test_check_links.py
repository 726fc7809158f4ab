"""Every check of the pre-flight list leads to where it is mended: a page that opens for whoever may
write the campaign, and the field on it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.dispatch.plan import start_campaign
from campaigns.models import (
    Account,
    App,
    Campaign,
    Device,
    Group,
    Person,
    Route,
    Scenario,
    Throttle,
    Transfer,
)
from campaigns.models.audience import pack_version
from campaigns.pages.field_ids import find_field_id
from campaigns.services import campaigns
from campaigns.services.checks import KINDS
from campaigns.services.scenarios import ScenarioValues, create_scenario
from providers import registry
from providers.contract import Channel
from providers.message import PushMessage
from providers.message_channels import OTHER_BLOCKS
from providers.message_faults import TOP_FIELDS
from providers.message_fields import SHARED_FIELDS
from providers.message_platforms import BLOCK_FIELDS
from providers.pacing import find_day
from tests import builders

GROUP_KEY = {"group_key": "k"}
HELLO = {"title": "Hi", "body": "There"}
LIQUID = {"template": "liquid", "title": "Hi"}
PLATFORM = {"field": "device.platform", "op": "eq", "value": "android"}


# Those that are in no table: of translations, defaults, and what is told of a whole block.
ODD_PATHS = [
    "translations", "defaults.person.email", "translations.de.title", "translations.de.body",
    "translations.de.buttons", "translations.de.ios.title", "translations.de.android.body",
    "translations.fr.body", "ios",
]  # fmt: skip


@dataclass
class Stage:
    """An app with three phones, and a campaign to them once it is made."""

    app: App
    owner: Any
    now: datetime

    def make(self, **body: Any) -> Campaign:
        whole = {"name": "One", "app": self.app.slug, "audience": {"all": True}, "message": HELLO}
        made = campaigns.create_campaign(self.owner, whole | body, actor="ann", now=self.now)
        return Campaign.objects.get(pk=made.pk)

    def send(self, campaign: Campaign) -> Campaign:
        start_campaign(campaign, actor="ann", now=self.now)
        return campaign

    def say(self, **message: Any) -> Campaign:
        return self.make(message=HELLO | message)

    def climb(self, *steps: dict[str, Any], **body: Any) -> Campaign:
        values = ScenarioValues("Ladder", list(steps))
        key = create_scenario(self.app.workspace, values, actor="ann", now=self.now).key
        return self.make(message=HELLO | {"sms": {"body": "Hi"}}, scenario=key, **body)


@pytest.fixture
def stage(app, owner):
    for platform in ("android", "ios"):
        builders.make_route(app, platform)
    for number in range(3):
        builders.make_device(app, f"token-{number}", language="en", timezone="UTC")
    return Stage(app, owner, timezone.now())


def send_already(stage):
    return stage.send(stage.make())


def await_approval(stage):
    App.objects.update(needs_approval=True)
    return stage.make()


def schedule_without_route(stage):
    Route.objects.all().delete()
    Campaign.objects.filter(pk=stage.make().pk).update(status="scheduled")
    return Campaign.objects.get()


def opt_out(stage):
    person = Person.objects.create(workspace=stage.app.workspace, opted_out_at=stage.now)
    Device.objects.filter(token="token-1").update(person=person)
    return stage.make()


def lose_token(stage, *numbers):
    Device.objects.filter(token__in=[f"token-{one}" for one in numbers]).update(
        token_state="disabled"
    )
    return stage.make()


def grow(stage):
    stage.send(stage.make()).transfers.get().parts.update(audience=10)
    for number in range(120):
        builders.make_device(stage.app, f"more-{number}")
    return stage.make()


def follow_other(stage):
    stage.send(stage.make(name="Other"))
    return stage.make()


def speak_french(stage):
    Device.objects.filter(token="token-1").update(language="fr")
    return stage.say(translations={"de": {"body": "Da"}})


def bring_phone(stage):
    builders.make_device(stage.app, "phone", "ios", language="en")
    return stage.make(message={"body": "There"})


def pick(suits):
    """The key of a vendor, whichever is the first that suits."""
    return next(dialect.key for dialect in registry.all_dialects() if suits(dialect))


def wants_title(dialect):
    find = dialect.find_message_faults
    return find is not None and "title" in find(PushMessage(body="There"))


def asks_for_key(dialect):
    """Names a call for everybody that needs a key of its own."""
    return dialect.find_addressing(GROUP_KEY) is not None


def route_elsewhere(stage, suits, **message):
    Route.objects.all().delete()
    builders.make_route(stage.app, "android", dialect=pick(suits))
    return stage.make(message={"body": "There"} | message)


def unroute(stage):
    Route.objects.all().delete()
    return stage.make()


def be_refused(stage):
    Account.objects.update(health="bad", health_words="Wrong key.")
    return stage.make()


def tell_labels(stage):
    campaign = route_elsewhere(stage, asks_for_key, title="Hi")
    Account.objects.filter(routes__app=stage.app).update(options=GROUP_KEY)
    Campaign.objects.filter(pk=campaign.pk).update(audience={"expression": PLATFORM})
    return Campaign.objects.get(pk=campaign.pk)


def keep_old_sdk(stage):
    campaign = route_elsewhere(
        stage, lambda dialect: dialect.sdk_floors, title="Hi", in_app={"style": "banner"}
    )
    old = {"sdk_version": "1.0.0", "sdk_version_number": pack_version("1.0.0")}
    Device.objects.update(**old)
    return campaign


def let_pass(stage):
    campaign = stage.make(send_at=f"{stage.now + timedelta(days=1):%Y-%m-%dT%H:%M}", timezone="UTC")
    past = stage.now - timedelta(days=1)
    when = {"send_at": f"{past:%Y-%m-%dT%H:%M}", "due_at": past}
    Campaign.objects.filter(pk=campaign.pk).update(**when)
    return Campaign.objects.get(pk=campaign.pk)


def find_spring(now):
    """The next 26th to 31st of March on which clocks go forward in Europe."""
    days = (datetime(year, 3, 31, 2, 30) for year in (now.year, now.year + 1))
    sundays = (day - timedelta(days=(day.weekday() + 1) % 7) for day in days)
    return next(day for day in sundays if day.date() > now.date() + timedelta(days=1))


def meet_spring(stage):
    return stage.make(send_at=f"{find_spring(stage.now):%Y-%m-%dT%H:%M}", timezone="Europe/Berlin")


def lose_zone(stage):
    Device.objects.filter(token="token-1").update(timezone="")
    day = stage.now + timedelta(days=5)
    return stage.make(send_at=f"{day:%Y-%m-%dT09:00}", timezone="recipient")


def use_up_day(stage):
    Account.objects.update(limits={"requests_per_day": 10})
    day = find_day(stage.now, "UTC")
    Throttle.objects.create(account=Account.objects.get(), app_id=0, day=day, day_used=9)
    return stage.make(rate=1)


def fill_queue(stage):
    now, group = stage.now, Group.objects.get(app=stage.app)
    Transfer.objects.bulk_create(
        Transfer(app=stage.app, group=group, due_at=now, created_at=now, status_since=now)
        for _number in range(50)
    )
    return stage.make()


def archive_group(stage):
    campaign = stage.make()
    Group.objects.update(archived_at=stage.now)
    return Campaign.objects.get(pk=campaign.pk)


def archive_scenario(stage):
    campaign = stage.climb({"channel": "push", "wait": 60}, {"channel": "sms"})
    Scenario.objects.update(archived_at=stage.now)
    return Campaign.objects.get(pk=campaign.pk)


# What makes each check speak; several where what it says leads to several places.
SCENES = {
    "status": [send_already],
    "approval": [await_approval],
    "audience": [
        lambda stage: stage.make(audience={"devices": [10**9]}),
        lambda stage: lose_token(stage, 0, 1, 2),
        lambda stage: stage.climb({"channel": "push", "wait": 60}, {"channel": "sms"}),
    ],
    "tokens": [lambda stage: lose_token(stage, 1)],
    "left_out": [opt_out],
    "unusual": [grow],
    "overlap": [follow_other],
    "text": [
        lambda stage: stage.make(message={"title": "Hi"}),
        lambda stage: stage.make(message={"ios": {"title": "Hi", "body": "There"}}),
    ],
    "variables": [
        lambda stage: stage.make(message=LIQUID | {"body": "{{ person.email }}"}),
        lambda stage: stage.make(
            message=LIQUID
            | {"body": "{{ person.email }}", "defaults": {"person.email": "you"},
               "translations": {"de": {"title": "{{ device.model }}"}}}
        ),
        lambda stage: stage.say(title="{{ person.email }}"),
    ],
    "languages": [speak_french],
    "links": [
        lambda stage: stage.say(android={"image": "http://shop.acme.com/a.png"}),
        lambda stage: stage.say(buttons=[{"title": "Go", "link": "http://shop.acme.com/"}]),
    ],
    "title": [bring_phone],
    "size": [
        lambda stage: stage.say(body="x" * 4000, title="x" * 200),
        lambda stage: stage.say(
            translations={"de": {"body": "Da"}, "fr": {"title": "x" * 200, "body": "x" * 4000}}
        ),
    ],
    "vendor": [lambda stage: route_elsewhere(stage, wants_title)],
    "routes": [unroute, schedule_without_route],
    "accounts": [be_refused],
    "addressing": [tell_labels],
    "losses": [
        lambda stage: stage.say(extras={"nobody": {"a": 1}}),
        lambda stage: stage.make(
            message=HELLO | {"extras": {"nobody": {"a": 1}}}, strict=True
        ),
    ],
    "sdk": [keep_old_sdk],
    "schedule": [let_pass],
    "clocks": [meet_spring],
    "zones": [lose_zone],
    "expiry": [
        lambda stage: stage.make(rate=1, expires_in=1),
        lambda stage: stage.climb(
            {"channel": "push", "wait": 60}, {"channel": "sms"}, expires_in=60
        ),
    ],
    "quota": [use_up_day],
    "queue": [fill_queue],
    "folder": [archive_group, archive_scenario],
}  # fmt: skip


def read_links(html):
    """Addresses with the words of the links."""
    found = re.findall(r'<a\b[^>]*\bhref="([^"]*)"[^>]*>(.*?)</a>', html, re.DOTALL)
    return [unescape(address) for address, _words in found]


def read_check(html, key):
    """What stands on the page of one check."""
    return html.partition(f'data-pa-check="{key}"')[2].partition("</li>")[0]


def is_drawn(html, fragment):
    """Whether the page has it, or draws it once somebody wants to see that language."""
    if f'id="{fragment}"' in html:
        return True
    later = re.fullmatch(r"id_translations-(\d+)-(.+)", fragment)
    if later is None or f'id="pa-text-{later[1]}"' not in html:
        return False
    return f'id="id_translations-__prefix__-{later[2]}"' in html


def find_dead(client, links, here):
    """Those that lead nowhere; `here` is the page on which they stand."""
    return [link for link in links if not _leads(client, link, here)]


def _leads(client, link, here):
    address, _hash, fragment = link.partition("#")
    answer = client.get(address) if address else None
    if answer is not None and answer.status_code != 200:
        return False
    page = here if answer is None else answer.content.decode()
    return not fragment or is_drawn(page, fragment)


def list_paths():
    yield from (spec.name for spec in (*TOP_FIELDS, *SHARED_FIELDS))
    blocks = {platform.value: specs for platform, specs in BLOCK_FIELDS.items()} | OTHER_BLOCKS
    for name, specs in blocks.items():
        yield from (f"{name}.{spec.name}" for spec in specs)


def test_every_check_has_a_scene():
    assert SCENES.keys() == {kind.key for kind in KINDS}


@pytest.mark.parametrize(
    ("key", "number"), [(key, number) for key in SCENES for number in range(len(SCENES[key]))]
)
def test_what_a_check_says_leads_to_where_it_is_mended(client, stage, key, number):
    campaign = SCENES[key][number](stage)
    sender = builders.make_member("sue", stage.app.workspace, app=stage.app, role="sender")

    for operator in (stage.owner, sender):
        client.force_login(operator)
        page = client.get(reverse("review_checks", args=[campaign.pk])).content.decode()
        links = read_links(read_check(page, key))

        assert links, "the check says nothing or leads nowhere"
        assert find_dead(client, links, page) == []


def test_whose_tokens_work_no_more_are_those_that_are_listed(client, stage):
    campaign = lose_token(stage, 1)
    Device.objects.filter(token="token-2").update(token_state="missing")
    client.force_login(stage.owner)

    page = client.get(reverse("review_checks", args=[campaign.pk])).content.decode()
    [link] = [one for one in read_links(read_check(page, "tokens")) if "device" in one]
    listed = client.get(link).context["cl"].result_list

    assert {device.token for device in listed} == {"token-1", "token-2"}


def test_what_stands_in_the_panel_beside_the_form_leads_to_its_fields(client, stage):
    """Every field of a message that a check may name."""
    for way in ("sms", "email"):
        key = pick(lambda dialect, way=way: Channel(way) in dialect.channels)
        builders.make_route(stage.app, way, dialect=key)
    campaign = stage.say(
        translations={"de": {"body": "Da"}},
        **{name: {"body": "x"} for name in ("android", "sms", "email")},
        in_app={"style": "banner"},
    )
    client.force_login(stage.owner)

    page = client.get(reverse("edit", args=[campaign.pk])).content.decode()

    paths = [*list_paths(), *ODD_PATHS]
    dead = [path for path in paths if not is_drawn(page, find_field_id(f"message.{path}", ["de"]))]
    assert dead == []
    assert find_field_id("message.extras.nobody.a") == ""
