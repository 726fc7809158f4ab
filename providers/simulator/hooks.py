"""The simulated vendor calls us: what became of the recipients of calls, at our hooks.

Well behaved unless its customer asks for less: calls made twice, late, in another order, never,
or by somebody who only pretends to be the vendor.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from providers import http
from providers.contract import Dialect
from providers.inbound import CallbackRequest, Hook
from providers.outbound import AccountConfig
from providers.outcomes import Failure, Outcome, Reason
from providers.reports import OutcomeRow
from providers.simulator.told import list_rows
from providers.simulator.transfers import SentTransfer
from providers.simulator.vendor import SimulatedVendor

ROWS = 500  # of one call
SECONDS = 3.0  # for an answer
PAUSE = 0.2  # seconds between two looks
CHECK_TEXT = "a1b2c3d4"


class Quirk(StrEnum):
    """What is wrong with a vendor's calls."""

    TWICE = "twice"
    REORDERED = "reordered"
    LATE = "late"  # a look later than it was known
    LOST = "lost"  # every second one is never made
    FORGED = "forged"  # before each a call of somebody who knows no secret: everybody failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who wants to be called: at `url`, or with "" where each of its sends says."""

    url: str = ""
    credentials: Mapping[str, str] = field(default_factory=dict)
    quirks: frozenset[Quirk] = frozenset()


_News = tuple[str, tuple[OutcomeRow, ...]]  # the address, and rows that are alike


class HookCaller:
    """Remembers whom to call, and what each was told; nothing of it outlives the process."""

    def __init__(self, vendor: SimulatedVendor, dialects: Mapping[str, Dialect]) -> None:
        self.vendor = vendor
        self.dialects = dialects
        self.customers: dict[str, Customer] = {}
        self.told: set[tuple[int, str, str]] = set()
        self.put_off: list[tuple[str, CallbackRequest]] = []
        self.answers: list[int] = []
        self.count = 0

    def point(self, key: str, customer: Customer) -> None:
        """From now on the vendor of that key calls its customer. Raises ValueError."""
        if find_hook(self.dialects.get(key)) is None:
            raise ValueError(f"The vendor {key!r} calls nobody.")
        self.customers[key] = customer

    def start(self, closing: threading.Event) -> None:
        """Call whatever is new, again and again, until the simulator closes."""

        def run() -> None:
            while not closing.wait(PAUSE):
                self.call_due()

        threading.Thread(target=run, daemon=True).start()

    def check(self, key: str) -> bool:
        """Whether the customer's address answers the vendor's check; True where there is none."""
        hook = find_hook(self.dialects[key])
        if hook is None or hook.write_check is None:
            return True
        request = hook.write_check(self.customers[key].url, CHECK_TEXT)
        return _post(request) == (200, CHECK_TEXT)

    def call_due(self) -> list[int]:
        """Make every call that is due; gives what each was answered, 0 for nothing."""
        answers = []
        for key in list(self.customers):
            for request in self._plan(key):
                answers.append(_post(request)[0])
        self.answers += answers
        return answers

    def _plan(self, key: str) -> list[CallbackRequest]:
        """The calls of one vendor, as its quirks make them."""
        customer = self.customers[key]
        requests = list(self._write(key, customer))
        if Quirk.LATE in customer.quirks:
            late = [request for other, request in self.put_off if other == key]
            self.put_off = [item for item in self.put_off if item[0] != key]
            self.put_off += [(key, request) for request in requests]
            requests = late
        if Quirk.TWICE in customer.quirks:
            requests = [request for one in requests for request in (one, one)]
        if Quirk.REORDERED in customer.quirks:
            requests.reverse()
        return requests

    def _write(self, key: str, customer: Customer) -> Iterator[CallbackRequest]:
        hook = find_hook(self.dialects[key])
        if hook is None or hook.write is None:
            return
        genuine = AccountConfig(public_id="", credentials=customer.credentials)
        for url, rows in self._list_news(key, customer):
            self.count += 1
            if Quirk.FORGED in customer.quirks:
                yield from _forge(hook, url, rows)
            request = hook.write(genuine, url, rows)
            is_lost = Quirk.LOST in customer.quirks and self.count % 2 == 0
            if request is not None and not is_lost:
                yield request

    def _list_news(self, key: str, customer: Customer) -> list[_News]:
        """What nobody was told yet, one kind of news to a call."""
        with self.vendor.lock:
            now = self.vendor.memory.now()
            return [
                (url, rows[start : start + ROWS])
                for transfer in self.vendor.transfers.values()
                if transfer.dialect == key
                for url in [customer.url or str((transfer.callback or {}).get("url", ""))]
                if url
                for rows in self._split(transfer, now)
                for start in range(0, len(rows), ROWS)
            ]

    def _split(self, transfer: SentTransfer, now: datetime) -> list[tuple[OutcomeRow, ...]]:
        news: dict[str, list[OutcomeRow]] = defaultdict(list)
        for row in list_rows(transfer, now):
            for name, one in _take_apart(row):
                if (transfer.id, row.id, name) not in self.told:
                    self.told.add((transfer.id, row.id, name))
                    news[name].append(one)
        return [tuple(rows) for rows in news.values()]


