"""Messages and sends for hypothesis, within what a dialect carries."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from hypothesis import strategies as st

from providers.commands import PushPart, SendPush
from providers.contract import Addressing, Dialect, Fate
from providers.fields import FieldSpec
from providers.message import BLOCKS, Attachment, Button, PushMessage
from providers.message_fields import Platform
from providers.message_platforms import BLOCK_FIELDS
from providers.recipients import Audience, PersonKind, Targets
from tests.vendor_cases.accounts import names_recipients

KEPT = (Fate.CARRIED, Fate.RENAMED)
SAFE_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).filter(
    lambda text: text == text.strip()
)
ADDRESSES = st.sampled_from(["https://example.com/a.png", "https://example.com/b?c=d&e=%20"])
ATTACHMENTS = st.builds(
    Attachment,
    id=st.sampled_from(["1", "a2"]),
    file_url=ADDRESSES,
    file_type=st.sampled_from(["image", "png"]),
)

BUTTONS = st.builds(
    Button, title=SAFE_TEXT, link=st.just("") | ADDRESSES, id=st.sampled_from(["", "open"])
)


def values_of(spec: FieldSpec) -> st.SearchStrategy[Any]:
    """Values of one message field that mean something; what means "not set" is left out."""
    by_kind: dict[str, st.SearchStrategy[Any]] = {
        "bool": st.just(True),
        "url": ADDRESSES,
        "link": st.sampled_from(["shop://cart/1?a=b", "https://example.com/x"]),
        "choice": st.sampled_from(spec.choices or ("",)),
        "color": st.text("0123456789ABCDEF", min_size=8, max_size=8).map(
            lambda digits: "#" + digits[: 8 if "8" in spec.pattern else 6]
        ),
        "int_list": st.lists(st.integers(0, 1000), min_size=1, max_size=4).map(tuple),
        "attachments": st.lists(ATTACHMENTS, min_size=1, max_size=2).map(tuple),
        "buttons": st.lists(BUTTONS, min_size=1, max_size=3).map(tuple),
        "number": st.floats(spec.minimum or 0, spec.maximum or 1, allow_nan=False).filter(bool),
        "json_object": st.dictionaries(SAFE_TEXT, SAFE_TEXT, min_size=1, max_size=2),
    }
    if spec.kind == "int":
        return st.integers(spec.minimum or 0, spec.maximum or 1000).filter(bool)
    return by_kind.get(spec.kind, SAFE_TEXT)


def is_kept(dialect: Dialect, path: str) -> bool:
    return path in dialect.carries and dialect.carries[path].fate in KEPT


def messages(dialect: Dialect, platform: Platform) -> st.SearchStrategy[PushMessage]:
    """Messages for one platform, as the engine gives them: resolved, only fields that are kept."""
    block = BLOCKS.get(platform)
    optional = {
        spec.name: st.none() | values_of(spec)
        for spec in BLOCK_FIELDS.get(platform, ())
        if is_kept(dialect, f"{platform.value}.{spec.name}") and spec.name not in ("title", "body")
    }
    blocks = st.builds(block, **optional) if block else st.none()
    joined = st.builds(_join, st.just(platform), SAFE_TEXT, SAFE_TEXT, blocks)
    refuses = dialect.find_message_faults
    return joined if refuses is None else joined.filter(lambda message: not refuses(message))


def _join(platform: Platform, title: str, body: str, block: Any) -> PushMessage:
    parts = {platform.value: block} if block else {}
    return PushMessage(title=title, body=body, **parts).resolve(platform)


def normalize(message: PushMessage, platform: Platform) -> PushMessage:
    """What a recipient sees: text folded in, empty the same as not set, no vendor's extras."""
    resolved = replace(message.resolve(platform), extras={})
    block = getattr(resolved, platform.value, None)
    if block is None:
        return resolved
    unset = {item.name: None for item in fields(block) if not getattr(block, item.name)}
    return replace(resolved, **{platform.value: replace(block, **unset)})


def list_kinds(dialect: Dialect, platform: Platform) -> list[str]:
    """Kinds of ids that a call of ours may name recipients of a platform by."""
    if Addressing.USERNAME in dialect.limits.addressing:
        return [PersonKind.EXTERNAL_USER_ID]
    known = [kind.name for kind in dialect.identifier_kinds if kind.platform in (None, platform)]
    return known or ["token"]


@st.composite
def sends(draw: st.DrawFn, dialect: Dialect) -> tuple[Platform, SendPush]:
    """One vendor call as the engine makes it, and its platform."""
    platform = draw(st.sampled_from(sorted(dialect.platforms)))
    names = list_kinds(dialect, platform)
    some = st.text("abcXYZ019:-_", min_size=1, max_size=30)
    values = tuple(draw(st.lists(some, min_size=1, max_size=5, unique=True)))
    references = tuple(f"1.2.{index}.abc" for index in range(len(values)))
    targets = Targets(
        draw(st.sampled_from(names)), values, references if dialect.wants_references else ()
    )
    push = SendPush(
        parts=(PushPart(draw(messages(dialect, platform)), (targets,)),),
        group=str(draw(st.integers(1, 2**53))) if dialect.has_groups else "",
        tag=draw(SAFE_TEXT),
        client_key=str(draw(st.integers(1, 2**53))),
    )
    return platform, push


def make_push(
    dialect: Dialect, count: int = 1, key: str = "17", group: str = "", body: str = "Hi"
) -> SendPush:
    """A plain send to `count` recipients of the dialect's first platform; to everybody where the
    vendor takes no ids."""
    platform = min(dialect.platforms)
    message = PushMessage(title="Title", body=body).resolve(platform)
    if not names_recipients(dialect):
        parts = (PushPart(message, audience=Audience()),)
        return SendPush(parts=parts, group=group, tag="news", client_key=key)
    names = list_kinds(dialect, platform)
    values = tuple(f"recipient-canary-{key}-{index}" for index in range(count))
    references = tuple(f"1.{key}.{index}.abc" for index in range(count))
    targets = Targets(names[0], values, references if dialect.wants_references else ())
    return SendPush(parts=(PushPart(message, (targets,)),), group=group, tag="news", client_key=key)
