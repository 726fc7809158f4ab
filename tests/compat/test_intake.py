"""Our own clients drive our own doors: groups, pushes taken once, their status and report."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.compat.views import answer_refusal
from campaigns.errors import Conflict, Forbidden, Invalid, NotFound
from campaigns.models import (
    ApiKey,
    App,
    Campaign,
    Group,
    Submission,
    TargetChunk,
    Transfer,
    Workspace,
)
from campaigns.selectors.approvals import list_sent_without
from campaigns.services import access, intake
from campaigns.services.callers import Caller
from providers import registry
from providers.commands import (
    CreateGroup,
    FetchGroup,
    FetchStatus,
    ListGroups,
    PushPart,
    SendPush,
    TransferState,
    UpdateGroup,
)
from providers.message import AndroidContent, PushMessage
from providers.message_fields import Platform
from providers.outcomes import Failure
from providers.recipients import Audience, Targets
from providers.reports import FetchReport, Metric
from tests import builders
from tests.compat.conftest import OPEN, make_key

pytestmark = [pytest.mark.django_db, pytest.mark.database]
GROUPED = [dialect for dialect in OPEN if dialect.has_groups]
for_each_grouped = pytest.mark.parametrize("dialect", GROUPED, ids=lambda dialect: dialect.key)
MESSAGE = PushMessage(android=AndroidContent(title="Hi", body="There"))


def find_kind(dialect):
    return next(kind.name for kind in dialect.identifier_kinds if kind.platform is Platform.ANDROID)


def make_push(dialect, group, **fields):
    targets = Targets(find_kind(dialect), ("token-1", "token-2"))
    parts = (PushPart(MESSAGE, (targets,)),)
    values = {"parts": parts, "group": group, "tag": "spring", "client_key": "77", **fields}
    return SendPush(**values)


@pytest.fixture
def caller(app):
    return Caller(make_key(app)[0], GROUPED[0], datetime.now(UTC))


@pytest.fixture
def group(app):
    return Group.objects.create(app=app, name="News")


@for_each_grouped
def test_our_client_sends_through_our_door(app, connect, dialect):
    client, led = connect(dialect)

    with led:
        group = client.ensure_group(CreateGroup("", "News", 500))
        again = client.ensure_group(CreateGroup("", "News", 500))
        receipt = client.send(client.write(make_push(dialect, group)))
        by_id = client.fetch_status(FetchStatus(transfer=receipt.reference))
        by_key = client.fetch_status(FetchStatus(group=group, client_key="77"))

    transfer = Transfer.objects.get(pk=receipt.reference)
    assert group == again
    assert (transfer.group.name, transfer.group.send_rate) == ("News", 500)
    assert (transfer.app, transfer.tag, transfer.client_key) == (app, "spring", "77")
    assert transfer.submission.door == dialect.key
    assert by_id.state is by_key.state is TransferState.ACCEPTED
    assert TargetChunk.objects.filter(part__transfer=transfer).count() == 1
    assert not Campaign.objects.exists()


@for_each_grouped
def test_a_push_of_a_strangers_group_is_refused(workspace, app, connect, dialect):
    other = builders.make_app(workspace, "other")
    foreign = Group.objects.create(app=other, name="Theirs")
    client, led = connect(dialect)

    with led, pytest.raises(Failure):
        client.send(client.write(make_push(dialect, str(foreign.pk))))

    assert not Transfer.objects.exists()
    assert not Submission.objects.exists()


def test_the_same_push_under_the_same_id_is_taken_once(caller, group):
    push = make_push(caller.dialect, str(group.pk))

    first, second = intake.execute(push, caller), intake.execute(push, caller)

    assert first == second
    assert Transfer.objects.count() == Submission.objects.count() == 1


def test_another_push_under_the_same_id_is_a_conflict(caller, group):
    push = make_push(caller.dialect, str(group.pk))
    intake.execute(push, caller)

    with pytest.raises(Conflict):
        intake.execute(replace(push, tag="autumn"), caller)

    assert Transfer.objects.count() == 1


def test_an_id_counts_inside_its_group_only(app, caller, group):
    second = Group.objects.create(app=app, name="Offers")

    transfers = [
        intake.execute(make_push(caller.dialect, str(item.pk)), caller).transfer
        for item in (group, second)
    ]

    assert len(set(transfers)) == 2


def test_pushes_without_an_id_are_all_taken(caller, group):
    push = make_push(caller.dialect, str(group.pk), client_key="")

    transfers = {intake.execute(push, caller).transfer for _call in range(2)}

    assert len(transfers) == 2


def test_pushes_of_a_dialect_without_groups_go_into_one_of_its_name(app, caller):
    plain = replace(caller, dialect=replace(caller.dialect, has_groups=False, label="Plain"))
    push = make_push(caller.dialect, "", client_key="")

    named = intake.execute(replace(push, app=str(app.pk)), plain)
    unnamed = intake.execute(push, plain)

    groups = {Transfer.objects.get(pk=item.transfer).group for item in (named, unnamed)}
    assert [(group.app, group.name) for group in groups] == [(app, "Plain")]


def test_a_key_of_two_apps_must_name_one_where_there_are_no_groups(workspace, app, caller):
    other = builders.make_app(workspace, "other")
    key, _text = access.issue_key(
        workspace, name="Two", apps=[app, other], actor="owner", now=caller.now
    )
    dialect = replace(caller.dialect, has_groups=False, label="Plain")
    push = make_push(dialect, "", client_key="")

    with pytest.raises(Invalid):
        intake.execute(push, replace(caller, key=key, dialect=dialect))
    accepted = intake.execute(
        replace(push, app=str(other.pk)), replace(caller, key=key, dialect=dialect)
    )

    assert Transfer.objects.get(pk=accepted.transfer).app == other


def test_an_archived_group_takes_no_push(caller, group, now):
    Group.objects.filter(pk=group.pk).update(archived_at=now)

    with pytest.raises(Invalid):
        intake.execute(make_push(caller.dialect, str(group.pk)), caller)


def test_where_approval_is_needed_a_key_must_be_allowed_to_go_without(app, caller, group):
    app.needs_approval = True
    app.save()
    push = make_push(caller.dialect, str(group.pk))
    allowed, _text = make_key(app, scopes=ApiKey.Scope.values)

    with pytest.raises(Forbidden):
        intake.execute(push, caller)
    accepted = intake.execute(push, replace(caller, key=allowed))
    reader = builders.make_member("reader", app.workspace, app=app, role="viewer")
    elsewhere = Workspace.objects.create(name="Elsewhere", slug="elsewhere")
    stranger = builders.make_member("stranger", elsewhere, role="admin")
    week = caller.now - timedelta(days=7)

    transfer = Transfer.objects.get()
    assert transfer.pk == int(accepted.transfer)
    # Home tells whoever sees the app.
    shown = list_sent_without(reader, week, 8)
    assert shown == [(transfer, f"key {allowed.public_id}")]
    assert list_sent_without(stranger, week, 8) == []
    assert list_sent_without(reader, caller.now + timedelta(days=1), 8) == []


@pytest.mark.parametrize(("above", "is_taken"), [(None, False), (1, False), (2, True), (5, True)])
def test_above_so_many_what_names_its_recipients_is_judged_by_their_number(
    app, caller, group, above, is_taken
):
    App.objects.update(needs_approval=True, approval_above=above)
    push = make_push(caller.dialect, str(group.pk))
    assert sum(len(targets.values) for part in push.parts for targets in part.targets) == 2

    with nullcontext() if is_taken else pytest.raises(Forbidden):
        intake.execute(push, caller)

    assert Transfer.objects.exists() == is_taken


def test_above_so_many_what_describes_its_recipients_needs_the_scope(app, caller, group):
    App.objects.update(needs_approval=True, approval_above=1000)
    push = make_push(caller.dialect, str(group.pk))
    parts = tuple(replace(part, targets=(), audience=Audience()) for part in push.parts)

    with pytest.raises(Forbidden):
        intake.execute(replace(push, parts=parts), caller)


@pytest.mark.parametrize("dialect", [d for d in registry.all_dialects() if d.write_refusal],
                         ids=lambda dialect: dialect.key)  # fmt: skip
def test_every_door_says_in_its_own_way_that_an_approval_is_missing(dialect):
    refusal = Forbidden("Sends of this app need an approval.", code="approval_required")

    replies = [answer_refusal(dialect, route.path, refusal) for route in dialect.routes]

    assert replies
    # One vendor has no 403: it answers who may not by the 401 that its scripts know.
    assert {reply.status_code for reply in replies} <= {401, 403}


def test_a_key_without_the_scope_is_refused(app, caller, group):
    reader, _text = make_key(app, scopes=["read"])

    with pytest.raises(Forbidden):
        intake.execute(make_push(caller.dialect, str(group.pk)), replace(caller, key=reader))


def test_what_the_dialect_judges_later_is_kept_with_the_transfer(caller, group):
    silent = PushMessage(android=AndroidContent())
    push = make_push(caller.dialect, str(group.pk))
    push = replace(push, parts=(PushPart(silent, push.parts[0].targets),))

    accepted = intake.execute(push, caller)
    accepted_status = intake.execute(FetchStatus(transfer=accepted.transfer), caller)
    Transfer.objects.get().move_to("failed", actor="dispatch", now=caller.now)
    status = intake.execute(FetchStatus(transfer=accepted.transfer), caller)

    assert (accepted_status.state, accepted_status.faults) == (TransferState.ACCEPTED, ())
    assert status.state is TransferState.FAILED
    assert status.faults == caller.dialect.find_faults(push)


def test_the_status_tells_the_time_in_the_apps_zone(app, caller, group):
    app.timezone = "Asia/Tokyo"
    app.save()
    accepted = intake.execute(make_push(caller.dialect, str(group.pk)), caller)

    status = intake.execute(FetchStatus(transfer=accepted.transfer), caller)

    assert status.created_at.isoformat().endswith("+09:00")
    assert status.created_at == caller.now


def test_what_belongs_to_others_is_not_there(workspace, caller, now):
    other = builders.make_app(workspace, "other")
    foreign = other.groups.get()
    transfer = Transfer.objects.create(
        app=other, group=foreign, status_since=now, due_at=now, created_at=now, client_key="7"
    )
    metrics = (Metric.SENT,)
    asked = (
        ListGroups(str(other.pk)),
        CreateGroup(str(other.pk), "Mine"),
        FetchGroup(str(foreign.pk)),
        UpdateGroup(str(foreign.pk), "Mine"),
        FetchStatus(transfer=str(transfer.pk)),
        FetchStatus(group=str(foreign.pk), client_key="7"),
        FetchReport(apps=(str(other.pk),), metrics=metrics),
        FetchGroup("99999999999999999999"),
        FetchGroup("\u0661"),
    )

    for command in asked:
        with pytest.raises(NotFound):
            intake.execute(command, caller)
