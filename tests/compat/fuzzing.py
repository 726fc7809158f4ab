"""Hostile calls of a dialect: its own examples and words, bent and broken. By a seed, so that a
call that does harm can be made again.
"""

from __future__ import annotations

import ast
import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from providers import registry
from providers.contract import Dialect
from providers.inbound import Hook, Route
from tests.house.sources import ROOT
from tests.vendor_cases.accounts import FIXTURES, make_account
from tests.vendor_cases.strategies import make_push

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW")
WORD = re.compile(r"[A-Za-z_$][\w$.:-]{0,40}")
HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, 2**64, -(2**63) - 1, 10**400),
    *(0.5, -0.0, 1e300, float("nan"), float("inf"), "", " ", "0", "-1", "1e9", "null", "\0"),
    *("a\0b", "\ud800", "\U0001f600" * 30, "\u202e", "../../x", "'\"><script>", "%00", "{}", "[]"),
    *("2026-11-20", "2026-02-30T25:61:61Z", "9999-12-31 23:59:59", "0001-01-01T00:00:00+14:00"),
    *("UTC", "Mars/Base", "http://127.0.0.1/", "ftp://x", "x" * 5000, "1" * 400),
    *([], {}, [[]], [None], {"": None}, [{}], {"a": {"b": {"c": []}}}, ["x"] * 1200, [1, "a", {}]),
    {str(number): number for number in range(1100)},
)
RAW: tuple[bytes, ...] = (
    b"", b"{", b"[", b"nul", b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"a":1,"a":2}', b"[" * 100_000,
    b'{"a":' * 5000, b'"\\ud800"', b'"\\u0000"', b"NaN", b"-Infinity", b"1e999", b"a=b&c=d",
    b"<xml/>", b"{}{}", b'{"\\u0000":1}', b"\0" * 50, b'{"a":"' + b"x" * 300_000 + b'"}',
    b"9" * 5000,
)  # fmt: skip
HEADERS: tuple[dict[str, str], ...] = (
    {"Authorization": ""}, {"Authorization": "Basic"}, {"Authorization": "Basic ////"},
    {"Authorization": "Basic " + "A" * 9000}, {"Authorization": "Bearer \x7f"},
    {"Authorization": "Bearer 007eJxxxx"}, {"Authorization": "x" * 5000},
    {"X-Pushadmin-Hop": ","}, {"X-Pushadmin-Hop": "a,b"}, {"X-Pushadmin-Hop": "a,99999999999"},
    {"Accept": "text/html"}, {"Accept-Language": "xx" * 500}, {"Cookie": "sessionid=1"},
    {"X-Forwarded-For": "\U0001f600"}, {"Content-Encoding": "gzip"},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HostileCall:
    """One call; `path` is behind the dialect's mount, with its query."""

    method: str
    path: str
    content: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path[:300]} {dict(self.headers)} {self.content[:1500]!r}"


@cache
def list_words(key: str) -> tuple[str, ...]:
    """The words of the vendor's wire format, as its package has them."""
    trees = (
        ast.parse(path.read_text())
        for path in sorted((ROOT / "providers/vendors" / key).glob("*.py"))
    )
    constants = (node.value for tree in trees for node in ast.walk(tree) if _is_text(node))
    return tuple(sorted({word for word in constants if WORD.fullmatch(word)}))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@cache
def list_examples(key: str) -> tuple[Any, ...]:
    """Bodies that are nearly right: the vendor's own and those of our client."""
    dialect = registry.get(key)
    found = [
        body
        for path in sorted((FIXTURES / key).glob("*.*"))
        if path.suffix in {".txt", ".json"}
        for body in _find_objects(path.read_text())
    ]
    if dialect.connect and not dialect.fans_out:
        client = dialect.connect(make_account(dialect, "http://vendor.example"))
        found.append(json.loads(client.write(make_push(dialect, 3, group="1")).body))
    return (*found, {})


def _find_objects(text: str) -> Iterator[Any]:
    """Every whole JSON object of a text, and those inside it."""
    decoder, place = json.JSONDecoder(), text.find("{")
    while place >= 0:
        try:
            body, end = decoder.raw_decode(text, place)
            yield from _list_inner(body)
        except ValueError:
            end = place + 1
        place = text.find("{", end)


def _list_inner(body: Any) -> Iterator[Any]:
    if isinstance(body, dict):
        yield body
    for item in body.values() if isinstance(body, dict) else body:
        if isinstance(item, dict | list):
            yield from _list_inner(item)


