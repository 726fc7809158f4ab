"""One account at the vendor. Calls leave through `providers.http`; fields are the wire files'.

There is no call that takes a sending back, tells what became of it, or takes an id of ours: what
was written and not answered is never written again by itself.
"""

from __future__ import annotations

import json
from typing import Any

import requests
from django.utils.translation import gettext as _

from providers import http
from providers.commands import PushPart, SendPush
from providers.outbound import AccountConfig, CheckResult, Request
from providers.outcomes import Failure, Outcome, Reason, Receipt
from providers.recipients import Audience

from . import wire, wire_apps, wire_filters, wire_pushes, wire_sends
from .wire_errors import read_error
from .wire_values import read_id

URL = "https://core.push.express"
NAME = "pushadmin"
LANGUAGE = "en"


class PushExpress:
    """`session` defaults to the running thread's own."""

    def __init__(self, account: AccountConfig, session: requests.Session | None = None) -> None:
        self.account = account
        self.session = session

    def check(self) -> CheckResult:
        """List the apps."""
        try:
            names = self._call(
                "GET", wire.APPS_PATH, params={"archived": "false"}, read=wire_apps.read_apps
            )
        except Failure as failure:
            return CheckResult.of_failure(failure)
        words = _("The key is accepted; applications: %(names)s")
        return CheckResult(True, words % {"names": ", ".join(names) or "-"})

    def write(self, push: SendPush) -> Request:
        """One message to whom filters mean: at once, or at `due_at` to the minute."""
        part = _take_part(push)
        filters = self._write_filters(part)
        message = self._write_push(part)
        name = (push.name or push.tag or NAME)[:255]
        if push.due_at is None:
            path, body = wire.INSTANT_PATH, wire_sends.write_instant(name, filters, message)
        else:
            onesend = wire_sends.write_onesend(name, filters, push.due_at)
            path, body = wire.ONESENDS_PATH, {"onesend": onesend, "push": message}
        url = self._find_url(path)
        return http.write_request("POST", url, headers=self._write_headers(), json=body)

    def send(self, request: Request) -> Receipt:
        if request.url.endswith(wire.ONESENDS_PATH):
            return self._send_later(json.loads(request.body))
        session = self.session or http.get_session()
        receipt: Receipt = http.send(
            session, request, read=wire_sends.read_sent, read_error=read_error
        )
        return receipt

    def _send_later(self, bodies: dict[str, Any]) -> Receipt:
        """A sending, a push, and the one bound to the other. Without its push a sending reaches
        nobody: whatever goes wrong before the last call was certainly not sent."""
        try:
            schedule = self._make(wire.ONESENDS_PATH, bodies["onesend"])
            push = self._make(wire.PUSHES_PATH, bodies["push"])
        except Failure as failure:
            failure.was_sent = False
            raise
        path = wire.BIND_PATH.format(sched_type=wire_sends.ONESEND, schedule=schedule)
        self._call("PUT", path, json=wire_sends.write_bind(push), allows_empty=True)
        return Receipt(schedule, Outcome.ACCEPTED, raw={"sched_id": schedule, "push_id": push})

    def _make(self, path: str, body: dict[str, Any]) -> str:
        number: str = self._call("POST", path, json=body, read=read_id)
        return number

    def _write_filters(self, part: PushPart) -> dict[str, Any]:
        app = str(self.account.options["app_id"])
        try:
            return wire_filters.write_filters(part.audience or Audience(), app)
        except ValueError as error:
            words = f"The vendor's filters cannot say this audience: {error}."
            raise Failure(Reason.NOT_ADDRESSABLE, words, is_permanent=True) from None

    def _write_push(self, part: PushPart) -> dict[str, Any]:
        language = self.account.options.get("default_lang") or LANGUAGE
        try:
            return wire_pushes.write_push(part.message, language)
        except ValueError as error:
            raise Failure(Reason.PAYLOAD, f"{error}.", is_permanent=True) from None

    def _call(self, method: str, path: str, **options: Any) -> Any:
        return http.call(
            self.session or http.get_session(),
            method,
            self._find_url(path),
            headers=self._write_headers(),
            read_error=read_error,
            **options,
        )

    def _find_url(self, path: str) -> str:
        address = (self.account.base_urls.get("core") or URL).rstrip("/")
        return f"{address}/{path}"

    def _write_headers(self) -> dict[str, str]:
        return wire.write_headers(self.account.credentials["api_key"])


def _take_part(push: SendPush) -> PushPart:
    if len(push.parts) != 1 or push.wall_clock:
        words = "A call carries one part, at once or at one instant."
        raise Failure(Reason.OURS, words, is_permanent=True)
    part = push.parts[0]
    if part.targets or part.only_primary:
        words = "The vendor takes no ids of recipients."
        raise Failure(Reason.NOT_ADDRESSABLE, words, is_permanent=True)
    return part
