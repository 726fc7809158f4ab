"""Claim, lease and settlement as plain states, small enough to be searched to the end.

A state holds what the rows hold, what each worker has in its hands, and what the vendor has
taken. Anything may happen between two steps: a worker dies or stalls until its lease is over, an
answer is lost, a recipient leaves, the account is switched off, an operator pauses or cancels.
`mishaps` bounds how often. The names are those of campaigns.dispatch; test_model_and_engine.py
shows that the two do the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

Members = tuple[int, ...]
Step = tuple[str, "State"]


class Rules(NamedTuple):
    """What does not change. `vendor` says what can be done about a call without an answer:

    `key` knows a repeat by its key, `asked` can be asked about a key, `unique` can be asked and
    refuses a key that it has, to `blind` and `mute` every call is new; only `blind` is called
    again. Whoever prepares a call to the `culprit` dies. Workers that are `prompt` never stall
    between the note of a call and its first byte.
    """

    vendor: str
    at_most_once: bool = False
    culprit: int = -1
    is_prompt: bool = False
    poison: int = 1


class Call(NamedTuple):
    """An open Attempt."""

    key: tuple[int, int]
    members: Members


class Batch(NamedTuple):
    members: Members
    state: str = "ready"
    fence: int = 0
    is_late: bool = False  # leased, and the lease has run out
    attempts: int = 0
    call: Call | None = None
    doubt: Call | None = None  # an earlier call, perhaps taken, that was repeated


class Hand(NamedTuple):
    """What a worker knows about the batch that it has claimed; none of it is looked up again."""

    batch: int
    fence: int
    step: str
    is_over: bool
    has_way: bool
    plan: str = ""
    verdict: str = ""
    settled: Members = ()
    call: Call | None = None
    resent: int = 0
    heard: str = ""


class State(NamedTuple):
    batches: tuple[Batch, ...]
    hands: tuple[Hand | None, ...]
    outcomes: tuple[str, ...]
    taken: tuple[int, ...]  # how often the vendor took each recipient
    keys: frozenset[Call]  # of calls that the vendor took
    mishaps: int  # that may still happen
    transfer: str = "sending"
    gone: Members = ()
    is_routed: bool = True
    resent: int = 0


def begin(batches: tuple[Members, ...], *, workers: int, mishaps: int) -> State:
    size = sum(map(len, batches))
    return State(
        batches=tuple(Batch(members) for members in batches),
        hands=(None,) * workers,
        outcomes=("",) * size,
        taken=(0,) * size,
        keys=frozenset(),
        mishaps=mishaps,
    )


def is_final(state: State) -> bool:
    return all(batch.state == "done" for batch in state.batches)


def list_steps(rules: Rules, state: State) -> Iterator[Step]:
    """Everything that may happen next."""
    for worker, hand in enumerate(state.hands):
        if hand is None:
            yield from _claim(state, worker)
        else:
            yield from STEPS[hand.step](rules, state, worker, hand)
            if state.mishaps:
                yield "a worker dies", _spend(_put(state, worker, None))
    yield from _run_out(rules, state)
    yield from _press(state)
    yield from _leave(state)


# What workers do.


def _claim(state: State, worker: int) -> Iterator[Step]:
    if state.transfer == "paused":
        return
    for number, batch in enumerate(state.batches):
        if batch.state == "ready" or batch.is_late:
            leased = batch._replace(
                state="leased", is_late=False, fence=batch.fence + 1, attempts=batch.attempts + 1
            )
            hand = Hand(
                number, leased.fence, "claimed", state.transfer == "cancelled", state.is_routed
            )
            after = _put(_write(state, number, leased), worker, hand)
            yield f"a worker claims {number}", after


def _plan(rules: Rules, state: State, worker: int, hand: Hand) -> Iterator[Step]:
    """Look at what is open and owed, ask the vendor if it can be asked, write the call."""
    planned = plan_batch(rules, state, hand)
    dies = planned.plan == "send" and rules.culprit in find_call(planned).members
    yield "a worker plans", _put(state, worker, None if dies else planned)


def plan_batch(rules: Rules, state: State, hand: Hand) -> Hand:
    batch = state.batches[hand.batch]
    owed = list_owed(state, batch)
    is_over, has_way = hand.is_over, hand.has_way
    hand = hand._replace(step="planned", is_over=False, has_way=True)
    doubt = batch.call or batch.doubt
    repeats = False
    if doubt is not None:
        outcome = resolve_call(rules, state, batch, may_call=has_way and not is_over)
        if outcome:
            return hand._replace(plan="settle", verdict=outcome, settled=owed)
        repeats = rules.vendor in ("key", "blind")
    if is_over or not has_way:
        verdict = "cancelled" if is_over else "skipped"
        return hand._replace(plan="settle", verdict=verdict, settled=owed)
    if batch.attempts > rules.poison:
        is_alone = len(owed) == 1
        return hand._replace(plan="settle" if is_alone else "split", verdict="failed", settled=owed)
    left = tuple(member for member in owed if member in state.gone)
    if repeats and left and rules.vendor == "key":  # without them it is another call
        return hand._replace(plan="settle", verdict="unknown", settled=owed)
    key = doubt.key if doubt else (hand.batch, len(batch.members) - len(owed) + len(left))
    call = Call(key, tuple(member for member in owed if member not in left))
    is_new = repeats and batch.call is not None and rules.vendor == "blind"
    return hand._replace(
        plan="send",
        verdict="unknown" if repeats else "skipped",
        settled=left,
        call=call,
        resent=len(call.members) if is_new else 0,
    )


def resolve_call(rules: Rules, state: State, batch: Batch, *, may_call: bool) -> str:
    """The no-answer table: the outcome of a call in doubt, "" to send (again)."""
    doubt = batch.call or batch.doubt
    if rules.at_most_once or rules.vendor == "mute":
        return "unknown"
    if rules.vendor in ("asked", "unique"):
        if doubt and doubt.key in {call.key for call in state.keys}:
            return "sent"
        return ""
    return "" if may_call and batch.attempts <= rules.poison else "unknown"


def _commit(rules: Rules, state: State, worker: int, hand: Hand) -> Iterator[Step]:
    """What was planned is written down under the claim's fence: settled, split, or begun."""
    batch = state.batches[hand.batch]
    if not _is_ours(batch, hand):
        yield "a worker finds its lease lost", _put(state, worker, None)
        return
    state = settle(state, hand.settled if hand.plan != "split" else (), hand.verdict)
    if hand.plan == "split":
        state = _split(state, hand)
    elif hand.plan == "settle" or not find_call(hand).members:
        state = _release(state, hand.batch, None)
    else:
        repeats = rules.vendor in ("key", "blind")
        doubt = (batch.call or batch.doubt) if repeats else None
        begun = batch._replace(is_late=False, call=hand.call, doubt=doubt)
        state = _write(state, hand.batch, begun)._replace(resent=state.resent + hand.resent)
        yield "a worker begins", _put(state, worker, hand._replace(step="begun"))
        return
    yield f"a worker {hand.plan}s", _put(state, worker, None)


