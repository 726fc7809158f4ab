"""One account at the vendor. Calls leave through `providers.http`; fields are the wire files'."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import requests
from django.utils.translation import gettext as _

from providers import http
from providers.audience import Condition, Op
from providers.commands import (
    CreateGroup,
    FetchStatus,
    ListGroups,
    PushPart,
    SendPush,
    TransferStatus,
)
from providers.message import PushMessage
from providers.outbound import AccountConfig, CheckResult, Request
from providers.outcomes import Failure, Outcome, Reason, Receipt
from providers.reports import FetchReport, Metric, ReportField, VendorTotal

from . import wire, wire_query, wire_report, wire_sends, wire_status
from .wire_errors import AlreadyTaken, NotKnown, read_error

PUSH_URL = "https://push.api.appmetrica.yandex.net"
REPORTING_URL = "https://api.appmetrica.yandex.com"
MAX_BATCH = 50_000  # the vendor takes five times as many; a lost answer then costs less
MAX_TEXTS = 1_000  # items of a call; the vendor names no number
NO_TAG = "untagged"  # the vendor demands a tag where ours may be empty

# What every documentation of the namespace lists; an unknown name would refuse the whole call.
TOTALS = (Metric.SENT, Metric.DELIVERED, Metric.OPENED)


class AppMetrica:
    """`session` defaults to the running thread's own."""

    def __init__(self, account: AccountConfig, session: requests.Session | None = None) -> None:
        self.account = account
        self.session = session

    def check(self) -> CheckResult:
        """List the groups. Without an application id the vendor still judges the token first."""
        try:
            groups = self._fetch_groups()
        except Failure as failure:
            if failure.reason is Reason.PAYLOAD and "app_id" not in self.account.options:
                return CheckResult(True, failure.message)
            return CheckResult.of_failure(failure)
        words = _("The token is accepted; groups of the application: %(names)s")
        return CheckResult(True, words % {"names": ", ".join(sorted(groups)) or "-"})

    def ensure_group(self, group: CreateGroup) -> str:
        """The vendor's id of the group of that name, which is created if there is none."""
        return self._find_group(group.name) or self._create_group(group)

    def write(self, push: SendPush) -> Request:
        """Parts of one platform each, at most 50,000 devices, with an id of ours to ask by."""
        _check_size(push)
        parts = tuple(_prepare_part(part, push.expires_in) for part in push.parts)
        tag = (push.tag or push.name or NO_TAG)[: wire_sends.MAX_TAG]
        return http.write_request(
            "POST",
            self._find_url(wire_sends.SEND_PATH),
            headers=self._write_headers(),
            json=wire_sends.write_send(replace(push, parts=parts, tag=tag)),
            lookup=FetchStatus(group=push.group, client_key=push.client_key),
        )

    def send(self, request: Request) -> Receipt:
        try:
            receipt: Receipt = http.send(
                self.session or http.get_session(),
                request,
                read=_read_receipt,
                read_error=read_error,
                recipients=wire_sends.RECIPIENT_KEYS,
            )
        except AlreadyTaken as failure:
            return self._find_earlier(request, failure)
        return receipt

    def fetch_status(self, command: FetchStatus) -> TransferStatus | None:
        """A transfer by its id, or by our own id inside a group; None when it is not known."""
        path = wire_status.write_status_path(command)
        try:
            status: TransferStatus = self._call("GET", path, read=wire_status.read_status)
        except NotKnown:
            return None
        return status

    def fetch_totals(self, transfer: str, day: str) -> tuple[VendorTotal, ...]:
        """The vendor's counts of one transfer on one day (`YYYY-MM-DD`); none before it has any."""
        command = FetchReport(
            apps=(str(self.account.options["app_id"]),),
            metrics=TOTALS,
            dimensions=(ReportField.TRANSFER,),
            date_from=day,
            date_to=day,
            where=Condition(ReportField.TRANSFER, Op.EQ, transfer),
            limit=1,
        )
        totals: tuple[VendorTotal, ...] = self._call(
            "GET",
            wire_query.TABLE_PATH,
            base="reporting",
            params=wire_query.write_fetch_report(command),
            read=lambda body: wire_report.read_totals(wire_report.read_report(command, body)),
        )
        return totals

    def _find_earlier(self, request: Request, failure: Failure) -> Receipt:
        # Our ids are drawn for one batch only: whoever took this one was an earlier try of ours.
        try:
            status = self.fetch_status(request.lookup) if request.lookup else None
        except Failure:
            status = None
        if status is None:
            # Taken, and not known: whoever says both will know better in a while.
            raise Failure(Reason.NO_ANSWER, failure.message, was_sent=None)
        return Receipt(status.transfer, Outcome.ACCEPTED, raw={"transfer_id": status.transfer})

    def _fetch_groups(self) -> dict[str, str]:
        app = str(self.account.options.get("app_id", ""))
        rows = self._call(
            "GET",
            wire.GROUPS_PATH,
            params=wire.write_list_groups(ListGroups(app)),
            read=wire.read_groups,
        )
        return {row.name: row.id for row in rows.rows}

    def _find_group(self, name: str) -> str | None:
        return self._fetch_groups().get(name)

    def _create_group(self, group: CreateGroup) -> str:
        command = replace(group, app=str(self.account.options["app_id"]))
        try:
            row = self._call(
                "POST",
                wire.GROUPS_PATH,
                json=wire.write_create_group(command),
                read=wire.read_group_reply,
            )
        except AlreadyTaken:
            # Another worker was faster.
            found = self._find_group(group.name)
            if found is None:
                raise
            return found
        return str(row.id)

    def _call(self, method: str, path: str, *, base: str = "push", **options: Any) -> Any:
        return http.call(
            self.session or http.get_session(),
            method,
            self._find_url(path, base),
            headers=self._write_headers(),
            read_error=read_error,
            **options,
        )

    def _find_url(self, path: str, base: str = "push") -> str:
        default = PUSH_URL if base == "push" else REPORTING_URL
        address = (self.account.base_urls.get(base) or default).rstrip("/")
        return f"{address}/{path}"

    def _write_headers(self) -> dict[str, str]:
        return wire.write_headers(self.account.credentials["token"])