@dataclass
class Fuzzer:
    """Makes calls of one dialect; `known` are the names of things that are really there."""

    dialect: Dialect
    random: Random
    known: Mapping[str, Any]

    def make_call(self, way: Route | Hook) -> HostileCall:
        """A call of a route or a hook, mostly with its method and path."""
        random = self.random
        method = random.choice(METHODS) if random.random() < 0.05 else way.method
        headers = random.choice(HEADERS) if random.random() < 0.1 else {}
        path = f"{self._fill(way.path)}{self._write_query()}"
        return HostileCall(method, path, self._write_content(), headers)

    def _fill(self, path: str) -> str:
        pieces = path.split("/")
        filled = (self._fill_piece(piece) if "{" in piece else piece for piece in pieces)
        return "/".join(filled)

    def _fill_piece(self, piece: str) -> str:
        names = re.findall(r"{(\w+)}", piece)
        for name in names:
            is_known = name in self.known and self.random.random() < 0.85
            text = str(self.known[name]) if is_known else self._choose_text()
            piece = piece.replace(f"{{{name}}}", _quote(text) or "0")
        return piece

    def _write_query(self) -> str:
        count = self.random.choice((0, 0, 1, 2, 4))
        pairs = [(self._choose_word(), self._choose_text()) for _place in range(count)]
        text = urlencode(pairs, errors="surrogatepass")
        return f"?{text}" if text else ""

    def _choose_text(self) -> str:
        random = self.random
        if random.random() < 0.4:
            return str(random.choice([*self.known.values(), "1", "2", "token-0", "anna", "vip"]))
        return str(random.choice(HOSTILE))[:600]

    def _choose_word(self) -> str:
        return self.random.choice(list_words(self.dialect.key))

    def _write_content(self) -> bytes:
        if self.random.random() < 0.12:
            return self.random.choice(RAW)
        body = self._name_known(copy.deepcopy(self.random.choice(list_examples(self.dialect.key))))
        for _time in range(self.random.choice((0, 1, 1, 2, 3, 6))):
            body = self._bend(body)
        text = json.dumps(body)
        if self.random.random() < 0.05 and text.startswith("{"):
            text = f'{{"{self._choose_word()}":{json.dumps(self._choose_value())},{text[1:]}'
        return text.encode()

    def _name_known(self, body: Any) -> Any:
        """The body with names of what is there, where it names such a thing."""
        if isinstance(body, list):
            return [self._name_known(item) for item in body]
        if not isinstance(body, dict):
            return body
        return {name: self.known.get(name, self._name_known(item)) for name, item in body.items()}

    def _bend(self, body: Any) -> Any:
        """The body with one place of it changed."""
        places = list(_list_places(body))
        if not places:
            return self._choose_value()
        holder, key = self.random.choice(places)
        self.random.choice(BENDS)(self, holder, key)
        return body

    def _choose_value(self) -> Any:
        kind = self.random.random()
        if kind < 0.6:
            return copy.deepcopy(self.random.choice(HOSTILE))
        if kind < 0.8:
            return self._choose_word()
        return copy.deepcopy(self.random.choice(list_examples(self.dialect.key)))


def _quote(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


def _list_places(body: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a body that can be changed: what holds it, and its key or index there."""
    items = (
        body.items()
        if isinstance(body, dict)
        else enumerate(body)
        if isinstance(body, list)
        else ()
    )
    for key, item in items:
        yield body, key
        yield from _list_places(item)


def _replace(fuzzer: Fuzzer, holder: Any, key: Any) -> None:
    holder[key] = fuzzer._choose_value()


def _leave_out(fuzzer: Fuzzer, holder: Any, key: Any) -> None:
    del holder[key]


def _wrap(fuzzer: Fuzzer, holder: Any, key: Any) -> None:
    holder[key] = fuzzer.random.choice(([holder[key]], {"a": holder[key]}, [holder[key]] * 2))


def _add(fuzzer: Fuzzer, holder: Any, key: Any) -> None:
    if isinstance(holder, dict):
        holder[fuzzer._choose_word()] = fuzzer._choose_value()
    else:
        holder.append(fuzzer._choose_value())


def _say_as_text(fuzzer: Fuzzer, holder: Any, key: Any) -> None:
    value = holder[key]
    holder[key] = json.dumps(value) if not isinstance(value, str) else value * 20


BENDS: tuple[Callable[[Fuzzer, Any, Any], None], ...] = (
    _replace, _replace, _replace, _leave_out, _wrap, _add, _add, _say_as_text,
)  # fmt: skip