def find_hook(dialect: Dialect | None) -> Hook | None:
    """The call that this vendor makes to its customers, if it makes any."""
    hooks = dialect.hooks if dialect else ()
    return next((hook for hook in hooks if hook.write is not None), None)


def _take_apart(row: OutcomeRow) -> Iterator[tuple[str, OutcomeRow]]:
    """What can be told of a row: its end, and each thing that came back."""
    if row.outcome is not None and row.outcome is not Outcome.DELIVERED:
        yield row.outcome.value, row
    for kind, at in row.receipts.items():
        yield kind.value, replace(row, receipts={kind: at})


def _forge(hook: Hook, url: str, rows: tuple[OutcomeRow, ...]) -> Iterator[CallbackRequest]:
    """The same people, of whom somebody says that they failed, and does not know the secret."""
    assert hook.write is not None  # noqa: S101 told by find_hook
    now = datetime.now(UTC)
    lies = tuple(
        replace(row, outcome=Outcome.FAILED, reason=Reason.TOKEN, receipts={}, done_at=now)
        for row in rows
    )
    stranger = AccountConfig(public_id="", credentials={})
    # Whoever is proved by his address alone does not know it either.
    where = url if hook.write_check else f"{url.rpartition('/')[0]}/{'0' * 32}"
    request = hook.write(stranger, where, lies)
    if request is not None:
        yield request


def _post(request: CallbackRequest) -> tuple[int, str]:
    """Make one call: the answer's status and text; 0 where nobody answers."""
    # The status says what became of it, also where it failed.
    with http.recording() as exchanges, suppress(Failure):
        http.call(
            http.get_session(),
            request.method,
            request.url,
            headers=request.headers,
            json=request.body,
            allows_empty=True,
            allows_text=True,
            read_seconds=SECONDS,
        )
    status = exchanges[-1].status if exchanges else None
    return (status or 0), (exchanges[-1].response if exchanges else "")


def read_customer(wish: Mapping[str, Any]) -> Customer:
    """What `PUT /_hooks` says. Raises ValueError with a sentence."""
    known = ", ".join(Quirk)
    quirks = wish.get("quirks", [])
    if not isinstance(quirks, list) or not set(quirks) <= set(Quirk):
        raise ValueError(f"Quirks are a list of: {known}.")
    url, credentials = wish.get("url", ""), wish.get("credentials", {})
    if not isinstance(url, str) or not isinstance(credentials, dict):
        raise ValueError("url is a text, credentials are an object.")
    return Customer(
        url=url,
        credentials={str(name): str(value) for name, value in credentials.items()},
        quirks=frozenset(map(Quirk, quirks)),
    )
