"""No page outgrows 300 kB of HTML however much there is, and what is left out is told on it."""

from __future__ import annotations

import html
import re

import pytest
from django.urls import reverse

from campaigns.models import (
    ApiKey,
    App,
    AuditEntry,
    Campaign,
    Device,
    Group,
    Label,
    LabelMember,
    Segment,
    TestGroup,
)
from campaigns.models.ledger import SETTLED_KEYS
from campaigns.pages.imports import ChoiceForm
from providers.receipts import ReceiptKind
from tests import builders
from tests.pages.left_languages import list_left
from tests.pages.read_form import read_form
from tests.pages.test_every_page import MOST_HTML
from tests.pages.test_report_links import NOON, make_part, make_transfer, receive, settle

pytestmark = pytest.mark.django_db
LONG = "a name that is as long as somebody from a large company makes it"  # 64 letters


@pytest.fixture
def admin(client, owner):
    client.force_login(owner)
    return client


def fill_choices(app, labels=2_000, segments=3_000, groups=1_500):
    expression = {"field": "device.country", "op": "eq", "value": "DE"}
    Label.objects.bulk_create(Label(app=app, name=f"{n:04} {LONG}") for n in range(labels))
    Segment.objects.bulk_create(
        Segment(app=app, name=f"{n:04} {LONG}", expression=expression) for n in range(segments)
    )
    Group.objects.bulk_create(Group(app=app, name=f"{n:04} {LONG}") for n in range(groups))


def look(client, name, *args, query=""):
    """The page's text, once it is known to be small."""
    answer = client.get(reverse(name, args=args) + query)
    assert answer.status_code == 200
    assert len(answer.content) < MOST_HTML, f"{name}: {len(answer.content):,} bytes"
    return answer.content.decode()


def test_compose_stays_small_and_says_what_it_does_not_list(admin, app):
    fill_choices(app)

    page = look(admin, "compose")

    assert "Listed: 50 of 2,000 labels, 50 of 3,000 segments; and what is chosen." in page
    assert "type its name, 1,501 are known" in page


def test_a_search_lists_what_fits_and_what_is_chosen(admin, app):
    fill_choices(app)
    typed = {
        "target": f"app:{app.pk}", "audience_kind": "combine", "action": "redraw",
        "choice_search": "1999", "include": ["label:0007 " + LONG], "labels": ["1234 " + LONG],
        "group": "0777",
    }  # fmt: skip

    answer = admin.post(reverse("compose"), typed)

    form, plan = (getattr(answer.context["composition"], name) for name in ("audience", "plan"))
    found = [f"label:1999 {LONG}"]
    segment = f"segment:{Segment.objects.get(name__startswith='1999').pk}"
    assert [key for key, _ in form.fields["include"].choices] == [
        "all", segment, f"label:0007 {LONG}", *found,
    ]  # fmt: skip
    assert [key for key, _ in form.fields["exclude"].choices] == [segment, *found]
    assert [key for key, _ in form.fields["labels"].choices] == [
        f"{n} {LONG}" for n in (1234, 1999)
    ]
    assert "Found and listed: 1 label, 1 segment; and what is chosen." in answer.content.decode()
    assert plan.suggested_groups == (f"0777 {LONG}",)


def test_what_is_not_listed_is_taken_all_the_same(admin, app):
    fill_choices(app)
    chosen = [f"segment:{Segment.objects.get(name__startswith='2900').pk}", f"label:1900 {LONG}"]
    typed = {
        "target": f"app:{app.pk}", "audience_kind": "combine", "title": "Sale", "body": "Now.",
        "include": chosen, "group": f"1400 {LONG}", "when": "now", "timezone": "UTC",
        "expires_unit": "3600", "policy": "at_least_once", "action": "draft",
    }  # fmt: skip

    saved = admin.post(reverse("compose"), typed)
    wrong = admin.post(reverse("compose"), typed | {"group": "no such"})
    gone = admin.post(reverse("compose"), typed | {"include": ["label:none"]})

    campaign = Campaign.objects.get()
    page = look(admin, "edit", campaign.pk)
    assert saved.status_code == 302
    assert campaign.group.name == f"1400 {LONG}"
    assert all(f'value="{key}"' in page for key in chosen)
    assert (wrong.status_code, gone.status_code) == (422, 422)
    assert "There is no open group “no such”." in wrong.content.decode()
    assert "none (not there)" in gone.content.decode()


