"""Every fault of a hostile vendor, end to end: the engine over a real socket, and the table of
docs/simulator.md, which says how recipients end.

In the short form a fault meets a vendor of each ability for which the table has another end, and
one where both end alike; vendors take turns. PUSHADMIN_CHAOS=full lets it meet all of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from campaigns.dispatch import piles
from campaigns.models import App, Part, Policy, ReceiptRow, VendorCount
from campaigns.selectors import routes
from providers.contract import Dialect, Idempotency
from providers.simulator import FAULTS, Behaviour, Simulator
from tests.campaigns.dispatch.hostile import RECIPIENTS, Rehearsal
from tests.house.sources import ROOT
from tests.vendor_cases.accounts import SIMULATED, load_own_data
from tests.vendor_cases.test_wire import each

pytestmark = pytest.mark.django_db
Begin = Callable[..., Rehearsal]

ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
TABLE = {row[0]: row for row in ROW.findall((ROOT / "docs/simulator.md").read_text())}
# Who waits for these to end waits in vain; nothing else should be taken for them by a busy machine.
VAIN = {"silence", "slow_headers", "slow_body", "bandwidth", "connect_timeout"}
# A worker that waited to the end would wait for ever.
SETTINGS = {
    "silence": "seconds=100000",
    "slow_headers": "seconds=100000",
    "slow_body": "seconds=100000",
    "bandwidth": "bytes_per_second=1",
    "connect_refused": "seconds=0.02",  # real time, while the retries take virtual time
    "connect_timeout": "seconds=0.5",
    "receipts_early": "seconds=0.05",
    "latency": "low=1,high=5",
}


@pytest.fixture
def begin(app: App, simulator: Simulator, settings, monkeypatch) -> Begin:
    class Waiting(Rehearsal):
        def follow(self, *faults: str) -> None:
            is_vain = any(fault.partition(":")[0] in VAIN for fault in faults)
            settings.CALL_SECONDS = 0.3 if is_vain else 20
            super().follow(*faults)

    def begin(dialect: Dialect, scheme: str = "http", batch: int = 5, **also: int) -> Rehearsal:
        url = simulator.url.replace("http", scheme)
        settings.OUTBOUND_ALLOW = [url]
        monkeypatch.setattr(piles, "MAX_BATCH", batch)
        # The journal is held against the books by name; a call to everybody has no names in it.
        named = replace(dialect, prefers_audience=False)
        monkeypatch.setattr(routes, "find_dialect", lambda key: named)
        return Waiting(app, named, simulator, url, **also)

    return begin


IS_FULL = os.environ.get("PUSHADMIN_CHAOS") == "full"
TABLED = [one for one in SIMULATED if one.idempotency is not Idempotency.NONE]
MUTE = [one for one in SIMULATED if one.idempotency is Idempotency.NONE]


def begin_for(begin: Begin, dialect: Dialect, name: str) -> Rehearsal:
    """Where the fault can be met: over TLS, or long enough after the send."""
    if FAULTS[name].is_of_tls:
        return begin(dialect, "https", batch=RECIPIENTS)
    return begin(dialect, aftermath=8 if FAULTS[name].on == "report" else 1)


def list_expected(name: str, dialect: Dialect) -> set[str]:
    _name, _words, key, lookup = TABLE[name]
    by_ability = {Idempotency.KEY: key, Idempotency.LOOKUP: lookup}
    return set(by_ability[dialect.idempotency].split(", "))


def has_words_for(dialect: Dialect, name: str) -> bool:
    """Whether the vendor's answers can say this fault at all: its own page or account.json says
    where not. Nobody may be lost or doubled all the same.
    """
    return name not in load_own_data(dialect).get("cannot_say", ())


def meet(dialect: Dialect, name: Any) -> Any:
    words = name if isinstance(name, str) else name[0].partition(":")[0]
    return pytest.param(dialect, name, id=f"{words}-{dialect.key}")


def deal() -> Iterator[Any]:
    """Who meets which fault: all, or some of those that can say it."""
    for number, name in enumerate(FAULTS):
        for dialect in TABLED if IS_FULL else choose_some(name, number):
            yield meet(dialect, name)


def choose_some(name: str, turn: int) -> Iterator[Dialect]:
    """A vendor of each ability by which the fault ends otherwise, or of any ability in turn."""
    abilities = [Idempotency.KEY, Idempotency.LOOKUP]
    _name, _words, key, lookup = TABLE[name]
    for ability in abilities if key != lookup else [abilities[turn % 2]]:
        able = [dialect for dialect in TABLED if dialect.idempotency is ability]
        saying = [dialect for dialect in able if has_words_for(dialect, name)] or able
        yield saying[turn // 2 % len(saying)]


def take_turns(dialects: Sequence[Dialect], names: Iterable[Any]) -> list[Any]:
    """Every vendor with every name, or in the short form each of both at least once."""
    told = list(names)
    if IS_FULL:
        return [meet(dialect, name) for dialect, name in product(dialects, told)]
    longest = max(len(dialects), len(told))
    return [meet(dialects[n % len(dialects)], told[n % len(told)]) for n in range(longest)]


# After others nobody doubts what became of a call: it was refused, or answered and asked about.
DOUBTED = [
    name
    for name, fault in FAULTS.items()
    if fault.on in ("send", "any") and TABLE[name][2] == "sent"
]


def test_the_table_names_every_fault_in_its_own_words():
    assert list(TABLE) == list(FAULTS)
    assert [words.partition(" (`")[0] for _, words, _, _ in TABLE.values()] == [
        fault.sentence for fault in FAULTS.values()
    ]


@pytest.mark.some(20)
@pytest.mark.parametrize(("dialect", "name"), list(deal()))
def test_two_calls_suffer_and_everybody_ends_as_the_table_says(begin: Begin, dialect, name):
    rehearsal = begin_for(begin, dialect, name)
    rehearsal.follow(f"{name}:times=2,{SETTINGS.get(name, '')}")

    transfer = rehearsal.send()

    assert transfer.finished_at is not None
    assert rehearsal.find_faults() == []
    if has_words_for(dialect, name):
        is_asked = FAULTS[name].on in ("send", "any") or dialect.can_report
        assert rehearsal.list_ends() == list_expected(name, dialect)
        assert rehearsal.simulator.book.given[name] == (2 if is_asked else 0)


@pytest.mark.some(12)
@each(MUTE)
@pytest.mark.parametrize("name", FAULTS if IS_FULL else DOUBTED)
def test_who_can_neither_be_asked_nor_knows_keys_is_never_called_twice(begin: Begin, dialect, name):
    rehearsal = begin_for(begin, dialect, name)
    rehearsal.follow(f"{name}:times=2,{SETTINGS.get(name, '')}")

    transfer = rehearsal.send()

    assert transfer.finished_at is not None
    assert rehearsal.find_faults() == []
    assert max(rehearsal.count_reached().values(), default=1) == 1


TELLING = [dialect for dialect in SIMULATED if dialect.wants_references]
LIES = ("fewer_results", "reordered_results", "duplicate_results", "stranger_results")
MIXTURES = (
    ("unprintable:times=2",),
    ("accepted_answer_lost:p=0.3", "close_before_acceptance:p=0.3", "error_503:p=0.3"),
    ("mixed:times=1", "error_500:p=0.3"),
)
LOST = {"accepted_answer_lost": "sent", "html": "sent", "silence": "failed (no_answer)"}


@pytest.mark.parametrize(("dialect", "name"), take_turns(SIMULATED, LOST))
def test_at_most_once_never_sends_twice_and_asks_where_it_can(begin: Begin, dialect, name):
    rehearsal = begin(dialect)
    rehearsal.follow(f"{name}:times=2,{SETTINGS.get(name, '')}", "forgets_key")
    rehearsal.simulator.behaviour = Behaviour(delivered_percent=0)

    rehearsal.send(policy=Policy.AT_MOST_ONCE)

    can_ask = dialect.idempotency is Idempotency.LOOKUP
    assert rehearsal.find_faults() == []
    assert max(rehearsal.count_reached().values()) == 1
    assert rehearsal.list_ends() == {"sent", LOST[name] if can_ask else "unknown (no_answer)"}


@pytest.mark.parametrize(("dialect", "lie"), take_turns(TELLING, LIES))
def test_lies_about_single_recipients_are_not_believed(begin: Begin, dialect, lie):
    rehearsal = begin(dialect)
    rehearsal.follow(f"{lie}:times=2", "unregistered:recipient=0.6")

    rehearsal.send()

    assert rehearsal.find_faults() == []
    reason = "token" if has_words_for(dialect, "unregistered") else "vendor"
    assert rehearsal.list_ends() == {f"failed ({reason})", "sent"}
    assert rehearsal.simulator.vendor.summarize()["doubled_recipients"] == 0


@each([dialect for dialect in SIMULATED if dialect.has_receipts])
def test_receipts_that_come_before_anybody_gives_up_are_heeded(begin: Begin, dialect, monkeypatch):
    helpless = replace(dialect, idempotency=Idempotency.NONE)
    monkeypatch.setattr(routes, "find_dialect", lambda key: helpless)
    rehearsal = begin(helpless)
    rehearsal.simulator.behaviour = Behaviour(delivered_percent=100, receipt_seconds=0)
    rehearsal.follow("accepted_answer_lost:times=2")

    rehearsal.send()

    assert rehearsal.find_faults() == []
    assert rehearsal.list_ends() == {"sent"}
    assert max(rehearsal.count_reached().values()) == 1


@each([dialect for dialect in SIMULATED if dialect.idempotency is Idempotency.KEY])
def test_a_broken_promise_doubles_and_the_journal_shows_it(begin: Begin, dialect):
    rehearsal = begin(dialect)
    rehearsal.follow("accepted_answer_lost:nth=1", "forgets_key")

    rehearsal.send()

    summary = rehearsal.simulator.vendor.summarize()
    assert (summary["doubled_recipients"], summary["calls_accepted_again"]) == (5, 1)
    assert rehearsal.list_ends() == {"sent"}
    assert Part.objects.get().resent == 0


@each([dialect for dialect in SIMULATED if dialect.idempotency is Idempotency.LOOKUP])
def test_a_vendor_that_is_slow_to_know_a_call_is_not_sent_it_twice(begin: Begin, dialect):
    rehearsal = begin(dialect)
    rehearsal.follow("accepted_answer_lost:times=2", "status_lag:seconds=7500")

    rehearsal.send(expires_in=86_400)

    assert rehearsal.find_faults() == []
    assert rehearsal.list_ends() == {"sent"}
    assert rehearsal.simulator.vendor.summarize()["doubled_recipients"] == 0


@each([dialect for dialect in SIMULATED if dialect.has_receipts])
@pytest.mark.parametrize(
    "name", ["receipts_late", "receipts_twice", "receipts_out_of_order", "receipts_early"]
)
def test_receipts_count_once_however_they_come(begin: Begin, dialect, name):
    rehearsal = begin(dialect)
    rehearsal.follow(f"{name}:{SETTINGS.get(name, '')}")

    rehearsal.send()

    kept = ReceiptRow.objects.values_list("recipient", "kind")
    assert 0 < ReceiptRow.objects.filter(kind="delivered").count() <= RECIPIENTS
    assert len(kept) == len(set(kept))
    assert rehearsal.find_faults() == []


@each([dialect for dialect in SIMULATED if dialect.can_report])
def test_totals_that_change_are_the_vendors_own_column(begin: Begin, dialect):
    rehearsal = begin(dialect, aftermath=8)
    rehearsal.follow("totals_change")

    rehearsal.send()

    assert VendorCount.objects.exists()
    assert rehearsal.list_ends() == {"sent"}
    assert rehearsal.find_faults() == []


@pytest.mark.database
@pytest.mark.parametrize(("dialect", "names"), take_turns(SIMULATED, MIXTURES))
def test_the_same_holds_on_every_database(begin: Begin, dialect, names):
    rehearsal = begin(dialect)
    rehearsal.follow(*names)

    transfer = rehearsal.send()

    assert transfer.finished_at is not None
    assert rehearsal.find_faults() == []
