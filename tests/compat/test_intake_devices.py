"""Devices through a dialect's door: registered, changed, told about, tagged and forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.errors import Conflict, Forbidden, Invalid, NotFound, OverCap
from campaigns.models import AuditEntry, Device, DeviceIdentifier, DeviceMark, DeviceSession
from campaigns.services import intake
from campaigns.services.access import make_guest
from campaigns.services.callers import Caller
from campaigns.services.doors import ensure_door
from providers.audience_calls import (
    ChangeTag,
    CountTags,
    DropAlias,
    DropDevice,
    FetchAlias,
    FetchDevices,
    ListTags,
    SaveDevice,
    SaveDevices,
)
from providers.contract import Cap
from providers.message_fields import Platform
from providers.recipients import TOKEN_KIND, IdentifierKind, PersonKind
from tests import builders
from tests.compat.conftest import OPEN, make_key

pytestmark = [pytest.mark.django_db, pytest.mark.database]
GIVEN = next(kind.name for kind in OPEN[0].identifier_kinds if not (kind.platform or kind.is_token))
OURS = IdentifierKind("registration", is_ours=True, letters="abc", length=20)
PLAIN = replace(
    OPEN[0], has_groups=False, caps={}, identifier_kinds=(*OPEN[0].identifier_kinds, OURS)
)
CAPPED = replace(
    PLAIN,
    caps={
        Cap.TAGS: 3,
        Cap.TAGS_PER_DEVICE: 2,
        Cap.DEVICES_PER_TAG: 2,
        Cap.TAG_BYTES: 8,
        Cap.ALIAS_BYTES: 8,
        Cap.DEVICES_PER_CALL: 3,
    },
)
STRANGE = ["\0", "a\0b", "\ud800", "x" * 5_000]
IOS, ANDROID = Platform.IOS, Platform.ANDROID


@pytest.fixture
def call(app):
    key, _text = make_key(app)

    def call(command, dialect=PLAIN, key=key, now=None):
        return intake.execute(command, Caller(key, dialect, now or datetime.now(UTC)))

    return call


@pytest.fixture
def save(call):
    """Save a device by an id that the caller gives."""

    def save(name="one", dialect=PLAIN, **fields):
        fields = {"platform": ANDROID, **fields}
        return call(SaveDevice(app="", kind=GIVEN, id=name, **fields), dialect)

    return save


def list_tags(device):
    tags = DeviceMark.objects.filter(device=device, kind="tag").order_by("name")
    return list(tags.values_list("name", flat=True))


def test_a_device_is_made_with_all_that_is_said_of_it(save):
    row = save(
        token="t1", external_user_id="ann", transport="fcm", values={"language": "de"},
        attributes={"plan": "pro"}, tags=("b", "a"), alias="annie",
    )  # fmt: skip

    device = Device.objects.get(pk=row.id)
    assert (row.is_new, row.platform, row.token, row.transport) == (True, "android", "t1", "fcm")
    assert (row.external_user_id, row.values["language"]) == ("ann", "de")
    assert (row.attributes, row.tags, row.alias) == ({"plan": "pro"}, ("a", "b"), "annie")
    assert (row.ids[GIVEN], device.person.external_user_id) == ("one", "ann")


def test_what_is_not_said_stays_and_what_is_empty_goes(save):
    made = save(token="t1", external_user_id="ann", tags=("a", "b"), alias="annie",
                attributes={"plan": "pro", "n": 1})  # fmt: skip

    kept = save()
    gone = save(token="", external_user_id="", tags=(), alias="", attributes={"plan": None})

    assert replace(kept, is_new=True) == made
    assert (gone.token, gone.external_user_id, gone.tags, gone.alias) == ("", "", (), "")
    assert gone.attributes == {"n": 1}
    assert Device.objects.get().token_state == "missing"
    assert AuditEntry.objects.filter(verb="move", target_id=str(made.id)).count() == 1


def test_tags_are_added_and_removed_one_by_one(save):
    save(tags=("a", "b"))

    row = save(add_tags=("c", "a"), remove_tags=("b", "never"))

    assert row.tags == ("a", "c")


def test_a_known_token_with_another_user_moves_the_device(call):
    def register(user):
        return call(SaveDevice(app="", platform=IOS, token="t1", external_user_id=user))

    first, second = register("ann"), register("bob")

    assert first.id == second.id
    assert (first.is_new, second.is_new, second.external_user_id) == (True, False, "bob")
    assert AuditEntry.objects.filter(verb="move", target_id=str(first.id)).exists()


def test_ids_of_two_devices_and_of_another_platform_are_a_conflict(save):
    save("one", token="t1")
    save("two", token="t2")

    with pytest.raises(Conflict):
        save("one", token="t2")
    with pytest.raises(Conflict):
        save("one", platform=IOS)
    assert set(Device.objects.values_list("token", flat=True)) == {"t1", "t2"}


def test_what_must_exist_is_not_made(save):
    with pytest.raises(NotFound):
        save("ghost", must_exist=True)

    assert not Device.objects.exists()


def test_a_new_device_needs_a_platform_and_a_known_one_keeps_its_own(save):
    with pytest.raises(Invalid) as refused:
        save("one", platform=None)
    save("one", platform=IOS)

    assert refused.value.field == "platform"
    assert save("one", platform=None, token="t1").platform == "ios"


def test_an_id_that_is_ours_is_made_once_and_finds_the_device(call):
    made = call(SaveDevice(app="", kind=OURS.name, platform=ANDROID, token="t1"))
    again = call(SaveDevice(app="", platform=ANDROID, token="t1"))
    [found] = call(FetchDevices("", OURS.name, (made.ids[OURS.name],))).rows

    assert len(made.ids[OURS.name]) == 20
    assert set(made.ids[OURS.name]) <= set("abc")
    assert made.ids == again.ids == found.ids
    assert (made.is_new, again.is_new) == (True, False)


def test_a_device_from_elsewhere_gets_our_id_when_it_is_told_about(call, app):
    person = builders.make_person(app.workspace, "ann")
    device = builders.make_device(app, "t1", person=person)

    [told] = call(FetchDevices("", PersonKind.EXTERNAL_USER_ID, ("ann",))).rows

    assert DeviceIdentifier.objects.get(device=device).value == told.ids[OURS.name]


def test_devices_of_one_call_are_saved_or_refused_each_on_its_own(call, save):
    save("old", token="t1")

    done = call(
        SaveDevices(
            "",
            (
                SaveDevice(app="", kind=GIVEN, id="old", token="t2"),
                SaveDevice(app="", kind=GIVEN, id="new", platform=IOS),
                SaveDevice(app="", kind=GIVEN, id="ghost", must_exist=True),
                SaveDevice(app="", platform=IOS),
                SaveDevice(app="", kind=GIVEN, id="odd", platform=IOS, values={"shoe_size": 43}),
                SaveDevice(app="", kind="no_such_kind", id="x", platform=IOS),
            ),
        )
    )

    assert [row and (row.ids[GIVEN], row.is_new) for row in done.rows] == [
        ("old", False), ("new", True), None, None, None, None,
    ]  # fmt: skip
    assert done.faults == {
        2: "not_found", 3: "no_identity", 4: "invalid_values", 5: "unknown_id_kind",
    }  # fmt: skip


def test_devices_are_told_in_the_order_of_their_ids(call, save, app):
    save("one", token="t1", external_user_id="ann")
    save("two", token="t2", external_user_id="ann")
    ids = dict(Device.objects.values_list("token", "pk"))

    by_kind = call(FetchDevices("", GIVEN, ("two", "ghost", "one", "two"))).rows
    by_token = call(FetchDevices("", TOKEN_KIND, ("t2",))).rows
    by_our_id = call(FetchDevices("", "device", (str(ids["t1"]), "0", "x", "9" * 40))).rows
    by_person = call(FetchDevices("", PersonKind.EXTERNAL_USER_ID, ("ann",))).rows

    assert [row and row.token for row in by_kind] == ["t2", None, "t1", "t2"]
    assert [row.token for row in by_token] == ["t2"]
    assert [row and row.token for row in by_our_id] == ["t1", None, None, None]
    assert [row.token for row in by_person] == ["t1", "t2"]


def test_a_device_is_forgotten_with_all_that_it_carries(call, save):
    save("one", token="t1", tags=("a",), alias="annie")

    call(DropDevice("", GIVEN, "one"))

    assert not Device.objects.exists()
    assert not DeviceMark.objects.exists()
    assert AuditEntry.objects.filter(verb="delete", target_type="device").exists()
    with pytest.raises(NotFound):
        call(DropDevice("", GIVEN, "one"))


def test_a_tag_is_given_taken_listed_counted_and_dropped(call, save):
    for name, platform in (("one", ANDROID), ("two", IOS), ("three", IOS)):
        save(name, platform=platform, tags=("old",))

    done = call(ChangeTag(app="", tag="vip", kind=GIVEN, add=("one", "two", "ghost")))
    call(ChangeTag(app="", tag="old", kind=GIVEN, remove=("one", "ghost")))
    listed = call(ListTags("")).counts
    counted = call(CountTags("", ("vip", "none"), IOS)).counts
    call(ChangeTag(app="", tag="old", is_dropped=True, platforms=(ANDROID,)))
    kept = call(ListTags("")).counts
    call(ChangeTag(app="", tag="old", is_dropped=True))

    assert (done.done, done.failed) == (("one", "two"), {"ghost": "unknown_id"})
    assert listed == kept == {"vip": 2, "old": 2}
    assert counted == {"vip": 1, "none": 0}
    assert call(ListTags("")).counts == {"vip": 2}


def test_an_alias_is_found_and_dropped_by_platform(call, save):
    for name, platform in (("one", ANDROID), ("two", IOS), ("three", IOS)):
        save(name, platform=platform, alias="team" if name != "three" else "other")

    everywhere = call(FetchAlias("", "team")).rows
    on_ios = call(FetchAlias("", "team", (IOS,))).rows
    call(DropAlias("", "team", (IOS,)))

    assert [row.ids[GIVEN] for row in everywhere] == ["one", "two"]
    assert [row.ids[GIVEN] for row in on_ios] == ["two"]
    assert [row.ids[GIVEN] for row in call(FetchAlias("", "team")).rows] == ["one"]


def test_at_a_cap_all_works_and_over_it_is_refused_by_its_name(call, save):
    save("one", CAPPED, tags=("a", "b"), alias="x" * 8)
    save("two", CAPPED, tags=("a", "ä" * 4))
    save("three", CAPPED)

    over = {
        Cap.TAGS: lambda: save("three", CAPPED, tags=("new",)),
        Cap.TAGS_PER_DEVICE: lambda: save("one", CAPPED, add_tags=("ä" * 4,)),
        Cap.DEVICES_PER_TAG: lambda: save("three", CAPPED, tags=("a",)),
        Cap.TAG_BYTES: lambda: save("one", CAPPED, tags=("ä" * 5,)),
        Cap.ALIAS_BYTES: lambda: save("one", CAPPED, alias="ä" * 5),
        Cap.DEVICES_PER_CALL: lambda: call(
            SaveDevices("", (SaveDevice(app="", platform=IOS, token="t"),) * 4), CAPPED
        ),
    }
    refused = {}
    for name, act in over.items():
        with pytest.raises(OverCap) as caught:
            act()
        refused[name] = caught.value.subject
    for command in (
        ChangeTag(app="", tag="a", kind=GIVEN, add=("three",)),
        ChangeTag(app="", tag="new", kind=GIVEN, add=("three",)),
        ChangeTag(app="", tag="x" * 9, kind=GIVEN, add=("three",)),
    ):
        with pytest.raises(OverCap):
            call(command, CAPPED)
    full = call(ChangeTag(app="", tag="b", kind=GIVEN, add=("one", "two")), CAPPED)

    assert refused == {name: name.value for name in over}
    assert (full.done, full.failed) == (("one",), {"two": "too_many_tags"})
    tags = {name: list_tags(Device.objects.get(identifiers__value=name)) for name in ("one", "two")}
    assert tags == {"one": ["a", "b"], "two": ["a", "ä" * 4]}
    assert call(ListTags("")).counts == {"a": 2, "b": 1, "ä" * 4: 1}


@pytest.mark.parametrize("text", STRANGE)
def test_strange_texts_are_refused_in_words(call, save, text):
    save("one", token="t1")
    fields = {
        "external_user_id": text[:400], "tags": (text,), "alias": text, "transport": text,
        "add_tags": (text,), "attributes": {text: 1}, "values": {"model": text},
    }  # fmt: skip

    for name, value in fields.items():
        with pytest.raises(Invalid):
            save("one", **{name: value})
    with pytest.raises(Invalid):
        save(text)
    with pytest.raises(Invalid):
        call(ChangeTag(app="", tag=text, kind=GIVEN, add=("one",)))
    found = call(FetchDevices("", GIVEN, (text,))), call(FetchAlias("", text))
    call(ChangeTag(app="", tag=text, is_dropped=True))
    call(DropAlias("", text))

    assert [answer.rows for answer in found] == [(None,), ()]
    assert call(CountTags("", (text,))).counts == {text: 0}
    assert call(FetchDevices("", PersonKind.EMAIL, (text,))).rows == ()
    done = call(ChangeTag(app="", tag="good", kind=GIVEN, add=(text,)))
    assert done.failed == {text: "unknown_id"}


def test_any_letters_make_a_tag_and_an_alias(save, call):
    row = save("one", tags=("标签", "\U0001f600", "a,b", "%"), alias="Ünïcode 'quoted\"")

    assert len(row.tags) == 4
    assert call(FetchAlias("", row.alias)).rows[0].id == row.id
    assert call(CountTags("", ("%", "标签"))).counts == {"%": 1, "标签": 1}


def test_thousands_of_devices_get_a_tag_at_once_and_lose_it(call, app):
    names = tuple(f"n{number}" for number in range(3_000))
    saved = call(
        SaveDevices(
            "",
            tuple(SaveDevice(app="", kind=GIVEN, id=name, platform=IOS) for name in names),
        ),
        replace(PLAIN, identifier_kinds=OPEN[0].identifier_kinds),
    )

    done = call(ChangeTag(app="", tag="all", kind=GIVEN, add=names))
    counted = call(CountTags("", ("all",))).counts
    call(ChangeTag(app="", tag="all", is_dropped=True))

    assert (len(saved.rows), saved.faults, len(done.done)) == (3_000, {}, 3_000)
    assert counted == {"all": 3_000}
    assert not DeviceMark.objects.exists()


def test_a_stranger_finds_no_device_and_no_tag(call, save, app):
    save("one", token="t1", external_user_id="ann", tags=("a",), alias="annie")
    elsewhere = builders.make_app(builders.make_workspace("other"))
    key, _text = make_key(elsewhere)
    own = str(Device.objects.get().pk)

    for command in (
        SaveDevice(app=str(app.pk), kind=GIVEN, id="one"),
        FetchDevices(str(app.pk), GIVEN, ("one",)),
        DropDevice(str(app.pk), GIVEN, "one"),
        DropDevice("", "device", own),
        SaveDevice(app="", kind="device", id=own),
        ListTags(str(app.pk)),
        FetchAlias(str(app.pk), "annie"),
    ):
        with pytest.raises(NotFound):
            call(command, key=key)
    for kind, name in ((GIVEN, "one"), ("device", own), (TOKEN_KIND, "t1")):
        assert call(FetchDevices("", kind, (name,)), key=key).rows == (None,)
    assert call(FetchDevices("", PersonKind.EXTERNAL_USER_ID, ("ann",)), key=key).rows == ()
    assert call(ListTags(""), key=key).counts == {}
    assert call(FetchAlias("", "annie"), key=key).rows == ()
    done = call(ChangeTag(app="", tag="a", kind=GIVEN, add=("one",), remove=("one",)), key=key)
    call(ChangeTag(app="", tag="a", is_dropped=True), key=key)
    call(DropAlias("", "annie"), key=key)
    twin = call(SaveDevice(app="", kind=GIVEN, id="one", platform=IOS, token="t1"), key=key)

    assert done.failed == {"one": "unknown_id"}
    assert (twin.is_new, str(twin.id) == own) == (True, False)
    assert save("one").tags == ("a",)


def test_a_key_that_may_only_read_changes_no_device(call, save, app):
    key, _text = make_key(app, scopes=["read"])
    save("one", tags=("a",))

    assert call(FetchDevices("", GIVEN, ("one",)), key=key).rows[0].tags == ("a",)
    for command in (
        SaveDevice(app="", kind=GIVEN, id="one"),
        DropDevice("", GIVEN, "one"),
        ChangeTag(app="", tag="a", is_dropped=True),
        DropAlias("", "x"),
    ):
        with pytest.raises(Forbidden):
            call(command, key=key)


def test_a_device_that_calls_for_itself_is_seen(call, app, now):
    door = ensure_door(app, PLAIN, now)
    name = next(iter(door.names.values_list("value", flat=True)))

    row = call(SaveDevice(app=name, kind=GIVEN, id="one", platform=IOS), key=make_guest(), now=now)
    call(SaveDevice(app="", kind=GIVEN, id="two", platform=IOS))

    seen = dict(Device.objects.values_list("pk", "last_seen_at"))
    assert seen.pop(row.id) == now
    assert list(seen.values()) == [None]


def test_a_device_is_online_for_a_minute_after_it_has_pulled(call, save, now):
    row = save("one")
    DeviceSession.objects.create(device_id=row.id, secret_hash="", created_at=now, pulled_at=now)

    online = [
        call(FetchDevices("", GIVEN, ("one",)), now=now + timedelta(seconds=seconds)).rows[0]
        for seconds in (60, 61)
    ]

    assert [told.is_online for told in online] == [True, False]
