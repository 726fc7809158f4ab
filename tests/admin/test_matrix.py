"""Nobody reads or changes what belongs to another workspace: every staff page, every row."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.urls import reverse

from campaigns.models import (
    Account,
    ApiKey,
    App,
    AppGroup,
    AuditEntry,
    Device,
    Exchange,
    Group,
    Label,
    Membership,
    Message,
    OutboxRow,
    Part,
    Person,
    Scenario,
    ScriptRecord,
    ScriptSchedule,
    Segment,
    Submission,
    Transfer,
    Workspace,
)  # fmt: skip
from campaigns.services import access
from campaigns.services.accounts import save_account
from tests import builders

pytestmark = pytest.mark.database
STEP = {"channel": "sms", "sender": "", "wait": None, "price": ""}
MARK = "Zanzibar"  # stands in every row of ours, so any page that holds it leaks
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.model_name)
OURS = [model for model in MODELS if model._meta.app_label == "campaigns"]
# Of the workspace and of no app of it: whoever has a role there sees them, and changes none.
SHARED = {Account, AppGroup, Scenario, Workspace}
LINKS = [field for model in OURS for field in model._meta.fields if field.remote_field]


@pytest.fixture
def rows(app, owner, now):
    workspace = app.workspace
    Workspace.objects.filter(pk=workspace.pk).update(name=MARK)
    App.objects.filter(pk=app.pk).update(name=MARK)
    person = Person.objects.create(workspace=workspace, external_user_id=MARK)
    device = builders.make_device(app, MARK, person=person)
    key, _text = access.issue_key(workspace, name=MARK, actor=MARK, now=now)
    account = save_account(
        Account(workspace=workspace, name=MARK, dialect="sandbox"), {"api_key": "s3cr3t-canary"},
        actor=MARK, now=now,
    )  # fmt: skip
    kept = {"workspace": workspace, "app": app, "dialect": "sandbox", "body": {"text": MARK}}
    kept |= {"created_at": now, "updated_at": now}
    return {
        Workspace: workspace, App: app, Person: person, Device: device, ApiKey: key,
        Account: account,
        AppGroup: AppGroup.objects.create(workspace=workspace, name=MARK, slug="z", group_key="k"),
        Group: Group.objects.create(app=app, name=MARK),
        Label: Label.objects.create(app=app, name=MARK),
        Segment: Segment.objects.create(app=app, name=MARK, expression={"and": []}),
        ScriptSchedule: ScriptSchedule.objects.create(name=MARK, **kept),
        ScriptRecord: ScriptRecord.objects.create(kind=MARK, **kept),
        OutboxRow: make_callback(app, now),
        Scenario: Scenario.objects.create(
            workspace=workspace, name=MARK, steps=[{**STEP, "sender": MARK}]
        ),
        Membership: owner.memberships.get(),
        Exchange: Exchange.objects.create(account=account, at=now, method="GET", url=MARK),
        AuditEntry: AuditEntry.objects.filter(actor=MARK).first(),
    }  # fmt: skip


def make_callback(app, now):
    """What a script could not be told; the query of its address is a secret of its own."""
    url = f"https://{MARK}.example.org/told?token=s3cr3t-canary"
    submission = Submission.objects.create(
        workspace=app.workspace, app=app, door="sandbox", callback={"url": url}, created_at=now
    )
    transfer = Transfer.objects.create(
        app=app,
        group=app.groups.first(),
        submission=submission,
        due_at=now,
        status_since=now,
        created_at=now,
    )
    part = Part.objects.create(transfer=transfer, message=Message.objects.create(app=app))
    return OutboxRow.objects.create(
        submission=submission, part=part, recipients=b"", count=0, created_at=now, due_at=now
    )


def url_of(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def test_every_page_of_the_staff_door_is_ours_or_the_users():
    assert {model._meta.model_name for model in MODELS} - {"user"} == {
        model._meta.model_name for model in OURS
    }


def test_the_cast_covers_every_model(rows):
    assert set(rows) == set(OURS)


def enter(client, request, who):
    """Sign in as somebody; gives the models whose rows they may see, as they share the workspace:
    its name is no secret of ours then."""
    client.force_login(request.getfixturevalue(who))
    if who == "stranger":
        return set()
    Workspace.objects.filter(slug="acme").update(name="Ours")
    return SHARED


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.model_name)
@pytest.mark.parametrize("who", ["stranger", "neighbour"])
def test_others_get_nothing_of_any_row(client, rows, request, model, who):
    is_shared = model in enter(client, request, who)
    pk = rows[model].pk
    before = model.objects.filter(pk=pk).values().get()
    read = [url_of(model, page, pk) for page in ("change", "history", "delete")]
    read += [url_of(model, "changelist"), url_of(model, "changelist") + "?q=zzz"]
    written = [url_of(model, page, pk) for page in ("change", "delete")]
    written += [url_of(model, "do", pk, verb) for verb in ("revoke", "archive")]

    asked = [client.get(url, follow=True) for url in read]
    asked += [client.post(url, {"post": "yes"}, follow=True) for url in written]

    assert not any(answer.status_code >= 500 for answer in asked)
    assert is_shared or not any(MARK in answer.content.decode() for answer in asked)
    assert model.objects.filter(pk=pk).values().get() == before


@pytest.mark.parametrize("field", LINKS, ids=str)
@pytest.mark.parametrize("who", ["stranger", "neighbour"])
def test_others_are_offered_nothing_of_ours(client, rows, request, field, who):
    is_shared = field.related_model in enter(client, request, who)

    answer = client.get(
        reverse("admin:autocomplete"),
        {
            "app_label": "campaigns",
            "model_name": field.model._meta.model_name,
            "field_name": field.name,
            "term": "",
        },
    )

    assert answer.status_code in (200, 403, 404)
    assert is_shared or MARK not in answer.content.decode()
    assert "owner" not in answer.content.decode()


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.model_name)
def test_the_owner_sees_each_page_and_no_secret(client, rows, owner, model):
    client.force_login(owner)
    pk = rows[model].pk

    answers = [
        client.get(url_of(model, "changelist")),
        client.get(url_of(model, "change", pk)),
        client.get(url_of(model, "history", pk)),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert not any("s3cr3t-canary" in answer.content.decode() for answer in answers)


def test_who_is_no_staff_is_sent_to_the_login(client, rows):
    for model in OURS:
        assert client.get(url_of(model, "changelist")).status_code == 302
