"""Addresses that others have named: whether what stands in one is what is called. Plain Python."""

from __future__ import annotations

import re

# `.` and `..` (RFC 3986, 5.2.4), to some servers with parameters behind them too; and escapes of
# what makes such a piece: a dot, both slashes, a percent sign for whoever reads it twice.
_CROOKED = re.compile(r"/\.{1,2}(?:[/;%]|\Z)|%(?:2[ef5]|5c)|\\", re.IGNORECASE)
_END = re.compile("[?#]")


def find_path(address: str) -> str:
    """The path of an absolute address, without a query."""
    _host, slash, rest = address.partition("://")[2].partition("/")
    return slash + _END.split(rest, maxsplit=1)[0]


def is_plain_path(path: str) -> bool:
    """Whether everybody reads the same in it: what is between its slashes is what it leads to."""
    return _CROOKED.search(path) is None