def _read_receipt(body: Mapping[str, Any]) -> Receipt:
    return Receipt(wire_sends.read_accepted(body).transfer, Outcome.ACCEPTED, raw=body)


def _check_size(push: SendPush) -> None:
    if not 1 <= len(push.parts) <= MAX_TEXTS or not push.client_key:
        words = f"A call carries at most {MAX_TEXTS} parts and an id of its own."
        raise Failure(Reason.OURS, words, is_permanent=True)
    if wire_sends.count_devices(push) > MAX_BATCH:
        raise Failure(
            Reason.OURS, f"A call carries at most {MAX_BATCH} devices.", is_permanent=True
        )


def _prepare_part(part: PushPart, expires_in: int | None) -> PushPart:
    """The part with its text folded into the block of the one platform that its ids are of."""
    kinds = [wire_sends.KINDS.get(targets.kind) for targets in part.targets]
    if None in kinds:
        raise Failure(
            Reason.NOT_ADDRESSABLE, "The vendor has no such kind of id.", is_permanent=True
        )
    platforms = {kind.platform for kind in kinds if kind and kind.platform}
    if len(platforms) > 1:
        raise Failure(Reason.OURS, "A call carries one platform.", is_permanent=True)
    message = part.message.resolve(platforms.pop()) if platforms else part.message
    return replace(part, message=_shorten_life(message, expires_in))


def _shorten_life(message: PushMessage, expires_in: int | None) -> PushMessage:
    """No gateway keeps the push longer than the send may live."""
    if expires_in is None:
        return message
    seconds = max(1, expires_in)
    android, ios = message.android, message.ios
    if android is not None:
        android = replace(android, time_to_live=_find_least(android.time_to_live, seconds))
    if ios is not None:
        ios = replace(ios, expiration=_find_least(ios.expiration, seconds))
    return replace(message, android=android, ios=ios)


def _find_least(chosen: int | None, seconds: int) -> int:
    return seconds if chosen is None else min(chosen, seconds)
