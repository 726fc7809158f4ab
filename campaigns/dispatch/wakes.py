"""Says that there may be work. Who listens registers a waker; nobody needs to listen, for whoever
works also looks by the clock."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

Waker = Callable[[], None]

_wakers: list[Waker] = []


def register_waker(waker: Waker) -> None:
    """Call `waker` after each commit that may have made work. It must not raise and not wait."""
    if waker not in _wakers:
        _wakers.append(waker)


def remove_waker(waker: Waker) -> None:
    """Call it no more."""
    _wakers.remove(waker)


def wake() -> None:
    """There may be work once the current transaction is committed; a rollback says nothing."""
    for waker in _wakers:
        transaction.on_commit(waker, robust=True)
