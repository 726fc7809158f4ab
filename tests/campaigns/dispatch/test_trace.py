"""Why somebody got it or not: traces of real sends to the sandbox, for anyone at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.dispatch import engine, freeze
from campaigns.models import (
    Account,
    App,
    Batch,
    Correction,
    Delivery,
    Device,
    InboxItem,
    Person,
    PersonMerge,
    ReceiptRow,
    Route,
)
from campaigns.models.audience import hash64
from campaigns.selectors import trace_places
from campaigns.selectors.trace import trace_transfer
from campaigns.services.suppressions import Entry, Place, Terms, add_suppressions
from providers import vault
from providers.recipients import TOKEN_KIND, PersonKind, Targets
from providers.simulator import Simulator
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
FRENCH = {"expression": {"and": [
    {"field": "person.country", "op": "eq", "value": "fr".upper()},
    {"not": {"field": "device.custom.plan", "op": "eq", "value": "free"}},
]}}  # fmt: skip
CONTENT = {"title": "Hi", "body": "There", "translations": {"fr": {"title": "Salut"}}}


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def account(routed, simulator: Simulator) -> Account:
    account = Account.objects.get()
    account.credentials = vault.encrypt({"api_key": "good"})
    account.options = {"delivered_percent": 0}
    account.save()
    return account


@pytest.fixture
def people(routed, now):
    """Ann is French; Bob is not, Cy has a free plan, Dee has opted out, Eve's token is dead, Flo
    has no device."""
    known = {
        "ann": ({"country": "FR", "language": "fr"}, {}),
        "bob": ({"country": "DE"}, {}),
        "cy": ({"country": "FR"}, {"attributes": {"plan": "free"}}),
        "dee": ({"country": "FR", "opted_out_at": now, "opt_out_reason": "too many"}, {}),
        "eve": ({"country": "FR"}, {"token_state": "disabled", "token_evidence": "NotRegistered"}),
    }
    for name, (person, device) in known.items():
        owner = builders.make_person(routed.workspace, name, **person)
        builders.make_device(routed, f"token-{name}", person=owner, **device)
    builders.make_person(routed.workspace, "flo", country="FR")
    Device.objects.update(created_at=now - timedelta(days=1))


def list_words(traced):
    return [line.words for line in traced.lines]


def trace_one(transfer, who, principal, **options):
    """The only recipient of a trace."""
    [one] = trace_transfer(transfer, who, principal, **options).recipients
    return one


def test_everybody_is_told_why(account, people, start, owner, now):
    transfer = start(CONTENT, audience=FRENCH)
    engine.drain(clock=lambda: now)
    transfer.refresh_from_db()

    traces = {who: trace_one(transfer, who, owner) for who in ("ann", "bob", "cy", "dee", "eve")}

    said = {who: " | ".join(list_words(one)) for who, one in traces.items()}
    assert {who: one.outcome for who, one in traces.items()} == {
        "ann": "sent", "bob": "", "cy": "", "dee": "skipped", "eve": "skipped",
    }  # fmt: skip
    assert [line.code for line in traces["ann"].lines] == [
        "audience", "condition", "condition", "not_suppressed", "cohort", "route", "text", "batch",
        "call", "outcome", "receipt",
    ]  # fmt: skip
    for words in (
        "In the audience, as it was frozen.",
        "Country of the person is “FR”. Found: “FR”.",
        "Must not be so: plan of the device is “free”. Found: not known.",
        "Counted as Android, in French, of France, with no known version of the app.",
        "The text is the French translation, in their language.",
        "Not suppressed, and not opted out.", "Route: Sandbox.",
        "Call to Sandbox: accepted.",
        "Nothing has come back",
    ):  # fmt: skip
        assert words in said["ann"]
    told = "Not in the audience, as it was frozen. | Country of the person is “FR”. Found: “DE”."
    assert told in said["bob"]
    assert "Must not be so: plan of the device is “free”. Found: “free”." in said["cy"]
    assert "They have opted out." in traces["dee"].words
    assert ("too many",) in [line.details for line in traces["dee"].lines]
    assert "The token is: Disabled." in said["eve"]
    assert ("NotRegistered",) in [line.details for line in traces["eve"].lines]


@pytest.mark.usefixtures("account", "people")
@pytest.mark.parametrize(
    ("own", "message", "said"),
    [
        ("de", {"fallbacks": ["fr"]}, "the French translation: there is none in their language, "
         "German, and it stands in by the message's languages instead."),
        ("de", {}, "the French translation: there is none in their language, German, and it "
         "stands in by the app's languages instead."),
        ("de", {"fallbacks": []}, "the common one: no translation fits their language, German."),
        ("en-GB", {"fallbacks": []}, "the common one, in their language, British English."),
    ],
)  # fmt: skip
def test_the_text_is_told_by_name_and_with_why_it_is_that_one(
    start, owner, now, own, message, said
):
    App.objects.update(fallbacks=["fr"], default_language="en")
    Person.objects.update(language=own)
    transfer = start(CONTENT | message, audience=FRENCH)
    engine.drain(clock=lambda: now)
    Person.objects.update(language="it")
    transfer.refresh_from_db()

    sent = trace_one(transfer, "ann", owner)

    told = next(line.words for line in sent.lines if line.code == "text")
    assert told == f"The text is {said}"


def test_a_relative_time_is_told_with_the_date_it_comes_to(account, people, start, owner, now):
    made = {"field": "device.created_at", "op": "longer_ago_than", "value": "12h"}
    transfer = start(CONTENT, audience={"expression": made})

    one = trace_one(transfer, "ann", owner)

    line = next(line for line in one.lines if line.code == "condition")
    assert line.words.startswith("Registered is longer ago than 12 hours. Found: ")
    [dated] = line.details
    assert abs(dated.at - (now - timedelta(hours=12))) < timedelta(minutes=5)
    assert dated.startswith("Counted from now, that is 20")


def test_who_is_suppressed_is_told_by_what(account, people, start, owner, now):
    place, terms = Place(account.workspace), Terms(reason="complaint", source="support")
    add_suppressions(place, [Entry("external_user_id", "ann")], terms, actor="o", now=now)
    transfer = start(CONTENT, audience=FRENCH)
    engine.drain(clock=lambda: now)

    one = trace_one(transfer, "ann", owner)

    line = next(line for line in one.lines if line.code == "suppressed")
    assert one.words == "They were left out. An id of theirs was on the suppression list."
    assert line.words == "On the suppression list by external_user_id: Complaint."
    assert line.details[1:] == ("Every channel", "support")


def test_what_did_not_bar_them_is_no_reason(account, people, start, owner, now):
    """By the rule of the submit: an entry that has ended, or is for another channel, bars nobody;
    one that came later did not then; the id of somebody who was merged does."""
    place, hour = Place(account.workspace), timedelta(hours=1)
    ann, bob, gone = (Person.objects.get(external_user_id=name) for name in ("ann", "bob", "flo"))

    def suppress(name, at, **changes):
        terms = Terms(reason="complaint", source="support", **changes)
        add_suppressions(place, [Entry("external_user_id", name)], terms, actor="o", now=at)

    suppress("ann", now - 2 * hour, until=now - hour)
    suppress("ann", now - hour, channel="sms")
    suppress("flo", now - hour)
    PersonMerge.objects.create(
        workspace=account.workspace, person=bob, kept_id=bob.pk, gone_id=gone.pk, actor="o", at=now,
        external_user_id="flo",
    )  # fmt: skip
    gone.delete()
    transfer = start(CONTENT)
    engine.drain(clock=lambda: now)
    suppress("ann", now + hour, channel="push")

    fates = dict(Delivery.objects.values_list("recipient", "reason"))
    traces = [trace_one(transfer, who.external_user_id, owner) for who in (ann, bob)]

    bars = [
        [(line.code, line.tone, line.words) for line in one.lines if "suppressed" in line.code]
        for one in traces
    ]
    assert [fates[one.pk] for one in traces] == ["", "suppressed"]
    assert bars == [
        [("not_suppressed", "good", "Not suppressed, and not opted out."),
         ("suppressed", "warn",
          "Since then on the suppression list by external_user_id: Complaint.")],
        [("suppressed", "bad", "On the suppression list by external_user_id: Complaint.")],
    ]  # fmt: skip


def test_the_route_says_why_it_was_chosen(account, people, start, owner, now, routed):
    transfer = start(CONTENT)
    engine.drain(clock=lambda: now)

    def read_why() -> str:
        lines = trace_one(transfer, "ann", owner).lines
        return next(line for line in lines if line.code == "route").details[0]

    only = read_why()
    first = Route.objects.get(platform="android")
    backup = Account.objects.create(workspace=account.workspace, name="Spare", dialect="sandbox")
    Route.objects.create(
        app=routed, platform="android", account=backup, position=first.position + 1
    )
    leads = read_why()
    Route.objects.filter(pk=first.pk).update(position=first.position + 2)
    follows = read_why()
    Account.objects.filter(pk=backup.pk).update(health=Account.Health.BAD)
    spared = read_why()
    first.delete()

    assert only == "It is the only route of Android."
    assert leads == "It is the first in order."
    assert "not the first in order now" in follows
    assert spared == "It is the first in order whose account is not refused; refused: Spare."
    assert read_why() == "It is no route of Android any more."


def test_who_has_no_device_or_is_nobody_is_told_so(account, people, start, owner, now):
    transfer = start(CONTENT, audience=FRENCH)
    engine.drain(clock=lambda: now)
    transfer.refresh_from_db()

    flo, nobody, several = (
        trace_transfer(transfer, who, owner) for who in ("flo", "zoe@x.example", "device 0")
    )

    assert flo.notes == ("They have no device in Shop, so no push of it can reach them.",)
    assert nobody.notes == several.notes == ("Nobody here has this id.",)
    assert flo.recipients == nobody.recipients == ()


def test_who_is_meant_is_asked_where_it_is_not_clear(account, people, start, owner):
    ann = builders.make_person(account.workspace, "x1", email="same@x.example")
    builders.make_person(account.workspace, "x2", email="same@x.example")

    trace = trace_transfer(start(CONTENT), "SAME@x.example", owner)

    assert [one.name for one in trace.subjects] == ["x1", "x2"]
    assert trace.subjects[0].term == f"person {ann.pk}"
    assert trace.recipients == ()


@pytest.mark.parametrize(
    ("who", "notes"), [("imp-7", ("Nobody here has this id.",)), ("imp-7*", ())]
)
def test_nobody_is_traced_by_the_beginning_of_an_id(account, people, start, owner, who, notes):
    builders.make_person(account.workspace, "imp-70")

    trace = trace_transfer(start(CONTENT), who, owner)

    assert (trace.only_begin, trace.notes) == (True, notes)
    assert ([one.name for one in trace.subjects], trace.recipients) == (["imp-70"], ())


def test_an_id_of_a_person_and_of_their_own_phone_means_the_person(account, people, start, owner):
    phone = Device.objects.get(token="token-ann")
    add_id(phone, "ann")
    add_id(Device.objects.get(token="token-bob"), "cy")

    clear, unclear = (trace_transfer(start(CONTENT), who, owner) for who in ("ann", "cy"))

    assert [one.pk for one in clear.recipients] == [phone.pk]
    assert [one.term.split()[0] for one in unclear.subjects] == ["person", "device"]


def add_id(device, value):
    device.identifiers.create(
        app=device.app, kind="google_aid", value=value, value_hash=hash64(value)
    )


def test_before_the_freeze_and_while_it_waits_it_says_so(account, people, start, owner, now):
    transfer = start(CONTENT, audience=FRENCH)
    early = trace_one(transfer, "ann", owner)
    freeze.freeze_transfer(transfer, now=now)
    waiting = trace_one(transfer, "ann", owner)

    late = builders.make_device(account.workspace.apps.get(), "new", person=waiting_person())
    newer = trace_one(transfer, f"device {late.pk}", owner)

    assert (early.words, waiting.words) == ("Not decided yet.", "On its way: not settled yet.")
    assert "not frozen yet" in early.lines[0].words
    batch = Batch.objects.get()
    assert f"Batch {batch.pk}, with 1 recipient: Ready." in list_words(waiting)
    assert "who registers after the start is not in it" in newer.lines[0].details[0]
    assert "Evaluated now they would be in it" in " ".join(list_words(newer))


def waiting_person():
    return Device.objects.get(token="token-ann").person


def test_too_many_who_wait_are_not_said_to_be_out(account, people, start, owner, now, monkeypatch):
    transfer = start(CONTENT, audience=FRENCH)
    freeze.freeze_transfer(transfer, now=now)
    monkeypatch.setattr(trace_places, "MOST_WAITING", 0)

    one = trace_one(transfer, "ann", owner)

    assert "too many recipients still wait" in one.words
    assert not any("Not in the audience" in words for words in list_words(one))


def test_what_has_changed_since_is_said(account, people, start, owner, now):
    transfer = start(CONTENT, audience=FRENCH)
    engine.drain(clock=lambda: now)
    person = waiting_person()
    person.country = "DE"
    person.save()

    words = " ".join(list_words(trace_one(transfer, "ann", owner)))

    assert "In the audience, as it was frozen." in words
    assert "Evaluated now they would not be in it" in words


def test_calls_are_told_to_admins_only(account, people, start, owner, now):
    transfer = start(CONTENT, audience=FRENCH)
    engine.drain(clock=lambda: now)

    plain = trace_one(transfer, "ann", owner)
    full = trace_one(transfer, "ann", owner, may_see_calls=True)

    call = next(line for line in full.lines if line.code == "call")
    assert "POST http" not in " ".join(d for line in plain.lines for d in line.details)
    assert any(detail.startswith("POST http") for detail in call.details)
    assert "token-ann" not in str(call.details)


def test_what_came_back_and_what_was_corrected_is_told(account, people, start, owner, now):
    transfer = start(CONTENT, audience=FRENCH)
    engine.drain(clock=lambda: now)
    row = Delivery.objects.get(outcome="sent")
    ReceiptRow.objects.create(part_id=row.part_id, recipient=row.recipient, kind="opened", at=now)
    Correction.objects.create(
        part_id=row.part_id, attempt_id=row.attempt_id, old="unknown", new="sent", count=3,
        evidence="A receipt came.", actor="dispatch", at=now,
    )  # fmt: skip
    InboxItem.objects.create(
        device_id=row.recipient, part_id=row.part_id, batch_id=1, created_at=now, expires_at=now
    )

    words = " ".join(list_words(trace_one(transfer, "ann", owner)))

    assert "Came back: opened." in words
    assert "Corrected from unknown to sent, with 3 recipients in all." in words
    assert "It waits in the device's inbox" in words


def test_whom_a_script_named_is_told_from_whom_it_did_not(account, people, submit, owner, now):
    transfer = submit(
        Targets(TOKEN_KIND, ("token-ann", "lost-token")),
        Targets(PersonKind.EXTERNAL_USER_ID.value, ("ghost",)),
    )
    engine.drain(clock=lambda: now)
    transfer.refresh_from_db()

    ann, bob = (trace_one(transfer, who, owner) for who in ("ann", "bob"))
    lost = [trace_transfer(transfer, who, owner) for who in ("lost-token", "ghost", "other")]

    assert ann.outcome == "sent"
    assert "A script named them by an id of theirs." in list_words(ann)
    assert "this device is not one of them" in " ".join(list_words(bob))
    assert [len(trace.notes) for trace in lost] == [2, 2, 1]


def test_a_device_of_another_app_is_told_apart(account, people, start, owner):
    cafe = builders.make_app(account.workspace, "cafe")
    other = builders.make_device(cafe, "elsewhere")

    trace = trace_transfer(start(CONTENT), "elsewhere", owner)

    assert trace.recipients == ()
    assert trace.notes[0] == "This is a device of Cafe; the transfer is one of Shop."
    assert trace.subjects[0].device == other


def test_a_stranger_traces_nobody_of_ours(account, people, start, stranger):
    trace = trace_transfer(start(CONTENT), "ann", stranger)

    assert trace.subjects == trace.recipients == ()