def _split(state: State, hand: Hand) -> State:
    batch = state.batches[hand.batch]
    middle = len(hand.settled) // 2
    kept = tuple(member for member in batch.members if member not in hand.settled)
    state = _write(
        state, hand.batch, batch._replace(members=kept, state="done", call=None, doubt=None)
    )
    halves = (Batch(hand.settled[:middle]), Batch(hand.settled[middle:]))
    return state._replace(batches=state.batches + halves)


def _talk(rules: Rules, state: State, worker: int, hand: Hand) -> Iterator[Step]:
    """The call itself: no row is looked at, so it happens whoever has the batch by now."""
    after, heard = take_call(rules, state, find_call(hand))
    called = hand._replace(step="called")
    yield "a worker is heard", _put(after, worker, called._replace(heard=heard))
    if state.mishaps:
        for word, came in (
            ("turned down", state), ("turned away", state), ("lost", state), ("lost", after),
        ):  # fmt: skip
            yield (
                f"a worker is {word}",
                _spend(_put(came, worker, called._replace(heard=word))),
            )


def take_call(rules: Rules, state: State, call: Call) -> tuple[State, str]:
    """What the vendor does with a call, and what it answers."""
    earlier = next((known for known in state.keys if known.key == call.key), None)
    if earlier is not None and rules.vendor == "unique":
        return state, "taken"
    if earlier is not None and rules.vendor == "key":
        return state, "taken" if earlier == call else "refused"
    taken = tuple(n + (member in call.members) for member, n in enumerate(state.taken))
    return state._replace(taken=taken, keys=state.keys | {call}), "taken"


