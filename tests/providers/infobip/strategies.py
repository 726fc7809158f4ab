"""Values that the vendor's wire can carry, for hypothesis."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from providers.audience import And, Condition, Expression, Op, Or
from providers.audience_calls import AppRow
from providers.commands import Callback, PushPart, SendPush, SendPushes, Token
from providers.message import (
    AndroidContent,
    Attachment,
    InAppContent,
    IosContent,
    PushMessage,
    WebContent,
)
from providers.outcomes import Outcome, Reason
from providers.recipients import Audience, PersonKind, Targets
from providers.reports import FetchOutcomes, OutcomeRow
from providers.scenarios import (
    Channel,
    ListScenarios,
    SaveScenario,
    ScenarioRow,
    SendByScenario,
    SendText,
    SendTexts,
    Step,
    TextMessage,
)
from providers.vendors.infobip import wire_destinations, wire_filters, wire_scenarios
from providers.vendors.infobip.wire_statuses import STATUSES

letters = st.characters(exclude_categories=("Cs", "Cc"))
texts = st.text(letters, min_size=1, max_size=30).filter(lambda text: text == text.strip())
short_texts = st.text(letters, max_size=20)
words = st.text("abcXYZ019-", min_size=1, max_size=20)
phones = st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True)
links = st.sampled_from(["https://example.com/a.png", "https://example.com/b?c=d"])
deep_links = st.sampled_from(["shop://cart/1", "https://example.com/x"])
moments = st.datetimes(datetime(2020, 1, 1), datetime(2026, 11, 1)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
)


def maybe(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | values


# Whoever mirrors has a style; a button has a kind and a target, or neither.
taps = st.none() | st.tuples(st.sampled_from(["web_view", "deep_link", "browser"]), deep_links)


@st.composite
def in_apps(draw: st.DrawFn, *, is_silent: bool) -> InAppContent | None:
    style = draw(maybe(st.sampled_from(["modal", "banner"])))
    tap = draw(taps) or (None, None)
    in_app = InAppContent(
        only=True if style and is_silent else None,
        style=style,
        expires_in=draw(maybe(st.integers(0, 600).map(lambda minutes: minutes * 60))),
        dismiss_title=draw(maybe(texts)),
        open_title=draw(maybe(texts)),
        tap_kind=tap[0],
        tap_target=tap[1],
        topic=draw(maybe(texts)),
        topic_expires_in=draw(maybe(st.integers(1, 300).map(lambda days: days * 86_400))),
    )
    return None if in_app == InAppContent() else in_app


# What a page's worker gets of the same payload, beside the text that apps get.
payloads = st.sampled_from(
    [(None, None), ("plain", {"data": "plain"}), ('{"a":1,"b":"c"}', {"a": 1, "b": "c"})]
)


@st.composite
def messages(draw: st.DrawFn) -> PushMessage:
    """A message as it is read: what platforms share is in the block of each."""
    silent, picture = draw(maybe(st.booleans())), draw(maybe(links))
    (text, values), link = draw(payloads), draw(maybe(st.just("shop://cart/1")))
    sound_name = draw(maybe(texts))
    android = AndroidContent(
        silent=silent, banner=picture, data=text, deeplink=link, sound=sound_name
    )
    ios = IosContent(
        silent=silent,
        badge=draw(maybe(st.integers(0, 99))),
        sound=draw(maybe(st.just("default"))),
        sound_name=sound_name,
        data=text,
        attachments=(Attachment(file_url=picture),) if picture else None,
        url=link,
    )
    web = WebContent(image=picture, extras=values)
    opaque = draw(st.dictionaries(st.sampled_from(["vibrationEnabled", "later"]), st.booleans()))
    return PushMessage(
        title=draw(st.just("") | texts),
        body=draw(texts),
        android=None if android == AndroidContent() else android,
        ios=None if ios == IosContent() else ios,
        web=None if web == WebContent() else web,
        in_app=draw(in_apps(is_silent=bool(silent))),
        extras={"infobip": opaque} if opaque else {},
    )


kinds = st.sampled_from(
    [PersonKind.EXTERNAL_USER_ID, PersonKind.EMAIL, wire_destinations.REGISTRATION]
)
plain_fields = st.sampled_from(
    ["device.manufacturer", "device.model", "device.language", "person.email", "device.custom.Plan"]
)
conditions = st.one_of(
    st.builds(Condition, plain_fields, st.just(Op.EQ), texts),
    st.builds(
        Condition,
        st.just("device.platform"),
        st.just(Op.EQ),
        st.sampled_from(list(wire_filters.PLATFORMS)),
    ),
    st.builds(Condition, st.just("device.notifications_enabled"), st.just(Op.EQ), st.booleans()),
    st.builds(
        Condition, st.just("device.app_version"), st.just(Op.EQ), st.sampled_from(["1.2", "10"])
    ),
)
terms = st.lists(conditions, min_size=1, max_size=4).map(tuple)


@st.composite
def filters(draw: st.DrawFn) -> Expression:
    first, second = draw(terms), draw(terms)
    shape = draw(st.sampled_from(["and", "or", "both"]))
    if shape == "and":
        return And(first)
    apart = tuple(term for term in first if term.field not in {item.field for item in second})
    return And((*apart, Or(second))) if shape == "both" and apart else Or(second)


@st.composite
def targets(draw: st.DrawFn) -> Targets:
    kind, values = draw(kinds), draw(st.lists(words, min_size=1, max_size=4).map(tuple))
    ids = tuple(f"id-{place}" for place in range(len(values))) if draw(st.booleans()) else ()
    return Targets(kind, values, ids=ids)


@st.composite
def parts(draw: st.DrawFn) -> tuple[PushPart, ...]:
    """As they are read: one of addresses, then queries, each kind of neighbour only once."""
    message, only_primary = draw(messages()), draw(st.booleans())
    addressed = PushPart(message, (draw(targets()),), only_primary=only_primary)
    queries = [
        PushPart(message, audience=Audience(expression=expression))
        for expression in draw(st.lists(filters(), max_size=2))
    ]
    return (addressed, *queries)


callbacks = st.builds(
    Callback,
    url=st.just("https://example.com/reports"),
    data=short_texts,
    content_type=st.just("application/json"),
    wants_intermediate=st.booleans(),
) | st.builds(Callback, url=st.just(""), data=texts)
lives = maybe(st.integers(30, 48 * 3600))
pushes = st.builds(
    SendPush,
    parts=parts(),
    app=words,
    tag=st.just("") | texts,
    expires_in=lives,
    due_at=maybe(moments),
    callback=maybe(callbacks),
    is_tracked=st.just(True),
)
many = st.builds(SendPushes, st.lists(pushes, min_size=1, max_size=3).map(tuple), words)

old_callbacks = callbacks.map(
    lambda item: Callback(url=item.url, data=item.data, content_type="application/json")
)


@st.composite
def old_pushes(draw: st.DrawFn) -> SendPush:
    """One message of the older call: one kind of address without ids, or attributes."""
    message = draw(messages())
    named = draw(targets())
    part = PushPart(message, (Targets(named.kind, named.values),), only_primary=draw(st.booleans()))
    if draw(st.booleans()):
        found = {term.field: term for term in draw(terms) if "email" not in term.field}
        expression = And(tuple(found.values()) or (Condition("device.language", Op.EQ, "de"),))
        part = PushPart(message, audience=Audience(expression=expression))
    return SendPush(
        parts=(part,),
        app=draw(words),
        tag=draw(st.just("") | texts),
        expires_in=draw(lives),
        due_at=draw(maybe(moments)),
        callback=draw(maybe(old_callbacks)),
        is_tracked=True,
    )


# Outcomes that have codes of their own; the others are written as the nearest.
ends = st.sampled_from(
    [
        (None, None),
        (Outcome.ACCEPTED, None),
        (Outcome.DELIVERED, None),
        (Outcome.EXPIRED, None),
        (Outcome.UNKNOWN, None),
        (Outcome.FAILED, Reason.TOKEN),
        (Outcome.FAILED, Reason.PAYLOAD),
        (Outcome.FAILED, Reason.CREDENTIAL),
        (Outcome.FAILED, Reason.THROTTLED),
        (Outcome.FAILED, Reason.VENDOR),
        (Outcome.FAILED, Reason.NO_TOKEN),
        (Outcome.FAILED, Reason.OPTED_OUT),
        (Outcome.FAILED, Reason.UNKNOWN_ID),
    ]
)


@st.composite
def rows(draw: st.DrawFn) -> OutcomeRow:
    outcome, reason = draw(ends)
    return OutcomeRow(
        reference=draw(words),
        id=draw(words),
        kind=PersonKind.PHONE,
        value=draw(phones),
        outcome=outcome,
        reason=reason,
        tag=draw(st.just("") | texts),
        sender=draw(words),
        text=draw(texts),
        callback_data=draw(short_texts),
        count=draw(st.integers(1, 9)),
        sent_at=draw(maybe(moments)),
        done_at=draw(maybe(moments)),
    )


questions = st.builds(
    FetchOutcomes,
    app=st.just("") | words,
    value=st.just("") | phones,
    references=st.lists(words, max_size=3).map(tuple),
    ids=st.lists(words, max_size=3).map(tuple),
    tags=st.lists(words, max_size=2).map(tuple),
    state=maybe(st.sampled_from([Outcome.ACCEPTED, Outcome.DELIVERED, Outcome.EXPIRED])),
    since=maybe(moments),
    until=maybe(moments),
    channel=st.just("push"),
    limit=st.integers(1, 1000),
    cursor=st.just("") | words,
)

steps = st.builds(
    Step,
    channel=st.sampled_from([name.lower() for name in wire_scenarios.CHANNELS]),
    sender=words,
)
flows = st.lists(steps, min_size=1, max_size=4).map(tuple)
saves = st.builds(SaveScenario, steps=flows, name=short_texts, is_default=st.booleans())
scenarios = st.builds(
    ScenarioRow, id=words, name=short_texts, steps=flows, is_default=st.booleans()
)
scenario_questions = st.builds(
    ListScenarios,
    page=st.integers(0, 9),
    limit=st.integers(1, 100),
    is_default=maybe(st.booleans()),
)


@st.composite
def sends_by_scenario(draw: st.DrawFn) -> SendByScenario:
    """Every destination has a number; its part of the push is what the failover API can say."""
    numbers = draw(st.lists(phones, min_size=1, max_size=3, unique=True))
    message = draw(messages())
    in_app = message.in_app
    style = in_app.style if in_app else None
    topic = in_app.topic if in_app else None
    only = True if style and message.android and message.android.silent else None
    kept = InAppContent(style=style, only=only, topic=topic)
    extras = {"infobip": {"vibrationEnabled": False, "voice": {"text": "Hello"}}}
    message = PushMessage(
        title=message.title,
        body=message.body,
        android=message.android,
        ios=message.ios,
        web=message.web,
        in_app=None if kept == InAppContent() else kept,
        extras=extras,
    )
    ids = tuple(f"id-{place}" for place in range(len(numbers)))
    part = PushPart(message, (Targets(PersonKind.PHONE, tuple(numbers), ids=ids),))
    text = TextMessage(text=draw(texts), expires_in=draw(lives), options={"regional": {"a": 1}})
    return SendByScenario(
        push=SendPush(
            parts=(part,),
            client_key=draw(words),
            expires_in=draw(lives),
            due_at=draw(maybe(moments)),
            callback=draw(maybe(callbacks)),
            is_tracked=True,
        ),
        scenario=draw(st.just("") | words),
        texts=draw(st.sampled_from([{}, {"sms": text}])),
        addresses=tuple({"sms": number, "email": "a@example.com"} for number in numbers),
    )


@st.composite
def sms(draw: st.DrawFn, *, is_old: bool) -> SendText:
    numbers = draw(st.lists(phones, min_size=1, max_size=3).map(tuple))
    body = draw(texts)
    ids = tuple(f"id-{place}" for place in range(len(numbers))) if draw(st.booleans()) else ()
    options = {"flash": True} if is_old else {"content": {"transliteration": "GREEK"}, "later": 1}
    part = PushPart(PushMessage(body=body), (Targets(PersonKind.PHONE, numbers, ids=ids),))
    return SendText(
        push=SendPush(
            parts=(part,),
            tag="" if is_old else draw(st.just("") | texts),
            callback=draw(maybe(old_callbacks if is_old else callbacks)),
            due_at=draw(maybe(moments)) if is_old else None,
            is_tracked=True,
        ),
        channel=Channel.SMS,
        message=TextMessage(
            text=body, expires_in=draw(lives), options=draw(st.sampled_from([{}, options]))
        ),
        sender=draw(st.just("") | words),
    )


def many_sms(*, is_old: bool) -> st.SearchStrategy[SendTexts]:
    return st.builds(
        SendTexts, st.lists(sms(is_old=is_old), min_size=1, max_size=2).map(tuple), words
    )


apps = st.builds(
    AppRow,
    id=st.just("0a1b"),
    name=texts,
    slug=st.just(""),
    identifiers=st.just({"sender": "0a1b"}),
    platforms=st.lists(st.sampled_from(["android", "ios", "hmos", "web"]), unique=True).map(tuple),
)
tokens = st.builds(Token, text=words, expires_in=st.integers(1, 86_400))
statuses = st.sampled_from(sorted(STATUSES))
