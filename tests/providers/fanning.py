"""Calls of a fan-out to a gateway that is no vendor's."""

from __future__ import annotations

import json

from providers.fanout import Fanout
from providers.outbound import DeviceAnswer, DeviceCall
from providers.outcomes import Failure

SECRET = "s3cr3t/with+signs=="
Found = dict[int, DeviceAnswer | Failure]


def make_call(url: str, place: int = 0, *headers: str, path: str = "/plain/push") -> DeviceCall:
    body = json.dumps({"to": f"recipient-canary-{place}"}).encode()
    return DeviceCall(place, f"{url}{path}", headers or (f"authorization: bearer {SECRET}",), body)


def make_calls(url: str, count: int, first: int = 0) -> list[DeviceCall]:
    return [make_call(url, place) for place in range(first, first + count)]


def call_all(fanout: Fanout, calls: list[DeviceCall], in_flight: int = 100) -> Found:
    """What became of each call, by its place."""
    found: Found = {}
    waiting = list(reversed(calls))
    while waiting or fanout.in_flight:
        while waiting and fanout.in_flight < in_flight:
            fanout.submit(waiting.pop())
        fanout.admit()
        for call, answer in fanout.poll(1):
            assert call.place not in found, "one call has ended twice"
            found[call.place] = answer
    return found


def describe(found: Found) -> dict[object, int]:
    """How many ended how: a status, or a failure's reason and whether it was sent."""
    counts: dict[object, int] = {}
    for item in found.values():
        how = item.status if isinstance(item, DeviceAnswer) else (item.reason, item.was_sent)
        counts[how] = counts.get(how, 0) + 1
    return counts
