"""Calls of the dialect for hypothesis, as scripts write them, and audiences as we do."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from providers.audience import And, Condition, Expression, Not, Op
from providers.recipients import Audience

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
NAMES = st.text("abcdefghij-_é", min_size=1, max_size=10)
IDS = st.lists(st.text("0123456789abcdef", min_size=4, max_size=20), min_size=1, max_size=3)
JSON = st.recursive(
    st.booleans() | st.integers(-1000, 1000) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(NAMES, JSON, min_size=1, max_size=2)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


ALERTS = TEXT | st.fixed_dictionaries({"body": TEXT}, optional={"title": TEXT, "loc-key": NAMES})
ANDROID = st.fixed_dictionaries(
    {"alert": TEXT},
    optional={
        "title": TEXT,
        "builder_id": st.integers(0, 100),
        "channel_id": NAMES,
        "priority": st.integers(-2, 2),
        "category": NAMES,
        "style": st.integers(0, 3),
        "big_text": TEXT,
        "inbox": OBJECTS,
        "big_pic_path": NAMES,
        "extras": OBJECTS,
        "intent": st.fixed_dictionaries({"url": NAMES}),
        "large_icon": NAMES,
        "small_icon": NAMES,
        "sound": NAMES,
        "badge_add_num": st.integers(1, 99),
        "badge_set_num": st.integers(0, 99),
        "badge_class": NAMES,
        "display_foreground": st.sampled_from(["0", "1"]),
        "group_id": NAMES,
        "is_fold": st.booleans(),
    },
)
IOS = st.fixed_dictionaries(
    {"alert": ALERTS | st.fixed_dictionaries({"body": TEXT, "subtitle": TEXT})},
    optional={
        "sound": NAMES | st.sampled_from(["", "default"]) | OBJECTS,
        "badge": st.integers(0, 99) | st.sampled_from(["+1", "-2"]),
        "content-available": st.booleans(),
        "mutable-content": st.booleans(),
        "category": NAMES,
        "extras": OBJECTS,
        "thread-id": NAMES,
        "interruption-level": st.sampled_from(["passive", "active", "loud"]),
    },
)
HMOS = st.fixed_dictionaries(
    {"alert": TEXT, "category": NAMES, "intent": st.fixed_dictionaries({"url": NAMES})},
    optional={"title": TEXT, "badge_add_num": st.integers(1, 99), "extras": OBJECTS},
)
WEB = st.fixed_dictionaries(
    {"url": NAMES}, optional={"alert": TEXT, "title": TEXT, "icon": NAMES, "extras": OBJECTS}
)
NOTIFICATIONS = st.fixed_dictionaries(
    {"alert": ALERTS}, optional={"android": ANDROID, "ios": IOS, "hmos": HMOS, "web": WEB}
)
MESSAGES = st.fixed_dictionaries(
    {"msg_content": TEXT | OBJECTS},
    optional={"title": TEXT, "content_type": NAMES, "extras": OBJECTS},
)
OPTIONS = some(
    time_to_live=st.integers(0, 1_296_000),
    apns_collapse_id=NAMES,
    apns_production=st.booleans(),
    multi_language=st.dictionaries(
        st.sampled_from(["en", "de"]), some(content=TEXT, title=TEXT, subtitle=TEXT), max_size=2
    ),
    classification=st.integers(0, 1),
    plan_id=NAMES,
    cid=st.text("abcXYZ019_-", min_size=1, max_size=64),
    third_party_channel=st.just({"huawei": {"distribution": "first_ospush"}}),
    enhanc_message=st.booleans(),
    unheard_of=JSON,
)
PLATFORMS = (
    st.sampled_from(["all", "web"])
    | st.lists(st.sampled_from(["android", "ios", "hmos"]), min_size=1, max_size=3, unique=True)
)  # fmt: skip
BODIES = st.fixed_dictionaries(
    {"platform": PLATFORMS, "notification": NOTIFICATIONS},
    optional={"message": MESSAGES, "options": OPTIONS},
) | st.fixed_dictionaries(
    {"platform": PLATFORMS, "message": MESSAGES}, optional={"options": OPTIONS}
)
TARGETS = st.just("all") | some(
    registration_id=IDS,
    alias=st.lists(NAMES, min_size=1, max_size=2),
    tag=st.lists(NAMES, min_size=1, max_size=2),
    tag_and=st.lists(NAMES, min_size=1, max_size=2),
    tag_not=st.lists(NAMES, min_size=1, max_size=2),
    seg=st.fixed_dictionaries({"id": NAMES}),
    live_activity_id=NAMES,
).filter(bool)
CALLS = st.fixed_dictionaries(
    {"to": TARGETS, "body": BODIES},
    optional={"from": NAMES, "request_id": NAMES, "custom_args": NAMES | OBJECTS},
)


def _join(terms: list[Expression]) -> Expression | None:
    return terms[0] if len(terms) == 1 else And(tuple(terms)) if terms else None


TERMS = st.fixed_dictionaries(
    {},
    optional={
        "alias": st.builds(lambda names: Condition("device.alias", Op.IN, tuple(names)), IDS),
        "tag": st.builds(lambda names: Condition("device.tag", Op.IN, tuple(names)), IDS),
        "tag_and": st.builds(lambda name: Condition("device.tag", Op.EQ, name), NAMES),
        "tag_not": st.builds(lambda names: Not(Condition("device.tag", Op.IN, tuple(names))), IDS),
    },
)
AUDIENCES = st.builds(
    lambda terms, segments: Audience(
        expression=_join([terms[name] for name in sorted(terms)]), segments=segments
    ),
    TERMS,
    st.just(()) | NAMES.map(lambda name: (name,)),
)
