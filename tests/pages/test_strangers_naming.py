"""Who names our rows in any field of any page that is none of a row's own finds and changes
nothing.

Two people try: of the names on each page each tries another quarter; PUSHADMIN_FUZZ=full lets both
try all of them.
"""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import (
    AuditEntry,
    Campaign,
    Device,
    Job,
    Label,
    Message,
    MessageTemplate,
    Segment,
)
from campaigns.models import TestGroup as Testers
from campaigns.pages.stored_texts import name_stored
from campaigns.pages.urls import urlpatterns
from tests import builders
from tests.compat.test_fuzz import take_half
from tests.pages.test_pages import make_campaign

pytestmark = pytest.mark.django_db
MARK = "Zanzibar"
OWN = {"join/<slug:secret>/"}  # it is for whoever has the secret
NAMES = (
    "app", "apps", "place", "target", "audience_kind", "segment", "segments", "label",
    "labels", "campaign", "copy", "first", "second", "template", "use_template", "test_group",
    "group", "route", "account", "device", "devices", "person", "persons", "who", "terms", "user",
    "transfer", "job", "import", "text", "name", "expression", "number", "by", "platform", "kind",
    "stored_in",
)  # fmt: skip


def make_rows(app, now):
    """The ids of a row of each kind, all with a name that nobody else has, and what pages call the
    places of messages."""
    app.name = f"{MARK} app"
    app.save()
    campaign = make_campaign(app)
    Campaign.objects.filter(pk=campaign.pk).update(name=MARK)
    said = {"body": MARK, "translations": {"de": {"body": MARK}}}
    Message.objects.filter(campaigns=campaign).update(content=said)
    owner = builders.make_person(app.workspace, MARK)
    times = {"created_at": now, "updated_at": now}
    rows = [
        app,
        campaign,
        owner,
        builders.make_device(app, f"{MARK}-token", person=owner),
        Label.objects.create(app=app, name=MARK),
        Segment.objects.create(app=app, name=MARK, expression={"and": []}),
        Testers.objects.create(app=app, name=MARK, created_at=now),
        MessageTemplate.objects.create(
            workspace=app.workspace, app=app, name=MARK, content=said, **times
        ),
    ]
    return {row.pk for row in rows}, [name_stored(rows[1]), name_stored(rows[-1])]


def keep_everything(workspace):
    ours = AuditEntry.objects.filter(workspace=workspace)
    rows = [model.objects for model in (Campaign, Device, Job, Label, MessageTemplate, Segment)]
    return [list(one.order_by("pk").values()) for one in (ours, *rows, Testers.objects)]


@pytest.mark.parametrize(("turn", "who"), [(0, "stranger"), (1, "neighbour")])
def test_others_who_name_our_rows_anywhere_get_nothing(client, app, request, turn, who, now):
    user = request.getfixturevalue(who)
    numbers, places = make_rows(app, now)
    given = [*map(str, sorted(numbers)), app.slug, f"app:{app.pk}", *places]
    place = {"workspace": app.workspace.slug, "language": "de"}
    addresses = [
        reverse(pattern.name)
        for pattern in urlpatterns
        if not pattern.pattern.converters and str(pattern.pattern) not in OWN
    ]
    client.force_login(user)
    before = keep_everything(app.workspace)

    answers = [
        (
            method,
            address,
            value,
            getattr(client, method)(address, dict.fromkeys(NAMES, value) | place),
        )
        for page, address in enumerate(addresses)
        for value in take_half(take_half(given, page + turn), page // 2)
        for method in ("get", "post")
    ]

    told = [call for *call, answer in answers if MARK in read(answer)]
    assert len(addresses) > 40
    assert told == []
    assert [call for *call, answer in answers if answer.status_code >= 500] == []
    assert keep_everything(app.workspace) == before


def read(answer) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode("utf-8", "replace")
