"""The review page: what it shows, what it asks for, and the time in which a launch is undone."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from campaigns.dispatch import plan
from campaigns.models import App, AuditEntry, Campaign, Device, Membership, Person, Transfer
from campaigns.pages.number_words import say_number
from campaigns.selectors.headcount import take_headcount
from campaigns.services.suppressions import Entry, Place, Terms, add_suppressions
from tests import builders
from tests.pages.sending import press_send
from tests.pages.test_pages import make_campaign
from tests.pages.test_segments import remember_sample

Status = Campaign.Status


@pytest.fixture
def draft(app):
    """A draft to the three phones of an app that has a route."""
    builders.make_route(app, "android")
    for number in range(3):
        builders.make_device(app, f"token-{number}", language="de" if number else "en")
    return make_campaign(app, audience={"all": True})


@pytest.fixture
def sender(client, app):
    client.force_login(
        builders.make_member("sue", app.workspace, app=app, role=Membership.Role.SENDER)
    )
    return client


def look(client, campaign):
    """What the page shows once it has counted."""
    return client.get(reverse("review_checks", args=[campaign.pk]))


def send(client, campaign, **changes):
    return press_send(client, campaign.pk, **changes)


def test_it_shows_the_message_at_once_and_then_who_gets_it(sender, draft):
    draft.message.content |= {
        "link": "shop://autumn",
        "image": "https://shop.example/autumn.png",
        "buttons": [{"title": "Show me", "link": "shop://sale"}],
        "android": {"buttons": [{"title": "Only here", "id": "x"}], "vibration": [0, 500]},
        "in_app": {"open_title": "Go there"},
        "translations": {
            "de": {
                "title": "Hallo",
                "body": "Da",
                "buttons": ["Zeig her"],
                "ios": {"body": "Nur da", "subtitle": "Nur heute"},
                "in_app": {"open_title": "Hin"},
            }
        },
    }
    draft.message.save()

    page = sender.get(reverse("campaign_review", args=[draft.pk])).content.decode()
    checks = look(sender, draft)

    assert "There" in page
    for words in ("Show me", "shop://sale", "Only here x", "0 · 500", "Zeig her", "Nur da"):
        assert words in page
    for name, value in (("Link", "shop://autumn"), ("Image", "https://shop.example/autumn.png")):
        assert f'<span class="pa-muted">{name}</span> <span class="pa-words">{value}</span>' in page
    assert '<span class="pa-muted">Subtitle (iOS)</span> Nur heute' in page
    assert '<span class="pa-muted">Button to open (In the app)</span> Hin' in page
    assert "<summary>In the app</summary>" in page
    assert '<details class="pa-detail" open><summary>In German</summary>' in page
    assert reverse("review_checks", args=[draft.pk]) in page
    review = checks.context["review"]
    assert (review.total, review.platforms) == (3, {"android": 3})
    assert review.languages == {"de": 2, "en": 1}
    assert review.forecast.calls >= 1
    passed = [check.key for check, _problems in checks.context["passed"]]
    assert {"audience", "size", "quota", "schedule"} <= set(passed)
    assert "3 checks" not in checks.content.decode()


def test_it_counts_the_readers_of_each_text_beside_those_of_each_language(sender, draft):
    draft.message.content |= {"translations": {"fr": {"title": "Salut", "body": "Ici"}}}
    draft.message.content |= {"fallbacks": ["fr"]}
    draft.message.save()

    checks = look(sender, draft)

    found = {check.key for check, _problems in checks.context["found"]}
    page = checks.content.decode()
    texts = page.partition("data-pa-texts")[2]
    assert "languages" in found
    assert "2 recipients in Shop have no text in their language (German)" in page
    assert re.findall(r'aria-label="(.*?)".*?pa-number">(\d)', texts)[:2] == [
        ("French", "2"),
        ("English (common)", "1"),
    ]


def test_it_shows_whom_it_means_how_fast_and_until_when(sender, draft):
    plan = {"rate": 1200, "ramp_up": 90, "expires_in": 7200, "only_primary": True}
    Campaign.objects.filter(pk=draft.pk).update(policy="at_most_once", strict=True, **plan)

    page = sender.get(reverse("campaign_review", args=[draft.pk])).content.decode()

    card = page.partition('id="pa-plan-title"')[2].partition("</section>")[0]
    rows = dict(re.findall(r'<dt class="pa-muted">(.*?)</dt><dd class="pa-end">(.*?)</dd>', card))
    assert rows == {
        "Starts": "as soon as it is sent",
        "Audience": "Everyone; primary devices only",
        "At most per second": "1,200",
        "Reach it after": "0:01:30",
        "Expires after": "2:00:00",
        "When a vendor does not answer": "Do not try again: nobody gets it twice",
        "A route that loses something": "refused",
    }


def test_it_says_what_each_route_loses_the_worst_first(sender, draft):
    draft.message.content |= {"in_app": {"style": "banner", "only": True}}
    draft.message.save()

    page = look(sender, draft).content.decode()

    card = page.partition('id="pa-loss-title"')[2].partition("</section>")[0]
    lines = re.findall(r'pa-chip[^>]*>(\w[\w ]*)</span><span class="pa-strong">(.*?)</span>', card)
    assert lines == [("Lost", "Only in the app"), ("Done by us", "Shown as")]
    assert "Android</span> → Sandbox" in card
    assert "Every field that is filled in arrives as it is" not in card


def test_who_gets_nothing_is_counted_beside_who_gets_it(sender, draft):
    out = Person.objects.create(workspace=draft.workspace, opted_out_at=draft.created_at)
    Device.objects.filter(token="token-0").update(token_state="disabled")
    Device.objects.filter(token="token-1").update(person=out)

    page = look(sender, draft).content.decode()

    assert "1 of them has no token that works." in page
    assert "1 belongs to somebody who opted out." in page


def test_a_text_with_variables_is_shown_as_people_read_it(sender, draft):
    anna = Person.objects.create(
        workspace=draft.workspace, external_user_id="anna", attributes={"name": "Anna"}
    )
    others = [
        Person.objects.create(workspace=draft.workspace, external_user_id=name, attributes={})
        for name in ("bo", "cy")
    ]
    others[1].attributes = {"name": "Konstantin"}
    others[1].save()
    Device.objects.filter(language="en").update(person=anna)
    for device, person in zip(Device.objects.filter(language="de"), others, strict=True):
        Device.objects.filter(pk=device.pk).update(person=person)
    Device.objects.filter(language="en").update(platform="ios")
    subtitle = "For {{ person.custom.name | default: 'you' }}"
    draft.message.content |= {"template": "liquid", "body": "Hi {{ person.custom.name }}!",
                              "ios": {"subtitle": subtitle}}  # fmt: skip
    draft.message.save()

    page = sender.get(reverse("campaign_review", args=[draft.pk])).content.decode()
    checks = look(sender, draft).content.decode()

    read, _fold, written = page.partition("As it was written, with its variables")
    assert "As anna · English reads it" in read
    assert "Hi Anna!" in read
    assert "For Anna" in read
    worst = checks.partition('id="pa-worst"')[2]
    assert "As Missing values · bo · German reads it" in worst
    assert "As Longest values · cy · German reads it" in worst
    assert "Hi Konstantin!" in worst
    assert "{{ person" not in read
    assert "{{ person.custom.name }}" in written
    assert "<span>German</span>" in checks


def test_a_reading_in_another_language_says_why_it_is_that_one(sender, draft):
    draft.message.content = {
        "template": "liquid", "title": "Hi", "body": "Hi {{ person.custom.name | default: 'you' }}",
        "translations": {"de": {"title": "Hallo", "body": "Hallo"}}, "fallbacks": ["de"],
    }  # fmt: skip
    draft.message.save()
    Device.objects.update(language="fr")

    page = sender.get(reverse("campaign_review", args=[draft.pk])).content.decode()

    why = re.findall(r"(\w+) reads it · <span data-pa-why>(.*?)</span>", page)
    assert set(why) == {("French", "German stands in for French.")}


def test_what_is_found_is_told_with_a_link_to_its_fix(sender, draft):
    draft.app.routes.all().delete()

    page = look(sender, draft)

    found = {check.key: check.verdict for check, _problems in page.context["found"]}
    assert found["routes"] == "blocking"
    assert reverse("edit", args=[draft.pk]) in page.content.decode()
    assert 'type="submit"' not in page.content.decode()


def test_what_is_sent_at_once_waits_and_is_undone(sender, draft):
    send(sender, draft)

    draft.refresh_from_db()
    page = sender.get(reverse("campaign", args=[draft.pk])).content.decode()
    assert (draft.status, draft.is_cooling) == (Status.SCHEDULED, True)
    assert 'role="timer"' in page
    assert not Transfer.objects.exists()

    sender.post(reverse("change_campaign", args=[draft.pk, "unschedule"]))

    draft.refresh_from_db()
    assert (draft.status, draft.due_at, draft.cools_until) == (Status.DRAFT, None, None)


def test_it_starts_by_itself_once_the_time_is_over(sender, draft):
    send(sender, draft)
    draft.refresh_from_db()

    early = plan.start_due(draft.due_at - timedelta(seconds=1))
    late = plan.start_due(draft.due_at)

    draft.refresh_from_db()
    assert (early, late, draft.status) == (0, 1, Status.SENDING)
    assert not draft.is_cooling


def test_who_does_not_want_to_wait_starts_it_now(sender, draft):
    send(sender, draft)
    address = reverse("change_campaign", args=[draft.pk, "start"])

    first = sender.post(address, follow=True).content.decode()
    second = sender.post(address, follow=True).content.decode()

    draft.refresh_from_db()
    assert (draft.status, Transfer.objects.count()) == (Status.SENDING, 1)
    assert (draft.due_at, draft.cools_until) == (None, None)
    assert "Sending has begun" in first
    assert "Only what was sent at once" in second
    verbs = AuditEntry.objects.order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["launch_campaign", "start_campaign"]


def test_an_app_without_a_cooling_time_sends_at_once(sender, draft):
    App.objects.update(cooling_seconds=0)

    send(sender, draft)

    draft.refresh_from_db()
    assert draft.status == Status.SENDING


def test_a_moved_start_is_not_waited_for_any_more(sender, draft):
    send(sender, draft)
    draft.refresh_from_db()
    moved = {"send_at": f"{draft.due_at + timedelta(days=1):%Y-%m-%dT%H:%M}", "timezone": "UTC"}

    sender.post(reverse("reschedule", args=[draft.pk]), moved)

    draft.refresh_from_db()
    assert (draft.status, draft.is_cooling) == (Status.SCHEDULED, False)


def test_the_second_of_two_browsers_is_told(sender, draft):
    form = look(sender, draft).context["form"].initial
    address = reverse("campaign_review", args=[draft.pk])
    values = {"version": form["version"], "seen": form["seen"]}

    answers = [sender.post(address, values) for _time in range(2)]

    draft.refresh_from_db()
    assert [answer.status_code for answer in answers] == [302, 302]
    assert (draft.status, draft.events.count()) == (Status.SCHEDULED, 1)


@pytest.mark.parametrize(
    ("size", "typed", "status"),
    [(2, "", 422), (2, "shop", 422), (2, "Shop", 200), (2, " Shop ", 200), (0, "", 422),
     (3, "", 200), (None, "", 200)],
)  # fmt: skip
def test_above_its_size_the_name_of_the_app_is_typed(sender, draft, size, typed, status):
    App.objects.update(guard_size=size)

    answer = send(sender, draft, typed=typed)

    draft.refresh_from_db()
    assert answer.status_code == status
    assert (draft.status == Status.SCHEDULED) == (status == 200)
    if status == 422:
        assert "three" in answer.content.decode()
        assert "Type Shop, exactly as it is written" in answer.content.decode()


def test_what_nothing_serves_is_not_sent_to_and_who_is_suppressed_may_be(sender, draft):
    App.objects.update(guard_size=2)
    builders.make_device(draft.app, "browser", "web")
    before = look(sender, draft).content.decode()
    entry, terms = Entry("token", "of-somebody"), Terms(reason="legal")
    add_suppressions(Place(draft.workspace), [entry], terms, actor="owner", now=draft.created_at)
    after = look(sender, draft).content.decode()

    assert "It is sent to <strong>3</strong> devices" in before
    assert "This goes to <strong>3</strong> devices" in before
    assert "It is sent to at most <strong>3</strong> devices" in after
    assert "This may go to as many as <strong>3</strong> devices" in after


def test_only_whom_it_is_sent_to_counts_for_the_guard(sender, draft):
    App.objects.update(guard_size=1)
    out = Person.objects.create(workspace=draft.workspace, opted_out_at=draft.created_at)
    Device.objects.filter(token="token-0").update(token_state="disabled")

    before = look(sender, draft).content.decode()
    refused = send(sender, draft)
    Device.objects.filter(token__in=("token-0", "token-1")).update(person=out)
    after = look(sender, draft).content.decode()
    sent = send(sender, draft)

    assert ('data-pa-sent-to="2"' in before, 'data-pa-guard="2"' in before) == (True, True)
    assert ('data-pa-sent-to="1"' in after, "data-pa-guard" in after) == (True, False)
    draft.refresh_from_db()
    assert (refused.status_code, sent.status_code, draft.status) == (422, 200, Status.SCHEDULED)


def test_what_was_changed_since_it_was_looked_at_is_not_sent(sender, draft):
    form = look(sender, draft).context["form"].initial
    Campaign.objects.update(tag="other")

    answer = send(sender, draft, version=form["version"])

    draft.refresh_from_db()
    assert (answer.status_code, draft.status) == (422, Status.DRAFT)
    assert "has been changed since you opened this page" in answer.content.decode()
    assert answer.context["form"].initial["version"] != form["version"]


def test_an_estimate_that_is_off_by_its_margin_has_not_grown(sender, draft, monkeypatch):
    remember_sample(draft.app, Device.objects.all()[:2])
    monkeypatch.setitem(take_headcount.__kwdefaults__, "seconds", 0)

    send(sender, draft, seen="2")

    draft.refresh_from_db()
    assert draft.status == Status.SCHEDULED


@pytest.mark.parametrize("seen", ["2", "", "many"])
def test_an_audience_that_has_grown_is_looked_at_anew(sender, draft, seen):
    answer = send(sender, draft, seen=seen)

    draft.refresh_from_db()
    assert (answer.status_code, draft.status) == (422, Status.DRAFT)
    assert "The audience has grown" in answer.content.decode()


def test_what_is_launched_has_no_review_any_more(sender, draft):
    send(sender, draft)

    page = sender.get(reverse("campaign_review", args=[draft.pk]))

    assert page["Location"] == reverse("campaign", args=[draft.pk])


def test_a_composer_looks_at_it_and_cannot_send(client, colleague, draft):
    client.force_login(colleague)

    page = look(client, draft).content.decode()
    answer = send(client, draft)

    draft.refresh_from_db()
    assert "Whoever has the role Sender" in page
    assert (answer.status_code, draft.status) == (403, Status.DRAFT)


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "no"), (7, "seven"), (20, "twenty"), (99, "ninety-nine"), (100, "one hundred"),
     (5021, "five thousand twenty-one"), (1_000_000, "one million"),
     (2_340_019_000, "two billion three hundred forty million nineteen thousand")],
)  # fmt: skip
def test_a_count_is_said_in_words(count, words):
    assert say_number(count) == words