def test_every_key_can_be_reached_and_a_list_names_a_few_of_its_apps(admin, app):
    rest = [App(workspace=app.workspace, name=f"{n:02} {LONG}", slug=f"a{n}") for n in range(60)]
    apps = App.objects.bulk_create(rest)
    made = [make_key(app.workspace, n) for n in range(120)]
    keys = ApiKey.objects.bulk_create(made)
    through = ApiKey.apps.through
    through.objects.bulk_create(through(apikey=key, app=one) for key in keys for one in apps)

    page = look(admin, "keys")
    last = look(admin, "keys", query=f"?before={keys[20].pk}")
    whole = look(admin, "keys", query=f"?key={keys[0].pk}")

    assert f"?before={keys[70].pk}" in page
    assert page.count("and 52 more") == 50
    assert reverse("revoke_key", args=[keys[0].pk]) in last
    assert f"59 {LONG}" in whole.partition("New key")[0]
    assert "and 52 more" not in whole


def make_key(workspace, number):
    public = f"{number:024}"
    return ApiKey(
        workspace=workspace, name=f"{number} {LONG}", public_id=public, secret_hash=public
    )


def test_every_test_group_can_be_reached(admin, app):
    TestGroup.objects.bulk_create(
        TestGroup(app=app, name=f"{n:03} {LONG}", created_at=builders.NOW) for n in range(260)
    )

    first, last = look(admin, "test_groups"), look(admin, "test_groups", query="?page=6")
    found = look(admin, "test_groups", query="?search=259")

    assert "?page=2" in first
    assert f"259 {LONG}" in last
    assert f"259 {LONG}" in found


def test_a_label_says_what_uses_it_so_many_at_a_time_and_any_segment_is_found(admin, app):
    label = Label.objects.create(app=app, name="vip")
    expression = {"field": "person.label", "op": "eq", "value": "vip"}
    Segment.objects.bulk_create(
        Segment(app=app, name=f"{n:04} {LONG}", expression=expression) for n in range(3_000)
    )

    first = look(admin, "label", label.pk)
    last = look(admin, "label", label.pk, query="?uses=2950")
    found = look(admin, "label", label.pk, query="?segment_search=2999&uses=50")
    last_one = Segment.objects.get(name__startswith="2999")
    begun = admin.post(
        reverse("label_members", args=[label.pk]),
        {"by": "segment", "segment": last_one.pk, "verb": "add"},
    )

    assert "1 to 50 of 3,000" in first
    assert "The first 100 of 3,000 are offered." in first
    assert "2,951 to 3,000 of 3,000" in last
    assert f'<option value="{last_one.pk}">' in found
    assert "1 is found." in found
    assert begun.status_code == 302


def fill_person(app, devices=120, attributes=60):
    person = builders.make_person(app.workspace, "ann")
    told = {f"attribute {n:02} {LONG}": "value " * 50 for n in range(attributes)}
    Device.objects.bulk_create(
        Device(
            app=app, person=person, platform="android", token=f"{n:04}" * 1_000,
            token_hash=n, attributes=told,
        )
        for n in range(devices)
    )  # fmt: skip
    return person


def test_a_person_has_some_devices_at_a_time_and_each_device_all_that_is_known(admin, app):
    person = fill_person(app)
    oldest = person.devices.order_by("updated_at", "pk").first()

    first = look(admin, "person", person.pk)
    last = look(admin, "person", person.pk, query="?devices=100")
    led_to = look(admin, "person", person.pk, query=f"?device={oldest.pk}")
    alone = look(admin, "device", oldest.pk)

    assert "1 to 20 of 120" in first
    assert first.count("50 values more, and all of them whole") == 20
    assert f'id="device-{oldest.pk}"' in last
    assert f'id="device-{oldest.pk}"' in led_to
    assert f"attribute 59 {LONG}" in alone
    assert oldest.token in alone


