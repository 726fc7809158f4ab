"""Finds every vendor by looking in the folder `providers/vendors`. Nothing lists them by hand."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from providers import vendors
from providers.contract import Dialect


class NoSuchDialect(LookupError):
    """Nobody speaks that dialect here."""


def get(key: str) -> Dialect:
    """The dialect of that key; raises `NoSuchDialect`."""
    try:
        return _load_dialects()[key]
    except KeyError:
        known = ", ".join(_load_dialects())
        raise NoSuchDialect(f"There is no vendor {key!r}; known are {known}.") from None


def all_dialects() -> tuple[Dialect, ...]:
    """Every dialect, sorted by key."""
    return tuple(_load_dialects().values())


@cache
def _load_dialects() -> dict[str, Dialect]:
    names = sorted(module.name for module in iter_modules(vendors.__path__) if module.ispkg)
    return {name: load_dialect(f"{vendors.__name__}.{name}") for name in names}


def load_dialect(package: str) -> Dialect:
    """Import one vendor's package and check what it says of itself; raises `ImportError`."""
    dialect = getattr(import_module(package), "DIALECT", None)
    if not isinstance(dialect, Dialect):
        raise ImportError(f"The vendor package {package} must define DIALECT, a Dialect.")
    if dialect.key != package.rsplit(".", 1)[-1]:
        raise ImportError(
            f"The vendor package {package} calls itself {dialect.key!r}; "
            "a dialect's key is the name of its folder."
        )
    return dialect
