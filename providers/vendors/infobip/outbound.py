"""One account at the vendor. Calls leave through `providers.http`; fields are the wire files'."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import requests
from django.conf import settings
from django.utils.translation import gettext as _

from providers import http
from providers.commands import Callback, FetchStatus, SendPush, TransferState, TransferStatus
from providers.contract import Idempotency
from providers.inbound import Call
from providers.message import PushMessage
from providers.outbound import AccountConfig, CheckResult, Request
from providers.outcomes import Failure, Reason, Receipt
from providers.receipts import FetchReceipts, OutcomeEvent, ReceiptEvent, ReceiptPage
from providers.reports import FetchOutcomes, OutcomeRow, OutcomeRows, VendorTotal
from providers.scenarios import (
    Channel,
    ListScenarios,
    SaveScenario,
    ScenarioRow,
    ScenarioRows,
    SendByScenario,
    SendText,
    SendTexts,
    Step,
)

from . import (
    wire_auth,
    wire_destinations,
    wire_omni,
    wire_reports,
    wire_scenarios,
    wire_sends,
    wire_sends_v2,
    wire_sms,
    wire_stats,
)
from .wire_destinations import TYPES
from .wire_errors import NotKnown, read_error
from .wire_filters import CannotSay

API_URL = "https://api.infobip.com"
MAX_BATCH = 1000  # the vendor names no number; a lost answer then costs no more than this
NEWER, OLDER = "3", "2"  # versions of the push API
MAX_PAGES = 100  # of scenarios
HOOK_PATH = "reports/{proof}"
# Reports by scenario come first: only they say by which channel somebody was reached.
REPORTS = (
    (wire_omni.REPORTS_PATH, wire_reports.FAILOVER_REPORT),
    (wire_reports.REPORTS_PATH, wire_reports.REPORT),
    (wire_sms.REPORTS_PATH, wire_reports.REPORT),
)
OLDER_REPORTS = (
    (wire_omni.REPORTS_PATH, wire_reports.FAILOVER_REPORT),
    (wire_reports.OLD_REPORTS_PATH, wire_reports.OLD_REPORT),
    (wire_sms.REPORTS_PATH, wire_reports.REPORT),
)
LOGS = (
    (wire_reports.LOGS_PATH, wire_reports.LOG),
    (wire_sms.LOGS_PATH, wire_reports.LOG),
    (wire_omni.LOGS_PATH, wire_reports.FAILOVER_LOG),
)


class Infobip:
    """`session` defaults to the running thread's own."""

    def __init__(self, account: AccountConfig, session: requests.Session | None = None) -> None:
        self.account = account
        self.session = session

    def check(self) -> CheckResult:
        """List the applications, which changes nothing."""
        try:
            rows = self.call(
                "GET", wire_auth.APPLICATIONS_PATH, read=wire_auth.read_apps, recipients=()
            )
        except Failure as failure:
            return CheckResult.of_failure(failure)
        words = _("The key is accepted; applications: %(names)s")
        names = ", ".join(sorted(row.name for row in rows.rows)) or "-"
        return CheckResult(is_good=True, words=words % {"names": names})

    def write(self, push: SendPush) -> Request:
        """At most 1000 destinations, a message for each part, under a bulk id of ours to ask by
        afterwards; in version 2 a message for each."""
        _check_size(push)
        prepared = replace(
            push,
            app=str(self.account.options.get("sender", "")),
            expires_in=_find_life(push),
            callback=self._ask_for_reports(),
        )
        try:
            if is_older(self.account.options):
                many = wire_sends_v2.split_targets(prepared)
                body = wire_sends_v2.write_multi(many)
                return self._write_request(wire_sends_v2.MULTI_PATH, body, len(many.pushes))
            body = wire_sends.write_send(prepared)
        except (CannotSay, KeyError) as error:
            words = f"The vendor cannot address this exactly: {error}"
            raise Failure(Reason.NOT_ADDRESSABLE, words, is_permanent=True) from None
        return self._write_bulk(wire_sends.SEND_PATH, body, push)

    def write_text(self, text: SendText) -> Request:
        """An SMS to each of at most 1000 numbers, in as many texts as there are parts."""
        _check_size(text.push)
        text = replace(text, push=replace(text.push, callback=self._ask_for_reports()))
        body = wire_sms.write_send(SendTexts(text.split(), text.push.client_key))
        return self._write_bulk(wire_sms.SEND_PATH, body, text.push)

    def write_by_scenario(self, command: SendByScenario) -> Request:
        """A send whose steps the vendor takes itself; `scenario` is the vendor's key of it."""
        _check_size(command.push)
        push = replace(command.push, callback=self._ask_for_reports())
        body = wire_omni.write_send(replace(command, push=push))
        return self._write_bulk(wire_omni.SEND_PATH, body, push)

    def _write_bulk(self, path: str, body: Any, push: SendPush) -> Request:
        lookup = FetchStatus(client_key=push.client_key)
        return replace(self._write_request(path, body, len(_list_ids(body))), lookup=lookup)

    def _write_request(self, path: str, body: Any, count: int) -> Request:
        return http.write_request(
            "POST", self.find_url(path), headers=self.write_headers(), json=body, count=count
        )

    def send(self, request: Request) -> Receipt:
        """Raises Failure also for a query that the vendor rejects: it names nobody."""
        body = json.loads(request.body)
        if request.lookup is None:
            read = partial(wire_sends_v2.read_answer, count=request.count)
        else:
            ids, bulk = _list_ids(body), _find_bulk(request)
            read = partial(wire_sends.read_sent, ids=ids, bulk=bulk)
        receipt: Receipt = http.send(
            self.session or http.get_session(),
            request,
            read=read,
            read_error=read_error,
            recipients=wire_sends.RECIPIENT_KEYS,
        )
        if receipt.results and any(map(wire_destinations.names_nobody, body.get("messages", ()))):
            [result] = receipt.results
            reason = result.reason or Reason.VENDOR
            raise Failure(reason, result.message, is_permanent=True, was_sent=True)
        return receipt

    def ensure_scenario(self, scenario: SaveScenario) -> str:
        """The vendor's key of the scenario with these steps, which is made if there is none.

        None is ever changed: what is under way goes on as it began.
        """
        wanted = wire_scenarios.write_save(replace(scenario, steps=self._name_senders(scenario)))
        for row in self._list_scenarios():
            if wire_scenarios.write_scenario(row)["flow"] == wanted["flow"]:
                return row.id
        made: ScenarioRow = self.call(
            "POST",
            wire_scenarios.SCENARIOS_PATH,
            json=wanted,
            read=wire_scenarios.read_scenario,
        )
        return made.id

    def _name_senders(self, scenario: SaveScenario) -> tuple[Step, ...]:
        """A push without a sender leaves by the route's application."""
        own = str(self.account.options.get("sender", ""))
        return tuple(
            replace(step, sender=step.sender or own) if step.channel == Channel.PUSH else step
            for step in scenario.steps
        )

    def _list_scenarios(self) -> Iterator[ScenarioRow]:
        for page in range(MAX_PAGES):
            command = ListScenarios(page=page)
            found: ScenarioRows = self.call(
                "GET",
                wire_scenarios.SCENARIOS_PATH,
                params=wire_scenarios.write_list_query(command),
                read=wire_scenarios.read_scenarios,
            )
            yield from found.rows
            if len(found.rows) < command.limit:
                return

    def fetch_status(self, command: FetchStatus) -> TransferStatus | None:
        """A bulk by its id, from the logs; None when nothing of it is there."""
        bulk = command.transfer or command.client_key
        rows = self.fetch_logs(FetchOutcomes(references=(bulk,), limit=wire_reports.MAX_LIMIT))
        if not rows:
            return None
        is_done = all(row.outcome is not None for row in rows)
        return TransferStatus(
            transfer=bulk,
            group=command.group,
            tag=rows[0].tag,
            state=TransferState.SENT if is_done else TransferState.SENDING,
            created_at=min((row.sent_at for row in rows if row.sent_at), default=datetime.now(UTC)),
            client_key=command.client_key,
        )

    def fetch_logs(self, command: FetchOutcomes) -> tuple[OutcomeRow, ...]:
        """What the vendor has in its logs of pushes, else of texts, else of sends by scenarios;
        they reach 48 hours back.

        Who does not serve them knows nothing for certain: that is a failure, not an empty answer.
        """
        for path, form in LOGS:
            page: OutcomeRows = self.call(
                "GET",
                path,
                params=wire_reports.write_logs_query(command),
                read=partial(wire_reports.read_logs, form=form),
            )
            if page.rows:
                return page.rows
        return ()

    def fetch_totals(self, transfer: str, day: str) -> tuple[VendorTotal, ...]:
        """The vendor's counts of a bulk; none before it has any. They are of all its days.

        None in version 2, where each message is a bulk of its own.
        """
        if is_older(self.account.options):
            return ()
        try:
            totals: tuple[VendorTotal, ...] = self.call(
                "GET",
                wire_stats.STATISTICS_PATH,
                params=wire_stats.write_statistics_query(transfer),
                read_headers=wire_stats.read_statistics,
            )
        except NotKnown:
            return ()
        return totals

    def fetch_receipts(self, command: FetchReceipts) -> ReceiptPage:
        """Reports that nobody has had yet: the vendor gives each of them once.

        So what one call gave is not lost by the failure of another.
        """
        events: list[ReceiptEvent | OutcomeEvent] = []
        failures: list[Failure] = []
        older = is_older(self.account.options)
        for path, form in OLDER_REPORTS if older else REPORTS:
            try:
                events += self._fetch_reports(path, form, command.limit).events
            except NotKnown:
                continue
            except Failure as failure:
                failures.append(failure)
        if failures and not events:
            raise failures[0]
        return ReceiptPage(tuple(events), "")

    def _fetch_reports(self, path: str, form: wire_reports.Form, limit: int) -> ReceiptPage:
        question = FetchOutcomes(limit=min(limit, wire_reports.MAX_LIMIT))
        page: ReceiptPage = self.call(
            "GET",
            path,
            params=wire_reports.write_reports_query(question),
            read=partial(wire_reports.read_receipts, form=form),
        )
        return page

    def call(self, method: str, path: str, **options: Any) -> Any:
        """A call that is no send."""
        return http.call(
            self.session or http.get_session(),
            method,
            self.find_url(path),
            headers=self.write_headers(),
            read_error=read_error,
            **{"recipients": wire_sends.RECIPIENT_KEYS, **options},
        )

    def find_url(self, path: str) -> str:
        return f"{(self.account.base_urls.get('api') or API_URL).rstrip('/')}/{path}"

    def write_headers(self) -> dict[str, str]:
        key = self.account.credentials["api_key"]
        return {"Authorization": wire_auth.write_authorization(key)}

    def _ask_for_reports(self) -> Callback | None:
        """Where the vendor is to tell what became of each message, if it can reach us."""
        if not self.account.options.get("wants_reports"):
            return None
        path = HOOK_PATH.format(proof=write_proof(self.account))
        return Callback(url=f"{settings.PUBLIC_URL}/hooks/{self.account.public_id}/{path}")