def test_any_of_many_labels_can_be_given_and_taken_from_a_person(admin, app):
    fill_choices(app, labels=800, segments=0, groups=0)
    person = builders.make_person(app.workspace, "ann")
    builders.make_person(app.workspace, "anna")
    carried = Label.objects.order_by("name")[:400]
    LabelMember.objects.bulk_create(LabelMember(label=one, person=person) for one in carried)
    last = Label.objects.get(name__startswith="0799")

    first = look(admin, "person", person.pk)
    later = look(admin, "person", person.pk, query="?labels=350")
    found = look(admin, "person", person.pk, query="?label_search=0799")
    many = look(admin, "people", query="?who=ann*&label_search=0799")
    given = admin.post(
        reverse("label_people"),
        {"who": "ann*", "whom": "found", "label": last.pk, "verb": "add"},
    )

    assert "1 to 50 of 400" in first
    assert "The first 100 of 400 are offered." in first
    assert f"Take away the label 0399 {LONG}" in later
    assert f'<option value="{last.pk}">' in found
    assert f'<option value="{last.pk}">' in many
    assert "1 is found." in many
    assert given.url.startswith("/jobs/")


def test_an_import_says_which_labels_it_does_not_list(app):
    fill_choices(app, labels=400, segments=0, groups=0)
    last = Label.objects.get(name__startswith="0399")

    form = ChoiceForm(app=app, initial={"labels": [str(last.pk)]})

    assert "The first 100 of 400 labels are listed" in str(form["labels"].help_text)
    assert form.fields["labels"].choices[0] == (str(last.pk), last.name)
    assert len(form.fields["labels"].choices) == 101


def test_the_audit_log_names_some_fields_of_an_entry_and_leads_to_all(admin, app, owner):
    fields = [f"attributes.{LONG} and of that {n:03}" * 2 for n in range(100)]
    person = builders.make_person(app.workspace, "ann")
    AuditEntry.objects.bulk_create(
        AuditEntry(
            workspace=app.workspace, actor="user:owner", verb="update_person", fields=fields,
            target_type="person", target_id=str(person.pk), at=builders.NOW,
        )
        for _ in range(60)
    )  # fmt: skip
    last = AuditEntry.objects.filter(verb="update_person").order_by("-pk").first()

    log = look(admin, "audit")
    one = look(admin, "audit", query=f"?workspace=acme&entry={last.pk}")
    history = look(admin, "person", person.pk)

    assert log.count("and 92 more") == 50
    assert f"?workspace=acme&amp;entry={last.pk}" in log
    assert fields[99] in one
    assert history.count("and 92 more") == 20


def test_a_report_of_long_tags_stays_small_and_its_links_lead_on(admin, app):
    for number in range(52):
        part = make_part(make_transfer(app, tag=f"{number:03}{'折' * 100}"))
        for place, outcome in enumerate(SETTLED_KEYS):
            settle(part, [10 * number + place], outcome, NOON)
        receive(part, [10 * number], ReceiptKind.OPENED, NOON)
    group = Group.objects.get(app=app).pk
    days = "&date_from=2026-11-19&date_to=2026-11-21"

    page = look(admin, "reports", query=f"?by=tag{days}")
    rows = look(admin, "report_rows", query=f"?by=tag&group={group}{days}")
    links = re.findall(r'href="([^"]+tag=000折[^"]+)"', page)
    led_to = admin.get(html.unescape(links[0]))

    assert "2 lines more" in page
    assert "2 lines more" in rows
    assert len(led_to.context["rows"]) == 1


def test_campaigns_of_many_groups_are_found_by_a_part_of_the_groups_name(admin, app):
    fill_choices(app, labels=0, segments=0, groups=3_000)
    group = Group.objects.get(name__startswith="2777")
    builders.make_campaign(app, builders.NOW)
    wanted = builders.make_campaign(app, builders.NOW, group=group)

    page = look(admin, "campaigns")
    found = admin.get(reverse("campaigns"), {"group_name": "2777"})
    named = admin.get(reverse("campaigns"), {"group": group.pk})

    assert "Name of the group" in page
    assert [row.pk for row in found.context["shown"]] == [wanted.pk]
    assert [row.pk for row in named.context["shown"]] == [wanted.pk]
    assert f'<option value="{group.pk}" selected>' in named.content.decode()


def test_a_draft_in_fifty_languages_stays_small_beside_all_the_rest(admin, app):
    fill_choices(app)
    texts = {
        f"{first}{second}": {"title": "T" * 60, "body": "B" * 1_000}
        for first in "abcde"
        for second in "abcdefghij"
    }
    content = builders.CONTENT | {"translations": texts}
    draft = builders.make_campaign(app, builders.NOW, content)

    page = look(admin, "edit", draft.pk)

    # What does not fit is fetched when its tab is opened.
    drawn = page.count("B" * 1_000)
    assert 20 < drawn < 50
    assert drawn + len(list_left(read_form(page))) == 50
