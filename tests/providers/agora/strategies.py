"""Values that the vendor's wire can carry, for hypothesis."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import strategies as st

from providers.audience_calls import (
    DeviceRow,
    LabelRow,
    LabelRows,
    MemberRow,
    MemberRows,
    MembersChanged,
    SaveDevice,
)
from providers.commands import (
    Accepted,
    Fault,
    FaultKind,
    IssueToken,
    PushPart,
    SendPush,
    Token,
    TransferState,
    TransferStatus,
)
from providers.message import AndroidContent, IosContent, PushMessage
from providers.outcomes import Outcome, Reason, Result
from providers.receipts import ReceiptKind
from providers.recipients import Audience, PersonKind, Targets
from providers.reports import PlatformDay, PlatformDays, Totals
from providers.vendors.agora import wire_devices, wire_sends, wire_stats

# Any text but NUL and halves of surrogate pairs, and not empty: an empty one says nothing.
letters = st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00")


def texts(most: int) -> st.SearchStrategy[str]:
    return st.text(letters, min_size=1, max_size=most)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts(8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(5), inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(texts(5), values, max_size=3)
numbers = st.integers(1, 2**53 - 1).map(str)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
days = st.dates(date(2020, 1, 1), date(2035, 1, 1))
users = st.text("abcXYZ019:-_@ä/ ", min_size=1, max_size=30)

# What stands in one place for every phone is the same for both blocks.
data = texts(30) | objects.filter(bool).map(lambda value: f'{{"k":"{len(value)}"}}')
android_blocks = st.builds(
    AndroidContent,
    title=maybe(texts(60)),
    body=maybe(texts(60)),
    channel_id=maybe(texts(20)),
    icon=maybe(texts(20)),
    sound=maybe(texts(20)),
    collapse_key=maybe(st.integers(0, 2**31 - 1)),
    urgency=maybe(st.sampled_from(["high", "normal"])),
    time_to_live=maybe(st.integers(0, 2_419_200)),
    deeplink=maybe(texts(40)),
    badge=maybe(st.integers(0, 9999)),
    data=maybe(data),
)
ios_blocks = st.builds(
    IosContent,
    silent=maybe(st.just(True)),
    title=maybe(texts(60)),
    body=maybe(texts(60)),
    subtitle=maybe(texts(10)),
    badge=maybe(st.integers(0, 9999)),
    sound_name=maybe(texts(20).filter(lambda name: name != "default")),
    category=maybe(texts(20)),
    thread_id=maybe(texts(20)),
    collapse_id=maybe(texts(20)),
    mutable_content=maybe(st.integers(0, 1)),
    data=maybe(data),
)


def _share(message: PushMessage) -> PushMessage:
    """The basic fields are for every phone, so whoever has them on Android has them on iOS."""
    android, ios = message.android or AndroidContent(), message.ios or IosContent()
    ios = replace(
        ios,
        badge=android.badge if ios.badge is None else ios.badge,
        data=android.data if ios.data is None else ios.data,
    )
    return replace(
        message,
        android=android if android != AndroidContent() else None,
        ios=ios if ios != IosContent() else None,
    )


messages = st.builds(
    PushMessage,
    title=texts(32),
    body=texts(100),
    android=maybe(android_blocks),
    ios=maybe(ios_blocks),
    channel=st.just("") | st.sampled_from(sorted(wire_sends.STRATEGIES)),
    extras=st.fixed_dictionaries(
        {}, optional={"agora": st.fixed_dictionaries({"huawei": objects}, optional={"x": values})}
    ),
).map(_share)

# A `pushMessage` as a script may write it: every block, with what we know and what we do not.
bodies = st.fixed_dictionaries(
    {"title": texts(32), "content": texts(100)},
    optional={
        "subTitle": st.text(letters, max_size=10),
        "ext": st.dictionaries(texts(5), texts(20), max_size=3),
        "config": st.fixed_dictionaries(
            {},
            optional={
                "clickAction": st.dictionaries(
                    st.sampled_from(["url", "action", "activity"]), texts(10), max_size=3
                ),
                "badge": st.fixed_dictionaries(
                    {}, optional={"addNum": st.integers(0, 9), "setNum": st.integers(0, 9)}
                ),
            },
        ),
        "apns": st.fixed_dictionaries(
            {},
            optional={
                "badge": st.integers(10, 99) | texts(3),
                "sound": st.sampled_from(["default", "bell.caf", ""]),
                "mutableContent": st.booleans(),
                "contentAvailable": st.booleans(),
                "pushType": st.sampled_from(["alert", "background"]),
                "threadId": texts(8),
                "invalidationTime": st.integers(0, 2**40),
                "ext": objects,
                "title": texts(8),
            },
        ),
        "fcm": st.fixed_dictionaries(
            {},
            optional={
                "collapseKey": texts(8) | st.integers(0, 2**31 - 1).map(str),
                "priority": st.sampled_from(["high", "normal", "none"]),
                "timeToLive": st.integers(-5, 3_000_000),
                "data": objects,
                "notification": objects
                | st.dictionaries(
                    st.sampled_from(["title", "body", "icon", "tag", "color"]), texts(8)
                ),
            },
        ),
        "agora": objects,
        "easemob": objects,
        "xiaomi": objects,
        "huawei": objects,
        "harmonyOS": objects,
        "newField": values,
    },
)

named = st.builds(
    Targets,
    kind=st.just(PersonKind.EXTERNAL_USER_ID),
    values=st.lists(users, min_size=1, max_size=5, unique=True).map(tuple),
)
labels = st.text("abcXYZ019_.-", min_size=1, max_size=64)
audiences = st.builds(
    Audience, labels=st.lists(labels, min_size=1, max_size=5, unique=True).map(tuple)
)
pushes_to_users = st.builds(
    lambda message, to: _make_push(PushPart(message, (to,))), messages, named
)
pushes_to_labels = st.builds(
    lambda message, to: _make_push(PushPart(message, audience=to)), messages, audiences
)
pushes_to_all = messages.map(lambda message: _make_push(PushPart(message, audience=Audience())))


def _make_push(part: PushPart) -> SendPush:
    return SendPush(parts=(part,))


results = st.one_of(
    st.builds(Result, st.just(0), st.just(Outcome.ACCEPTED)),
    st.builds(
        Result,
        st.just(0),
        st.just(Outcome.FAILED),
        st.sampled_from([Reason.TOKEN, Reason.NO_TOKEN, Reason.UNKNOWN_ID]),
        st.just(""),
    ),
)
accepted = st.builds(Accepted, transfer=numbers)
statuses = st.builds(
    TransferStatus,
    transfer=numbers,
    group=st.just(""),
    tag=st.just(""),
    state=st.sampled_from(TransferState),
    created_at=moments,
    faults=st.lists(st.builds(Fault, st.sampled_from(FaultKind)), max_size=2).map(tuple),
)
label_rows = st.builds(
    LabelRow, labels, st.text(letters, max_size=20), st.integers(0, 20_000), moments
)
member_rows = st.builds(MemberRow, users, moments)
label_pages = st.builds(
    LabelRows, st.lists(label_rows, max_size=3).map(tuple), st.text("019", max_size=9)
)
member_pages = st.builds(
    MemberRows, st.lists(member_rows, max_size=3).map(tuple), st.text("019", max_size=9)
)
changes = st.builds(
    MembersChanged,
    st.lists(users, max_size=3).map(tuple),
    st.dictionaries(users, texts(10), max_size=2),
)
bindings = st.builds(
    SaveDevice,
    app=st.just("acme#shop"),
    kind=st.just(wire_devices.DEVICE_KIND),
    id=texts(30),
    token=texts(30),
    external_user_id=users,
    attributes=st.fixed_dictionaries({}, optional={wire_devices.NOTIFIER: texts(10)}),
).map(lambda device: replace(device, platform=wire_devices.find_platform(device.token)))
device_rows = st.builds(
    DeviceRow,
    id=st.integers(1, 9),
    platform=st.sampled_from(["android", "ios"]),
    token=texts(30),
    ids=st.fixed_dictionaries({wire_devices.DEVICE_KIND: texts(20)}),
    attributes=st.fixed_dictionaries({wire_devices.NOTIFIER: texts(10)}),
)


@st.composite
def day_reports(draw: st.DrawFn) -> PlatformDays:
    """One row per day and platform, with what the vendor's counts can say."""
    keys = st.tuples(days, st.sampled_from(sorted(wire_stats.PLATFORMS)))
    rows = []
    for day, platform in draw(st.lists(keys, max_size=4, unique=True)):
        sent, failed = draw(st.integers(0, 99)), draw(st.integers(0, 99))
        total = Totals(
            targets=sent + failed,
            sent=sent,
            failed={Reason.VENDOR: failed} if failed else {},
            receipts={ReceiptKind.DELIVERED: draw(maybe(st.integers(0, 99)))},
        )
        rows.append(PlatformDay(day, platform, total))
    return PlatformDays(tuple(sorted(rows, key=lambda row: (row.day, row.platform))))


issue_tokens = st.builds(
    IssueToken,
    client_id=texts(20),
    client_secret=texts(20),
    ttl=maybe(st.integers(0, 10**6)),
    app=st.just("acme#shop"),
)
tokens = st.builds(Token, texts(40), st.integers(0, 10**7), st.text("0af-", max_size=36))
