"""Servers that take few calls at once: how many that seem to be, and who waits until they do."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from providers.fanout_slots import Origin, Slot

Key = tuple[bool, Origin]  # who is called there is believed


def find_key(slot: Slot) -> Key:
    """Of the server that a call goes to."""
    return slot.call.is_believed, slot.origin


class Narrow:
    """Calls to a server that did not look at one of them: that one waits, and is made again.

    A server says how many calls a connection takes once it is connected to; libcurl makes a hundred
    before it has read that, leaves a connection on which one is refused (RFC 9113, 8.7), and fails
    a call that six connections have refused; one that finds no place on any, it fails after a
    while. So fewer are made at a time, and one more with each round of answers: that one opens a
    connection at most, and is alone on it.
    """

    def __init__(self) -> None:
        self.limit = math.inf
        self.waiting: deque[Slot] = deque()
        self.lone: Slot | None = None

    def hold(self, slot: Slot, running: int) -> bool:
        """Let it wait, while so many others run; False where it was alone: nobody fares better."""
        if slot is self.lone:
            return False
        self.limit = max(1.0, min(self.limit, running / 2))
        self.waiting.appendleft(slot)
        return True

    def note_answer(self) -> None:
        """One was taken."""
        self.limit += 1 / self.limit

    def count_room(self, running: int) -> int:
        """For how many there is a place, where so many are on their way."""
        return max(0, int(self.limit) - running)

    def let_in(self, running: int, spares: Callable[[Slot], bool]) -> list[Slot]:
        """Who is called now, where so many are on their way; nobody waits whom it `spares`."""
        room, coming = self.count_room(running), list[Slot]()
        while self.waiting and len(coming) < room:
            slot = self.waiting.popleft()
            if not spares(slot):
                coming.append(slot)
        if coming:
            self.lone = coming[0] if self.limit < 2 else None
        return coming

    def empty(self) -> list[Slot]:
        """Nobody waits any more: gives who did."""
        waiting, self.waiting = list(self.waiting), deque()
        return waiting
