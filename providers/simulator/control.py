"""What a person or a test may ask the simulator itself, below `/_`: loopback only."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from providers.inbound import Reply
from providers.simulator.fault_book import FaultBook
from providers.simulator.faults import FAULTS
from providers.simulator.hooks import HookCaller, read_customer
from providers.simulator.plan import FaultPlan, read_plan

PREFIX = "/_"
SUMMARY_PATH = "/_journal/summary"
FAULTS_PATH = "/_faults"
HOOKS_PATH = "/_hooks"
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1", ""})


class Control:
    """Reads the journal's summary; changes the fault plan and whom vendors call."""

    def __init__(
        self,
        count: Callable[[str, str], dict[str, Any]],
        book: FaultBook,
        follow: Callable[[FaultPlan], None],
        hooks: HookCaller,
    ) -> None:
        self.hooks = hooks
        self.count = count
        self.book = book
        self.follow = follow

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """The reply to a request below `/_`."""
        url = urlsplit(target)
        if not _is_local(headers):
            return Reply(403, {"error": "Only from this machine, and from no browser page."})
        if url.path == SUMMARY_PATH and method == "GET":
            return Reply(200, self.summarize(dict(parse_qsl(url.query))))
        if url.path == FAULTS_PATH:
            return self._answer_faults(method, body)
        if url.path == HOOKS_PATH and method == "PUT":
            return self._answer_hooks(body)
        known = f"There are {SUMMARY_PATH}, {FAULTS_PATH} and {HOOKS_PATH}."
        return Reply(404, {"error": known})

    def summarize(self, query: Mapping[str, str]) -> dict[str, Any]:
        """What was accepted, and the faults that were given by name."""
        summary = self.count(query.get("dialect", ""), query.get("tag", ""))
        return {**summary, "faults": dict(sorted(self.book.given.items()))}

    def _answer_faults(self, method: str, body: bytes) -> Reply:
        match method:
            case "GET":
                return Reply(200, {**self._show_plan(), "known": _describe()})
            case "DELETE":
                self.follow(FaultPlan(seed=self.book.plan.seed))
            case "PUT" | "POST":
                try:
                    self.follow(read_plan(_read_json(body, self.book.plan.seed)))
                except ValueError as error:
                    return Reply(400, {"error": str(error)})
            case _:
                return Reply(405, {"error": "GET, PUT or DELETE."}, headers={"Allow": "GET, PUT"})
        return Reply(200, self._show_plan())

    def _answer_hooks(self, body: bytes) -> Reply:
        """Let a vendor call its customer from now on, after it has checked the address."""
        try:
            wish = _read_json(body, 0)
            if not isinstance(wish, dict):
                raise ValueError("An object is wanted.")
            key = str(wish.get("dialect", ""))
            self.hooks.point(key, read_customer(wish))
        except ValueError as error:
            return Reply(400, {"error": str(error)})
        return Reply(200, {"is_good": self.hooks.check(key)})

    def _show_plan(self) -> dict[str, Any]:
        given = [tally.given for tally in self.book.plan.tallies]
        return {**self.book.plan.write(), "given": given}


def _is_local(headers: Mapping[str, str]) -> bool:
    # A page in a browser can reach a loopback port too; it cannot leave its origin out.
    try:
        host = urlsplit("//" + headers.get("host", "")).hostname or ""
    except ValueError:
        return False
    return host in LOOPBACK_NAMES and "origin" not in headers


def _read_json(body: bytes, seed: int) -> Any:
    try:
        wish = json.loads(body)
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None
    return {"seed": seed, **wish} if isinstance(wish, dict) else wish


def _describe() -> dict[str, Any]:
    shown = ("stage", "sentence", "options", "is_accepted", "on")
    return {
        name: {key: value for key, value in asdict(fault).items() if key in shown}
        for name, fault in FAULTS.items()
    }
