"""Labels and their members through a dialect's door: made, looked up, filled, listed, bounded."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from campaigns.errors import Conflict, Forbidden, Invalid, NotFound, OverCap
from campaigns.models import Device, Door, Label, LabelMember, Part, Person
from campaigns.services import intake
from campaigns.services.callers import Caller
from providers.audience_calls import (
    ChangeMembers,
    CreateLabel,
    DeleteLabel,
    FetchLabel,
    FetchMember,
    ListLabels,
    ListMembers,
)
from providers.commands import PushPart, SendPush
from providers.contract import LABELS_IGNORE_CASE, Cap
from providers.fields import FieldSpec
from providers.message import PushMessage
from providers.recipients import Audience
from tests import builders
from tests.compat.conftest import OPEN, make_key

pytestmark = [pytest.mark.django_db, pytest.mark.database]
PLAIN = replace(
    OPEN[0], has_groups=False, label="Plain", find_faults=None, caps={}, door_options=(),
    running_limits={}, refuses_empty=False,
)  # fmt: skip
CAPPED = replace(PLAIN, caps={Cap.LABELS: 2, Cap.MEMBERS: 3, Cap.MEMBERS_PER_CALL: 3})
FOLDING = replace(
    PLAIN,
    door_options=(FieldSpec(name=LABELS_IGNORE_CASE, kind="bool", label="Case", default=True),),
)
STRANGE = ["", "\0", "a\0b", "\ud800", "x" * 129, "x" * 100_000]


@pytest.fixture
def call(app):
    key, _text = make_key(app)

    def call(command, dialect=PLAIN, key=key):
        return intake.execute(command, Caller(key, dialect, datetime.now(UTC)))

    return call


@pytest.fixture
def people(app):
    """Ten persons with a device each."""
    persons = [builders.make_person(app.workspace, f"u{number}") for number in range(10)]
    Device.objects.bulk_create(
        Device(app=app, person=person, platform="android", token_state="missing")
        for person in persons
    )
    return persons


def name_members(label):
    members = LabelMember.objects.filter(label__name=label)
    return set(members.values_list("person__external_user_id", flat=True))


def test_a_label_is_made_told_and_forgotten(call, app, people):
    made = call(CreateLabel("", "vip", "They know us"))
    call(ChangeMembers(app="", label="vip", add=("u1", "u2")))
    told = call(FetchLabel("", "vip"))
    call(DeleteLabel("", "vip"))

    assert (made.name, made.description, made.count) == ("vip", "They know us", 0)
    assert (told.count, told.created_at) == (2, made.created_at)
    assert not Label.objects.exists()
    assert not LabelMember.objects.exists()


def test_labels_are_listed_by_age_and_a_page_survives_what_changes(call):
    for name in "abcde":
        call(CreateLabel("", name))

    first = call(ListLabels("", limit=2))
    call(DeleteLabel("", "b"))
    call(CreateLabel("", "aa"))
    second = call(ListLabels("", limit=2, cursor=first.cursor))
    third = call(ListLabels("", limit=2, cursor=second.cursor))

    pages = [[row.name for row in page.rows] for page in (first, second, third)]
    assert pages == [["a", "b"], ["c", "d"], ["e", "aa"]]
    assert (bool(first.cursor), bool(second.cursor), third.cursor) == (True, True, "")


def test_a_cursor_that_was_never_given_is_refused(call):
    call(CreateLabel("", "vip"))

    for cursor in ("x", "-1", "\0", "9" * 30):
        with pytest.raises(Invalid) as refused:
            call(ListMembers("", "vip", cursor=cursor))
        assert refused.value.field == "cursor"


def test_members_are_told_by_name_and_the_unknown_are_named(call, people):
    call(CreateLabel("", "vip"))

    added = call(ChangeMembers(app="", label="vip", add=("u1", "nobody", "u2", "u1")))
    again = call(ChangeMembers(app="", label="vip", add=("u1",), remove=("u2", "u3", "ghost")))

    assert added.done == ("u1", "u2")
    assert added.failed == {"nobody": "unknown_id"}
    assert (again.done, again.failed) == (("u1", "u2", "u3"), {"ghost": "unknown_id"})
    assert name_members("vip") == {"u1"}
    assert call(FetchLabel("", "vip")).count == 1


def test_members_are_paged_each_once_while_others_come_and_go(call, people):
    call(CreateLabel("", "vip"))
    call(ChangeMembers(app="", label="vip", add=tuple(f"u{n}" for n in range(8))))

    first = call(ListMembers("", "vip", limit=3))
    call(ChangeMembers(app="", label="vip", add=("u9",), remove=("u0", "u4")))
    second = call(ListMembers("", "vip", limit=3, cursor=first.cursor))
    third = call(ListMembers("", "vip", limit=3, cursor=second.cursor))

    pages = [[row.person for row in page.rows] for page in (first, second, third)]
    assert pages == [["u0", "u1", "u2"], ["u3", "u5", "u6"], ["u7", "u9"]]
    assert third.cursor == ""


def test_a_member_is_found_and_who_is_none_is_not(call, people):
    call(CreateLabel("", "vip"))
    call(ChangeMembers(app="", label="vip", add=("u1",)))

    found = call(FetchMember("", "vip", "u1"))

    assert found.person == "u1"
    for name in ("u2", "nobody", *STRANGE):
        with pytest.raises(NotFound):
            call(FetchMember("", "vip", name))


def test_at_a_cap_all_works_and_over_it_is_refused_by_its_name(call, people):
    call(CreateLabel("", "a"), CAPPED)
    call(CreateLabel("", "b"), CAPPED)
    call(ChangeMembers(app="", label="a", add=("u0", "u1", "u2")), CAPPED)

    refused = {}
    for name, command in {
        Cap.LABELS: CreateLabel("", "c"),
        Cap.MEMBERS: ChangeMembers(app="", label="a", add=("u3",)),
        Cap.MEMBERS_PER_CALL: ChangeMembers(app="", label="b", add=("u0", "u1", "u2", "u3")),
    }.items():
        with pytest.raises(OverCap) as over:
            call(command, CAPPED)
        refused[name] = (over.value.code, over.value.subject)

    assert refused == {name: ("over_cap", name.value) for name in refused}
    assert name_members("a") == {"u0", "u1", "u2"}
    assert Label.objects.get(name="a").member_count == 3
    # Who carries it already is no more, and another door has no such cap.
    call(ChangeMembers(app="", label="a", add=("u0",)), CAPPED)
    call(CreateLabel("", "c"))


def test_case_counts_unless_the_door_says_otherwise(call, app, people):
    call(CreateLabel("", "Vip"), FOLDING)
    call(ChangeMembers(app="", label="vIP", add=("u1",)), FOLDING)

    with pytest.raises(Conflict):
        call(CreateLabel("", "VIP"), FOLDING)
    with pytest.raises(NotFound):
        call(FetchLabel("", "vip"))
    call(CreateLabel("", "vip"))
    told = {name: call(FetchLabel("", name), FOLDING).name for name in ("vip", "Vip", "VIP")}

    assert told == {"vip": "vip", "Vip": "Vip", "VIP": "Vip"}
    assert name_members("Vip") == {"u1"}
    Door.objects.filter(app=app).update(options={LABELS_IGNORE_CASE: False})
    with pytest.raises(NotFound):
        call(FetchLabel("", "VIP"), FOLDING)


def test_a_push_finds_its_label_as_the_door_looks_it_up(call, app, people):
    call(CreateLabel("", "Vip"))
    part = PushPart(PushMessage(title="Hi", body="There"), audience=Audience(labels=("vIp",)))

    call(SendPush(parts=(part,)), FOLDING)

    assert Part.objects.get().audiences == [{"labels": ["Vip"]}]
    with pytest.raises(NotFound) as refused:
        call(SendPush(parts=(part,)))
    assert refused.value.subject == "vIp"


@pytest.mark.parametrize("name", STRANGE)
def test_strange_names_are_refused_in_words(call, people, name):
    call(CreateLabel("", "vip"))

    with pytest.raises(Invalid) as refused:
        call(CreateLabel("", name))
    for command in (
        FetchLabel("", name),
        DeleteLabel("", name),
        ListMembers("", name),
        ChangeMembers(app="", label=name, add=("u1",)),
    ):
        with pytest.raises(NotFound):
            call(command)
    done = call(ChangeMembers(app="", label="vip", add=(name, "u1"), remove=(name,)))

    assert refused.value.field == "name"
    assert (done.done, done.failed) == (("u1",), {name: "unknown_id"})


def test_any_letters_make_a_name(call, people):
    for name in ("Straße 7", "标签", "\U0001f600", "%", "a'b\"c\\", "İ"):
        call(CreateLabel("", name))
        call(ChangeMembers(app="", label=name, add=("u1",)))

        assert call(FetchLabel("", name), FOLDING).count == 1


@pytest.mark.long
def test_ten_thousand_members_go_in_and_out_at_once(call, app):
    names = tuple(f"many{number}" for number in range(10_000))
    persons = Person.objects.bulk_create(
        Person(workspace=app.workspace, external_user_id=name) for name in names
    )
    Device.objects.bulk_create(
        Device(app=app, person=person, platform="android", token_state="missing")
        for person in persons
    )
    call(CreateLabel("", "all"))

    added = call(ChangeMembers(app="", label="all", add=names))
    counted = call(FetchLabel("", "all")).count
    removed = call(ChangeMembers(app="", label="all", remove=names[:9_999]))

    assert (len(added.done), counted, len(removed.done)) == (10_000, 10_000, 9_999)
    assert name_members("all") == {names[-1]}


def test_a_stranger_finds_neither_labels_nor_persons(call, app, people):
    call(CreateLabel("", "vip"))
    elsewhere = builders.make_app(builders.make_workspace("other"))
    key, _text = make_key(elsewhere)
    ours = str(app.pk)

    for command in (
        CreateLabel(ours, "mine"),
        FetchLabel(ours, "vip"),
        FetchLabel("", "vip"),
        ListLabels(ours),
        DeleteLabel(ours, "vip"),
        ChangeMembers(app=ours, label="vip", add=("u1",)),
        FetchMember(ours, "vip", "u1"),
        ListMembers(ours, "vip"),
    ):
        with pytest.raises(NotFound):
            call(command, key=key)
    call(CreateLabel("", "theirs"), key=key)
    done = call(ChangeMembers(app="", label="theirs", add=("u1",)), key=key)

    assert (done.done, done.failed) == ((), {"u1": "unknown_id"})
    assert call(ListLabels(""), key=key).rows[0].name == "theirs"


def test_a_key_that_may_only_read_changes_nothing(call, app, people):
    key, _text = make_key(app, scopes=["read"])
    call(CreateLabel("", "vip"))

    assert call(FetchLabel("", "vip"), key=key).name == "vip"
    for command in (
        CreateLabel("", "other"),
        DeleteLabel("", "vip"),
        ChangeMembers(app="", label="vip", add=("u1",)),
    ):
        with pytest.raises(Forbidden):
            call(command, key=key)
