"""No page outgrows 300 kB of HTML however much there is, and what is left out is told on it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import Campaign, Group, Label, Segment
from tests.pages.test_every_page import MOST_HTML

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
    wrong = admin.post(reverse("compose"), typed | {"group": "no such", "include": ["label:none"]})

    campaign = Campaign.objects.get()
    page = look(admin, "edit", campaign.pk)
    assert saved.status_code == 302
    assert campaign.group.name == f"1400 {LONG}"
    assert all(f'value="{key}"' in page for key in chosen)
    assert wrong.status_code == 422
    assert "There is no open group “no such”." in wrong.content.decode()
    assert "Select a valid choice. label:none" in wrong.content.decode()