def is_older(options: Mapping[str, Any]) -> bool:
    """Whether an account sends by version 2."""
    return options.get("version") == OLDER


def find_idempotency(options: Mapping[str, Any]) -> Idempotency:
    """Version 2 takes no id of ours: nobody can ask about a call whose answer was lost."""
    return Idempotency.NONE if is_older(options) else Idempotency.LOOKUP


def write_proof(account: AccountConfig) -> str:
    """What only we and the vendor, whom we told the address, know: its calls are not signed."""
    key = account.credentials.get("api_key", "").encode()
    return hmac.new(key, account.public_id.encode(), hashlib.sha256).hexdigest()[:32]


def is_from_vendor(call: Call, account: AccountConfig) -> bool:
    shown = call.path.get("proof", "").encode("utf-8", "replace")
    return hmac.compare_digest(shown, write_proof(account).encode())


def _check_size(push: SendPush) -> None:
    if not push.parts or not push.client_key:
        words = "A call carries a part and an id of its own."
        raise Failure(Reason.OURS, words, is_permanent=True)
    named = [targets for part in push.parts for targets in part.targets]
    if sum(len(targets.values) for targets in named) > MAX_BATCH:
        words = f"A call carries at most {MAX_BATCH} destinations."
        raise Failure(Reason.OURS, words, is_permanent=True)
    if any(targets.kind not in TYPES for targets in named):
        words = "The vendor has no such kind of id."
        raise Failure(Reason.NOT_ADDRESSABLE, words, is_permanent=True)


def _find_life(push: SendPush) -> int | None:
    """The shortest of how long the send and its message may live."""
    lives = [push.expires_in, *(life for part in push.parts for life in _list_lives(part.message))]
    return min((life for life in lives if life is not None), default=None)


def _list_lives(message: PushMessage) -> Iterator[int | None]:
    if message.android is not None:
        yield message.android.time_to_live
    if message.ios is not None:
        yield message.ios.expiration


def _list_ids(body: Any) -> list[str]:
    """The ids that we gave the destinations, in their order; "" where we gave none."""
    return [
        str(item.get("messageId", ""))
        for message in body.get("messages") or [body]
        for item in message["destinations"]
    ]


def _find_bulk(request: Request) -> str:
    """Our id of a call, where the vendor's answer leaves it out."""
    is_failover = request.url.endswith(wire_omni.SEND_PATH)
    return request.lookup.client_key if request.lookup and is_failover else ""
