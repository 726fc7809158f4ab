"""The segment pages: built, counted, saved, explained, without a browser."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from campaigns.errors import Conflict
from campaigns.models import AuditEntry, Campaign, Device, Label, Membership, Segment
from campaigns.models.patience import TookTooLong, at_most
from campaigns.pages.segment_tree import read_tree
from campaigns.selectors.addressing import Wanted
from campaigns.selectors.audience import Audience, AudienceKind, count_devices
from campaigns.selectors.headcount import count_bounded, take_headcount
from campaigns.selectors.left_out import LeftOut
from campaigns.selectors.segment_words import outline_body, say_of_field
from campaigns.services.access import name_actor
from campaigns.services.audience import delete_label
from campaigns.services.forecast import Reach
from campaigns.services.review import Guard, find_guard
from campaigns.services.unreached import Unreached
from providers.message import PushMessage
from tests import builders
from tests.pages.test_pages import make_campaign
from tests.pages.test_segment_tree import post

pytestmark = pytest.mark.database
GERMANS = {"field": "device.country", "op": "eq", "value": "DE"}
RECENT = {"field": "device.last_seen_at", "op": "within_last", "value": "30d"}
DEEP = '{"not":' * 1000 + "{}" + "}" * 1000


@pytest.fixture
def segment(app):
    return Segment.objects.create(app=app, name="Germans", expression={"and": [GERMANS]})


@pytest.fixture
def devices(app):
    ann = builders.make_person(app.workspace, "ann", language="de")
    return [
        builders.make_device(app, "t1", person=ann, country="DE", attributes={"plan": "pro"}),
        builders.make_device(app, "t2", platform="ios", country="FR", language="fr"),
        builders.make_device(app, "t3", country="DE", token_state="missing"),
    ]


@pytest.fixture
def page(client, owner):
    client.force_login(owner)
    return client


def fill(app, body, segment=None, **more):
    """The form as a browser posts it."""
    posted = post(read_tree(body, app.timezone)).copy()
    posted["app"], posted["view"] = str(app.pk), "tree"
    posted["name"], posted["description"] = "Germans", ""
    posted["version"] = segment.updated_at.isoformat() if segment else ""
    for name, value in more.items():
        posted[name.replace("_", "-") if name.startswith("value") else name] = value
    return posted.dict()


def test_a_segment_is_made_and_changed(page, app, devices):
    made = page.post(reverse("new_segment"), fill(app, {"and": [GERMANS]}))
    segment = Segment.objects.get()
    changed = page.post(made.url, fill(app, {"not": GERMANS}, segment, name="Others"))

    segment.refresh_from_db()
    assert (made.url, changed.url) == (f"/segments/{segment.pk}/", made.url)
    assert (segment.name, segment.expression) == ("Others", {"not": GERMANS})
    assert {"create", "update"} <= set(AuditEntry.objects.values_list("verb", flat=True))


def test_nothing_typed_is_lost_when_it_cannot_be_saved(page, app, segment):
    body = {"and": [{"field": "device.colour", "op": "eq", "value": "dark red"}]}

    tree = page.post(reverse("new_segment"), fill(app, body, name="Reds"))
    taken = page.post(reverse("new_segment"), fill(app, {"and": [GERMANS]}, name="Germans"))
    typed = page.post(reverse("new_segment"), fill(app, body, view="json", json='{"and": [}'))

    assert {one.status_code for one in (tree, taken, typed)} == {422}
    assert b"dark red" in tree.content
    assert b"There is no field named" in tree.content
    assert b"already has one of that name" in taken.content
    assert b"{&quot;and&quot;: [}" in typed.content
    assert b"This is no JSON yet" in typed.content
    assert Segment.objects.count() == 1


def test_who_saved_meanwhile_is_not_overwritten(page, app, segment):
    form = fill(app, {"not": GERMANS}, segment)
    Segment.objects.get().save()

    answer = page.post(reverse("segment", args=[segment.pk]), form)

    segment.refresh_from_db()
    assert answer.status_code == 422
    assert b"Somebody else" in answer.content
    assert segment.expression == {"and": [GERMANS]}


def test_the_json_and_the_tree_are_one_thing(page, app):
    body = {"or": [GERMANS, {"field": "device.custom.n", "op": "in", "value": [1, "1"]}]}

    shown = page.post(reverse("segment_draw"), fill(app, body, action="show:json"))
    text = shown.context["editor"].text
    back = page.post(
        reverse("segment_draw"), {**fill(app, body, view="json", json=text), "action": "show:tree"}
    )

    assert json.loads(text) == body
    assert back.context["editor"].tree.write_body() == body
    assert b'name="shape"' in back.content


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", DEEP, '{"and": [{"field": "device.country"}]}', "1" * 10_000, "NaN",
        '{"field": "device.country", "op": "eq", "value": "\\u0000"}', '"' + "x" * 1_000_001,
        '{"field": "device.custom.n", "op": "eq", "value": 1e400}',
        '{"field": "device.country", "op": "eq", "value": {"a": 1}}',
        json.dumps({"field": "device.tag", "op": "in", "value": ["v"] * 10_001}),
    ],
    ids=range(13),
)  # fmt: skip
def test_hostile_json_is_refused_and_shown_again(page, app, text):
    form = fill(app, GERMANS, view="json", json=text)

    answers = [
        page.post(reverse("new_segment"), form),
        page.post(reverse("segment_count"), form),
        page.post(reverse("segment_draw"), {**form, "action": "show:tree"}),
    ]

    assert [answer.status_code for answer in answers] == [422, 200, 200]
    assert answers[0].context["editor"].faults.keys() == {"expression"}
    assert not Segment.objects.exists()


def test_ten_thousand_values_are_edited_and_counted(page, app, devices):
    values = [f"v{number}" for number in range(9_999)] + ["DE"]
    body = {"and": [{"field": "device.country", "op": "in", "value": values}]}

    counted = page.post(reverse("segment_count"), fill(app, body))
    drawn = page.post(reverse("segment_draw"), fill(app, body, action="copy:2"))

    assert counted.context["count"].total == 2
    assert drawn.context["editor"].tree.write_body() == {"and": body["and"] * 2}


@pytest.mark.parametrize(
    ("value", "kind"), [(True, "flag"), (7, "number"), ("7", "text"), (["a"], "json")]
)
def test_an_attribute_that_is_chosen_is_typed_as_its_values_are(page, app, value, kind):
    builders.make_device(app, "t1", attributes={"it": value})
    body = {"and": [{"field": "device.custom.it", "op": "eq", "value": "typed"}]}

    chosen = page.post(reverse("segment_draw"), fill(app, body), headers=by_field("2"))
    typed = page.post(reverse("segment_draw"), fill(app, body))

    assert find_types(chosen) == [kind]
    assert find_types(typed) == ["text"]


def test_a_comparison_that_had_no_type_leaves_the_attribute_as_its_values_are(page, app):
    builders.make_device(app, "t1", attributes={"it": 7})
    relative = {"field": "device.custom.it", "op": "within_next", "value": "7d"}
    posted = fill(app, {"and": [relative]})

    drawn = page.post(reverse("segment_draw"), posted, headers=by_field("2"))
    changed = posted | {"op-2": "gt", "type-2": "text"}
    again = page.post(reverse("segment_draw"), posted | {"op-2": "gt"}, headers=by_field("2", "op"))
    chosen = page.post(reverse("segment_draw"), changed, headers=by_field("2", "op"))

    assert b'value="7" aria-label="How many"' in drawn.content
    assert [find_types(one) for one in (drawn, again, chosen)] == [["span"], ["number"], ["text"]]


def by_field(key, name="field"):
    """As htmx tells of what has changed."""
    return {"HX-Trigger-Name": f"{name}-{key}"}


def find_types(answer):
    return [node.type for node in answer.context["editor"].tree.root.walk() if node.field]


def test_a_forged_tree_is_not_found(page, app):
    assert page.post(reverse("segment_draw"), {"app": app.pk, "shape": "[[]]"}).status_code == 404


NOTHING = {"field": "", "op": "eq", "value": ""}


def read_fault(answer, place):
    """What the count puts at a place of the page, as it is written there."""
    return (
        answer.content.decode().partition(f'{place}"')[2].partition("</div>")[0].partition(">")[2]
    )


@pytest.mark.parametrize(
    "field", ["", "person.custom.", "device.app_version", "device.last_seen_at"]
)
def test_nobody_is_told_of_a_fault_before_they_have_typed_and_a_save_tells(page, app, field):
    form = fill(app, {"and": [NOTHING, GERMANS]}, **{"field-2": field})

    counted = page.post(reverse("segment_count"), form)
    saved = page.post(reverse("new_segment"), form)
    told = " ".join(saved.context["editor"].told)
    after = page.post(reverse("segment_count"), form | {"told": told})

    assert not read_fault(counted, "fault-2")
    assert b"Finish the conditions" in counted.content
    assert (saved.status_code, told, Segment.objects.exists()) == (422, "2", False)
    assert 'name="told" value="2"' in saved.content.decode()
    assert read_fault(after, "fault-2")


@pytest.mark.parametrize(
    ("text", "is_told"),
    [(json.dumps({"and": [NOTHING]}), False), (json.dumps({"and": [GERMANS, NOTHING]}), False),
     (json.dumps({"and": [{**GERMANS, "field": "device.colour"}, NOTHING]}), True), ("{", True)],
)  # fmt: skip
def test_as_json_too_nobody_is_told_before_they_have_typed(page, app, text, is_told):
    form = {"app": app.pk, "view": "json", "json": text, "name": "Some"}

    counted = page.post(reverse("segment_count"), form)
    saved = page.post(reverse("new_segment"), form)
    after = page.post(reverse("segment_count"), form | {"told": "json"})

    assert bool(read_fault(counted, "pa-builder-fault")) == is_told
    assert (saved.status_code, saved.context["editor"].told) == (422, {"json"})
    assert read_fault(after, "pa-builder-fault")


def test_the_count_says_whom_and_what_is_wrong_where(page, app, devices):
    good = page.post(reverse("segment_count"), fill(app, {"and": [GERMANS]}))
    bad = page.post(
        reverse("segment_count"),
        fill(app, {"and": [GERMANS, {"field": "device.country", "op": "eq", "value": ""}]},
             **{"field-3": "device.nothing"}),
    )  # fmt: skip

    fresh = page.get(f"{reverse('new_segment')}?app={app.pk}").context["editor"]
    untouched = page.post(reverse("segment_count"), fill(app, fresh.tree.write_body()))
    empty = untouched.content.partition(b'id="fault-2" hx-swap-oob="true">')[2]

    count = good.context["count"]
    assert b"Finish the conditions" in untouched.content
    assert empty.startswith(b"</div>")
    assert (count.total, count.platforms, count.languages) == (
        2,
        {"android": 2},
        {"de": 1, "en": 1},
    )
    assert (count.without_token, count.opted_out, count.is_total_estimated) == (1, 0, False)
    assert f"/people/{devices[0].person_id}/".encode() in good.content
    assert bad.context.get("count") is None
    assert b'id="fault-3" hx-swap-oob="true"><p>There is no field' in bad.content
    assert b'id="fault-2" hx-swap-oob="true"></div>' in bad.content


def test_values_are_suggested_from_what_occurs(page, app, devices):
    def suggest(field, **more):
        form = {"app": app.pk, "key": "3", "field-3": field, "op-3": "eq", **more}
        return page.post(reverse("segment_values"), form).context["values"]

    assert suggest("device.country") == ("DE", "FR")
    assert suggest("device.country", **{"value-3": "f"}) == ("FR",)
    assert suggest("device.custom.", **{"own-3": "plan"}) == ("pro",)
    assert suggest("person.language") == ("de",)
    assert suggest("person.external_user_id") == ()
    assert suggest("device.nothing") == ()


def test_custom_attributes_that_occur_can_be_chosen(page, app, devices):
    shown = page.get(f"{reverse('new_segment')}?app={app.pk}")

    assert b'<option value="device.custom.plan">plan of the device (text)</option>' in shown.content


def test_why_tells_node_by_node_with_words(page, segment, devices):
    address = reverse("segment_why", args=[segment.pk])

    ann, out, nobody, empty = (page.get(address, {"who": who}) for who in ("ann", "t2", "zoe", ""))

    assert [verdict.is_met for _device, verdict in ann.context["told"]] == [True]
    assert [verdict.is_met for _device, verdict in out.context["told"]] == [False]
    for word in (b"not met", b"found: \xe2\x80\x9cFR\xe2\x80\x9d", b"Country of the device is"):
        assert word in out.content
    assert b"Nobody with this id has a device" in nobody.content
    assert b"Type an id" in empty.content


def test_a_relative_time_is_saved_counted_and_told_with_the_date_it_comes_to(page, app, devices):
    seen = timezone.now() - timedelta(days=30)
    Device.objects.filter(pk=devices[0].pk).update(last_seen_at=seen + timedelta(minutes=5))
    Device.objects.filter(pk=devices[1].pk).update(last_seen_at=seen - timedelta(minutes=5))
    form = fill(app, {"and": [RECENT]}) | {"name": "Recent"}

    counted = page.post(reverse("segment_count"), form)
    saved = page.post(reverse("new_segment"), form)
    segment = Segment.objects.get()
    shown = page.get(saved.url)
    told = page.get(reverse("segment_why", args=[segment.pk]), {"who": "ann"})
    lines = outline_body(segment.expression, "UTC")

    assert counted.context["count"].total == 1
    assert segment.expression == {"and": [RECENT]}
    assert b'value="30" aria-label="How many"' in shown.content
    assert [words for _depth, words in lines][1] == "Last seen is within the last 30 days"
    [verdict] = [verdict.terms[0] for _device, verdict in told.context["told"]]
    assert abs(verdict.terms[0].instant - seen) < timedelta(minutes=4)
    assert b"Last seen is within the last 30 days" in told.content
    assert f'(since <time datetime="{verdict.terms[0].instant.isoformat()}">' in shown_text(told)


def test_why_and_a_version_tell_times_in_the_zone_of_the_app_not_in_iso(page, app, devices):
    app.timezone = "Europe/Berlin"
    app.save()
    Device.objects.filter(pk=devices[0].pk).update(last_seen_at="2026-07-02T08:30:05Z")
    term = {"field": "device.last_seen_at", "op": "gt", "value": "2026-07-01T12:00:00+02:00"}
    page.post(reverse("new_segment"), fill(app, {"and": [term]}) | {"name": "Summer"})
    segment = Segment.objects.get()

    told = page.get(reverse("segment_why", args=[segment.pk]), {"who": "ann"})
    version = page.get(reverse("segment_version", args=[segment.pk, 1]))

    assert "Last seen is after 1 Jul 2026, 12:00 CEST" in shown_text(told)
    assert "found: 2 Jul 2026, 10:30:05 CEST" in shown_text(told)
    assert "Last seen is after 1 Jul 2026, 12:00 CEST" in shown_text(version)
    assert "2026-07" not in shown_text(told) + shown_text(version)


def test_a_platform_is_told_by_its_name():
    assert say_of_field("device.platform", ["ios", "web"], "UTC") == "iOS, Web"
    assert say_of_field("device.platform", "x", "UTC") == "“x”"


def shown_text(answer):
    return answer.content.decode()


def test_a_number_that_is_no_length_of_time_says_what_to_enter(page, app):
    typed = fill(app, {"and": [RECENT]}, **{"value-2": "0"})

    counted = page.post(reverse("segment_count"), typed)
    saved = page.post(reverse("new_segment"), typed)

    words = b"Enter a whole number from 1 to 3650."
    assert words in counted.content
    assert (saved.status_code, words in saved.content) == (422, True)


def test_a_viewer_looks_and_changes_nothing(client, app, segment):
    client.force_login(builders.make_member("eve", app.workspace, role=Membership.Role.VIEWER))

    shown = client.get(reverse("segment", args=[segment.pk]))
    made = client.get(reverse("new_segment"))
    saved = client.post(reverse("segment", args=[segment.pk]), fill(app, {"not": GERMANS}, segment))

    assert (shown.status_code, made.status_code, saved.status_code) == (200, 403, 403)
    assert b"disabled" in shown.content
    assert Segment.objects.get().expression == {"and": [GERMANS]}


def test_a_stranger_reaches_no_app_through_the_fragments(client, app, stranger, devices):
    client.force_login(stranger)

    statuses = {
        client.post(reverse(name), fill(app, GERMANS)).status_code
        for name in ("segment_draw", "segment_count", "segment_values", "new_segment")
    }

    assert statuses <= {403, 404}
    assert not Segment.objects.exists()


def test_a_copy_begins_with_the_same_expression(page, segment):
    shown = page.get(f"{reverse('new_segment')}?copy={segment.pk}").context["editor"]

    assert (shown.name, shown.tree.write_body()) == ("Copy of Germans", {"and": [GERMANS]})


def test_a_used_segment_is_not_deleted(page, app, segment):
    parts = {"include": [{"all": True}], "exclude": [{"segment": segment.pk}]}
    make_campaign(app, audience={"combine": parts})

    refused = page.post(reverse("segment_delete", args=[segment.pk]), follow=True)
    assert [use.name for use in refused.context["uses"]] == ["Autumn sale"]
    Campaign.objects.all().delete()
    done = page.post(reverse("segment_delete", args=[segment.pk]))

    assert b"It is still used, by Autumn sale." in refused.content
    assert (done.url, Segment.objects.count()) == ("/segments/", 0)


def test_the_list_is_searched(page, app, segment):
    Segment.objects.create(app=app, name="Others", expression={"and": []})

    both, one, none = (
        page.get(reverse("segments"), {"search": term}).context["segments"]
        for term in ("", "germ", "zzz")
    )

    assert ([s.name for s in both], one, none) == (["Germans", "Others"], [segment], [])


def remember_sample(app, devices):
    """As if these had been drawn of all devices of a large app."""
    cache.set(f"headcount-sample-{app.pk}", [device.pk for device in devices])


def test_counting_that_takes_too_long_is_estimated_and_says_so(app, devices):
    everybody = Audience(AudienceKind.ALL)

    exact, whole = take_headcount(app, everybody), take_headcount(app, everybody, seconds=0)
    remember_sample(app, devices[:2])
    estimated = take_headcount(app, everybody, seconds=0)

    # Of so few all were read, however little time there was.
    assert (exact.is_total_estimated, whole.is_total_estimated) == (False, False)
    assert (whole.is_split_estimated, whole.margin) == (False, 0)
    assert whole.total == exact.total == 3
    assert whole.platforms == exact.platforms
    assert whole.languages == exact.languages
    assert (whole.without_token, whole.sampled, whole.population) == (1, 3, 3)
    assert {device.pk for device in whole.people} == {device.pk for device in devices}
    assert (estimated.is_total_estimated, estimated.is_split_estimated) == (True, True)
    assert (estimated.total, estimated.sampled, estimated.population) == (3, 2, 3)
    assert estimated.margin > 0


def test_a_statement_is_given_up_and_the_next_one_is_not(app):
    numbers = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90000000) "
        "SELECT COUNT(*) FROM n"
    )

    with pytest.raises(TookTooLong), at_most(0.05), connection.cursor() as cursor:
        cursor.execute(numbers)

    with connection.cursor() as cursor:
        cursor.execute(numbers.replace("90000000", "400000"))
        assert cursor.fetchone() == (400_000,)
    assert Segment.objects.count() == 0


def test_each_save_keeps_what_the_segment_was(page, app, segment, owner):
    address = reverse("segment", args=[segment.pk])
    page.post(address, fill(app, {"and": [{"not": GERMANS}]}, segment))
    segment.refresh_from_db()
    page.post(address, fill(app, {"and": [{"not": GERMANS}]}, segment, name="Renamed"))

    versions = page.get(address).context["versions"]
    compared = page.get(reverse("segment_version", args=[segment.pk, 1]))
    restored = page.post(reverse("restore_segment", args=[segment.pk, 1]))

    segment.refresh_from_db()
    assert [(one.number, one.saved_by) for one in versions] == [(2, name_actor(owner)), (1, "")]
    assert [(line.mark, line.text.strip()) for line in compared.context["lines"]] == [
        ("same", "All of these"), ("added", "Not this"),
        ("removed", "Country of the device is \u201cDE\u201d"),
        ("added", "Country of the device is \u201cDE\u201d"),
    ]  # fmt: skip
    assert restored.url == address
    assert (segment.name, segment.expression) == ("Renamed", {"and": [GERMANS]})
    assert segment.versions.count() == 3
    assert page.get(reverse("segment_version", args=[segment.pk, 9])).status_code == 404


def test_a_label_that_a_segment_names_stays(app, now):
    label = Label.objects.create(app=app, name="vip")
    Segment.objects.create(
        app=app, name="Vips",
        expression={"or": [{"not": {"field": "person.label", "op": "in", "value": ["a", "vip"]}}]},
    )  # fmt: skip

    with pytest.raises(Conflict) as refused:
        delete_label(label, actor="ann", now=now)

    assert refused.value.message == "It is still used, by Vips."


def test_an_attribute_is_indexed_by_an_admin_only(page, client, app, devices):
    page.post(reverse("index_attribute"), {"app": app.pk, "owner": "device", "name": "plan",
                                           "wanted": "1"})  # fmt: skip
    shown = page.get(reverse("attributes"), {"app": app.pk})
    client.force_login(builders.make_member("eve", app.workspace, role=Membership.Role.SENDER))
    refused = client.post(reverse("index_attribute"), {"app": app.pk, "name": "plan"})

    [row] = shown.context["rows"]
    assert (row.owner, row.name, row.seen.share, row.promoted.is_ready) == (
        "device", "plan", 1 / 3, False,
    )  # fmt: skip
    assert b"Being indexed" in shown.content
    assert refused.status_code == 403
    assert b"Index this" not in client.get(reverse("attributes")).content


def test_the_staff_page_says_when_its_count_is_estimated(app, devices):
    everyone = Audience(AudienceKind.ALL)
    remember_sample(app, devices[:2])
    counts = [take_headcount(app, everyone, seconds=seconds) for seconds in (60, 0)]

    exact, estimated = (
        render_to_string("staff/segment_count.html", {"app": app, "count": count})
        for count in counts
    )

    assert "<p>3 devices now" in exact
    assert "FR · French" in exact
    assert "<p>About 3 devices now, give or take " in estimated


def test_what_is_shown_beside_compose_and_by_the_api_is_one_bounded_count(app, devices):
    everybody = Audience(AudienceKind.ALL)
    primary = take_headcount(app, everybody, only_primary=True)
    for name, language in (("bo", ""), ("cy", app.default_language)):
        person = builders.make_person(app.workspace, name, language=language)
        builders.make_device(app, name, person=person)

    shown, counted = count_bounded(app, everybody), count_devices(app, everybody)

    assert {name: shown[name] for name in counted} == counted
    assert shown["languages"] == {"en": 3, "de": 1, "fr": 1}  # three get the app's own
    assert (shown["is_estimated"], shown["margin"], primary.total) == (False, 0, 0)


def test_the_guard_stands_where_an_estimate_may_be_too_small(app):
    app.guard_size = 1000
    campaign = Campaign(app=app)
    lost = LeftOut(opted_out=300, anew=300)

    small, unsure = (
        find_guard(campaign, (make_unreached(app, 900, margin=margin, left=lost),))
        for margin in (50, 200)
    )

    assert (small, unsure) == (None, Guard(app.name, 1100, is_exact=False))


def test_the_guard_counts_whom_it_is_sent_to(app):
    app.guard_size = 1000
    campaign = Campaign(app=app)
    lost = LeftOut(opted_out=400, anew=400, out_anew=400)

    less, more, steps = (
        find_guard(campaign, (make_unreached(app, total, left=lost, has_steps=has_steps),))
        for total, has_steps in ((1400, False), (1401, False), (1400, True))
    )

    assert (less, more) == (None, Guard(app.name, 1001))
    assert steps == Guard(app.name, 1400, is_exact=False)


def make_unreached(app, total, *, left, margin=0, has_steps=False):
    wanted = Wanted(
        app=app, message=PushMessage(title="Hi"), bodies=[], devices=Device.objects.none(),
        has_steps=has_steps,
    )  # fmt: skip
    return Unreached(Reach(app, {"ios": total}, 1, margin=margin), wanted, 0, left)


@pytest.mark.parametrize(
    ("form", "view"),
    [({"told": "2"}, "tree"), ({"told": "json", "view": "json", "json": "[]"}, "json")],
)
def test_the_view_that_is_on_already_hushes_nothing_that_a_save_was_refused_for(
    page, app, form, view
):
    form = fill(app, {"and": [GERMANS]}, **form, action=f"show:{view}")

    drawn = page.post(reverse("segment_draw"), form)

    assert f'name="told" value="{form["told"]}"' in drawn.content.decode()


def test_a_view_that_changes_begins_without_what_the_other_was_refused_for(page, app):
    form = fill(app, {"and": [GERMANS]}, told="2", action="show:json")

    drawn = page.post(reverse("segment_draw"), form)

    assert 'name="told" value=""' in drawn.content.decode()