def _finish(rules: Rules, state: State, worker: int, hand: Hand) -> Iterator[Step]:
    """What was heard is written down, again under the fence."""
    batch = state.batches[hand.batch]
    if not _is_ours(batch, hand):
        yield "a worker finds its lease lost", _put(state, worker, None)
        return
    for_ever = "unknown" if batch.doubt else "failed"
    verdict = {"taken": "sent", "refused": "unknown", "turned away": for_ever}.get(hand.heard, "")
    state = settle(state, find_call(hand).members if verdict else (), verdict)
    state = _release(state, hand.batch, batch.call if hand.heard == "lost" else None)
    yield "a worker settles", _put(state, worker, None)


STEPS = {"claimed": _plan, "planned": _commit, "begun": _talk, "called": _finish}


# What else happens.


def _run_out(rules: Rules, state: State) -> Iterator[Step]:
    held = {(hand.batch, hand.fence): hand.step for hand in state.hands if hand is not None}
    for number, batch in enumerate(state.batches):
        if batch.state != "leased" or batch.is_late:
            continue
        late = _write(state, number, batch._replace(is_late=True))
        step = held.get((number, batch.fence))
        if step is None:
            yield f"the lease of {number} runs out", late
        elif state.mishaps and not (rules.is_prompt and step == "begun"):
            yield f"the lease of {number} runs out under its worker", _spend(late)


def _press(state: State) -> Iterator[Step]:
    if state.transfer == "paused":
        yield "resume", state._replace(transfer="sending")
    if state.mishaps and state.transfer in ("sending", "paused") and not is_final(state):
        pressed = _spend(state)
        yield "cancel", pressed._replace(transfer="cancelled")
        if state.transfer == "sending":
            yield "pause", pressed._replace(transfer="paused")


def _leave(state: State) -> Iterator[Step]:
    if not state.mishaps or is_final(state):
        return
    after = _spend(state)
    for member, outcome in enumerate(state.outcomes):
        if not outcome and member not in state.gone:
            yield f"recipient {member} leaves", after._replace(gone=(*state.gone, member))
    if state.is_routed:
        yield "the account is switched off", after._replace(is_routed=False)


# Rows.


def list_owed(state: State, batch: Batch) -> Members:
    return tuple(member for member in batch.members if not state.outcomes[member])


def find_call(hand: Hand) -> Call:
    assert hand.call is not None
    return hand.call


def settle(state: State, members: Members, verdict: str) -> State:
    """Append outcomes; who has one keeps it, as the key of Delivery wants."""
    outcomes = tuple(
        verdict if member in members and not outcome else outcome
        for member, outcome in enumerate(state.outcomes)
    )
    return state._replace(outcomes=outcomes)


def _release(state: State, number: int, call: Call | None) -> State:
    batch = state.batches[number]
    word = "ready" if list_owed(state, batch) else "done"
    doubt = None if word == "done" else batch.doubt
    released = batch._replace(state=word, is_late=False, attempts=0, call=call, doubt=doubt)
    return _write(state, number, released)


def _is_ours(batch: Batch, hand: Hand) -> bool:
    return batch.state == "leased" and batch.fence == hand.fence


def _write(state: State, number: int, batch: Batch) -> State:
    batches = state.batches
    return state._replace(batches=(*batches[:number], batch, *batches[number + 1 :]))


def _put(state: State, worker: int, hand: Hand | None) -> State:
    hands = state.hands
    return state._replace(hands=(*hands[:worker], hand, *hands[worker + 1 :]))


def _spend(state: State) -> State:
    return state._replace(mishaps=state.mishaps - 1)


def simplify(state: State) -> State:
    """The same for all states that differ in names only: which worker, which number of a fence."""
    hands = [
        hand and hand._replace(fence=_is_ours(state.batches[hand.batch], hand))
        for hand in state.hands
    ]
    hands.sort(key=lambda hand: hand or ())
    batches = tuple(batch._replace(fence=1) for batch in state.batches)
    return state._replace(batches=batches, hands=tuple(hands), gone=tuple(sorted(state.gone)))
