"""One call, several transfers: for the member apps of an app group, and for several pushes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from campaigns.errors import Conflict, Forbidden, Invalid, NotFound
from campaigns.models import AppGroup, IdempotencyRecord, Label, Message, Submission, Transfer
from campaigns.services import access, intake, intake_push, intake_sends
from campaigns.services.callers import Caller
from providers.commands import Accepted, Callback, PushPart, SendPush, SendPushes
from providers.message import PushMessage
from providers.outcomes import RefusalKind
from providers.recipients import Audience, PersonKind, Targets
from providers.reports import FetchTotals
from tests import builders
from tests.compat.conftest import make_key
from tests.compat.small import make_dialect

pytestmark = [pytest.mark.django_db, pytest.mark.database]
MESSAGE = PushMessage(title="Hi", body="There")
EVERYONE = PushPart(MESSAGE, audience=Audience())
GROUP_KEY = "g" * 24
GROUP_PUSH = SendPush(parts=(EVERYONE,), app_group=GROUP_KEY, client_key="cid-1")


@pytest.fixture
def apps(app):
    others = [builders.make_app(app.workspace, slug) for slug in ("cafe", "club")]
    group = AppGroup.objects.create(workspace=app.workspace, slug="all", group_key=GROUP_KEY)
    group.apps.set([app, *others])
    return [app, *others]


@pytest.fixture
def caller(app, apps, now):
    key, _text = access.issue_key(app.workspace, name="All", actor="owner", now=now)
    dialect = make_dialect(door_identifiers=lambda app: {"key": f"key-{app.slug}"})
    return Caller(key, dialect, now)


def test_every_app_of_a_group_gets_a_transfer_and_one_reference_names_all(caller, apps):
    answer = intake.execute(GROUP_PUSH, caller)

    transfers = [Transfer.objects.get(pk=entry.transfer) for entry in answer.entries]
    assert [transfer.app for transfer in transfers] == apps
    assert {transfer.submission.reference for transfer in transfers} == {answer.reference}
    assert len(answer.reference) == 20
    assert set(answer.reference) <= set("abcdefghijklmnopqrstuvwxyz234567")
    assert answer.names == ("key-shop", "key-cafe", "key-club")
    assert {transfer.group.name for transfer in transfers} == {"Small"}
    submission = Submission.objects.get()
    assert (submission.app, submission.app_group.group_key) == (None, GROUP_KEY)


def test_the_whole_is_found_by_our_reference_and_by_the_callers_id(caller, apps):
    answer = intake.execute(GROUP_PUSH, caller)

    for reference in (answer.reference, "cid-1"):
        found = intake.execute(FetchTotals(reference=reference), caller)
        assert {row.transfer for row in found.rows} == {item.transfer for item in answer.entries}


def test_one_app_that_refuses_leaves_the_others_alone(caller, apps):
    apps[1].needs_approval = True
    apps[1].save()

    first, second, third = intake.execute(GROUP_PUSH, caller).entries

    assert (type(first), type(third)) == (Accepted, Accepted)
    assert second.kind is RefusalKind.FORBIDDEN
    assert set(Transfer.objects.values_list("app", flat=True)) == {apps[0].pk, apps[2].pk}


def test_one_app_that_fails_leaves_the_others_alone(caller, apps, monkeypatch):
    write = intake_push.write_audience

    def fail_for_one(app, *described):
        if app == apps[1]:
            raise ZeroDivisionError
        return write(app, *described)

    monkeypatch.setattr(intake_push, "write_audience", fail_for_one)

    first, second, third = intake.execute(GROUP_PUSH, caller).entries

    assert second.kind is RefusalKind.INTERNAL
    assert [entry.transfer for entry in (first, third)] == [
        str(pk) for pk in Transfer.objects.order_by("pk").values_list("pk", flat=True)
    ]
    assert Message.objects.count() == 2


def test_the_same_group_push_is_taken_once(caller, apps):
    first, second = intake.execute(GROUP_PUSH, caller), intake.execute(GROUP_PUSH, caller)

    assert first == second
    assert Transfer.objects.count() == 3
    assert Submission.objects.count() == 1


def test_another_group_push_under_the_same_id_is_a_conflict(caller, apps):
    intake.execute(GROUP_PUSH, caller)

    with pytest.raises(Conflict):
        intake.execute(replace(GROUP_PUSH, tag="autumn"), caller)


def test_a_group_push_that_died_half_way_is_completed_and_doubles_nobody(caller, apps, monkeypatch):
    class Killed(BaseException):
        """The process ends here."""

    accept = intake_push.create_transfer

    def die_at_the_second(plan, **fields):
        if plan.app == apps[1]:
            raise Killed
        return accept(plan, **fields)

    with monkeypatch.context() as patched:
        patched.setattr(intake_push, "create_transfer", die_at_the_second)
        with pytest.raises(Killed):
            intake.execute(GROUP_PUSH, caller)
    half = list(Transfer.objects.values_list("app", flat=True))
    messages = Message.objects.count()

    answer = intake.execute(GROUP_PUSH, caller)

    assert (half, messages) == ([apps[0].pk], 1)
    assert [Transfer.objects.get(pk=item.transfer).app for item in answer.entries] == apps
    assert Transfer.objects.count() == 3
    assert Submission.objects.count() == 1


def test_an_id_of_more_than_a_day_ago_counts_in_each_app_still(caller, apps):
    first = intake.execute(GROUP_PUSH, caller)
    IdempotencyRecord.objects.all().update(created_at=caller.now - timedelta(hours=25))

    second = intake.execute(GROUP_PUSH, caller)

    assert second.entries == first.entries
    assert Transfer.objects.count() == 3


def test_who_joins_the_group_later_gets_it_when_the_call_is_repeated(caller, apps):
    group = AppGroup.objects.get()
    group.apps.set(apps[1:])
    first = intake.execute(GROUP_PUSH, caller)
    group.apps.set(apps)

    second = intake.execute(GROUP_PUSH, caller)

    assert second.entries[1:] == first.entries
    assert Transfer.objects.count() == 3


def test_group_pushes_without_an_id_are_all_taken(caller, apps):
    push = replace(GROUP_PUSH, client_key="")

    references = {intake.execute(push, caller).reference for _call in range(2)}

    assert len(references) == 2
    assert Transfer.objects.count() == 6


def test_a_group_that_one_does_not_reach_takes_nothing(app, caller, apps, now):
    narrow = replace(caller, key=make_key(app)[0])
    elsewhere = builders.make_workspace("elsewhere")
    stranger = replace(caller, key=make_key(builders.make_app(elsewhere))[0])

    with pytest.raises(Forbidden):
        intake.execute(GROUP_PUSH, narrow)
    with pytest.raises(NotFound) as refused:
        intake.execute(GROUP_PUSH, stranger)
    AppGroup.objects.get().apps.clear()
    with pytest.raises(Invalid):
        intake.execute(GROUP_PUSH, caller)

    assert refused.value.field == "app_group"
    assert not Transfer.objects.exists()


def test_a_label_that_one_app_has_not_refuses_that_app_only(caller, apps):
    Label.objects.create(app=apps[0], name="vip")
    push = replace(GROUP_PUSH, parts=(PushPart(MESSAGE, audience=Audience(labels=("vip",))),))

    first, second, third = intake.execute(push, caller).entries

    assert type(first) is Accepted
    assert {(item.field, item.subject) for item in (second, third)} == {("audience.labels", "vip")}


def make_pushes(apps, **fields):
    person = PushPart(MESSAGE, (Targets(PersonKind.EMAIL, ("a@x.org",)),))
    return tuple(SendPush(parts=(person,), app=str(app.pk), **fields) for app in apps)


def test_each_of_several_pushes_is_taken_or_refused_on_its_own(caller, apps):
    wrong = SendPush(parts=(EVERYONE,), app="nowhere")
    first, third = make_pushes((apps[0], apps[2]))

    answer = intake.execute(SendPushes((first, wrong, third), client_key="bulk-1"), caller)

    one, refused, two = answer.entries
    assert (refused.kind, refused.field, refused.subject) == (
        RefusalKind.NOT_FOUND, "app", "nowhere",
    )  # fmt: skip
    assert [Transfer.objects.get(pk=item.transfer).app for item in (one, two)] == [
        apps[0], apps[2],
    ]  # fmt: skip
    assert Submission.objects.get().client_key == "bulk-1"
    assert Submission.objects.get().reference == answer.reference


def test_the_same_pushes_under_the_same_id_are_taken_once(caller, apps):
    call = SendPushes(make_pushes((apps[0], apps[0])), client_key="bulk-1")

    first, second = intake.execute(call, caller), intake.execute(call, caller)

    assert first == second
    assert len({item.transfer for item in first.entries}) == Transfer.objects.count() == 2
    with pytest.raises(Conflict):
        intake.execute(replace(call, pushes=call.pushes[:1]), caller)


def test_pushes_with_callbacks_of_their_own_keep_them(caller, apps):
    here, there = Callback(url="https://a.example/"), Callback(url="https://b.example/", data="7")
    (plain,) = make_pushes(apps[:1])
    pushes = (replace(plain, callback=here), replace(plain, callback=there), plain)
    call = SendPushes(pushes, client_key="bulk-1")

    answer, again = intake.execute(call, caller), intake.execute(call, caller)

    kept = [Transfer.objects.get(pk=item.transfer).submission for item in answer.entries]
    assert answer == again
    assert [item.callback and item.callback["url"] for item in kept] == [
        "https://a.example/", "https://b.example/", None,
    ]  # fmt: skip
    assert {item.reference for item in kept} == {answer.reference}


def test_a_callback_of_one_push_is_kept_with_its_submission(caller, apps):
    callback = Callback(url="https://a.example/", data="7", wants_intermediate=True)
    (push,) = make_pushes(apps[:1], callback=callback)

    intake.execute(push, caller)

    assert Callback(**Submission.objects.get().callback) == callback


def test_a_call_of_which_no_push_is_left_is_answered_and_leaves_nothing(caller):
    answer = intake.execute(SendPushes((), client_key="bulk-1"), caller)

    assert (answer.entries, answer.client_key) == ((), "bulk-1")
    assert not Submission.objects.exists()


ALONE = replace(GROUP_PUSH, app_group="", is_dry_run=True)


@pytest.mark.parametrize(
    ("write", "count"),
    [
        (lambda app: replace(GROUP_PUSH, is_dry_run=True), 3),
        (lambda app: replace(ALONE, app=app), 1),
        (lambda app: SendPushes((replace(ALONE, app=app),)), 1),
    ],
    ids=["group", "one", "many"],
)
def test_a_dry_run_answers_an_id_of_nobody_and_writes_nothing(caller, apps, write, count):
    before = apps[0].groups.count()

    answer = intake.execute(write(str(apps[0].pk)), caller)

    entries = [answer] if isinstance(answer, Accepted) else answer.entries
    assert [type(item) for item in entries] == [Accepted] * count
    assert all(2**52 <= int(item.transfer) < 2**53 for item in entries)
    assert not Transfer.objects.exists()
    assert not Submission.objects.exists()
    assert not IdempotencyRecord.objects.exists()
    assert apps[0].groups.count() == before


def test_a_dry_run_refuses_what_a_send_would(caller, apps):
    part = PushPart(MESSAGE, audience=Audience(labels=("gone",)))

    with pytest.raises(NotFound):
        intake.execute(SendPush(parts=(part,), app=str(apps[0].pk), is_dry_run=True), caller)


def test_a_dry_run_under_an_id_that_is_taken_is_no_conflict(caller, apps):
    intake.execute(GROUP_PUSH, caller)

    answer = intake.execute(replace(GROUP_PUSH, tag="other", is_dry_run=True), caller)

    assert len(answer.entries) == 3
    assert int(answer.entries[0].transfer) >= intake_sends.FIRST_MEANINGLESS
