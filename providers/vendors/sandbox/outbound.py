"""Speaks to the sandbox."""

from __future__ import annotations

import requests
from django.conf import settings

from providers import http
from providers.commands import SendPush
from providers.outbound import AccountConfig, CheckResult, Request
from providers.outcomes import Failure, Reason, Receipt
from providers.receipts import FetchReceipts, ReceiptPage
from providers.vendors.sandbox import wire


class Sandbox:
    """One account. `session` defaults to the running thread's own."""

    def __init__(self, account: AccountConfig, session: requests.Session | None = None) -> None:
        self.account = account
        self.session = session
        self.headers = {
            "Authorization": wire.write_authorization(account.credentials.get("api_key", "")),
            **wire.write_behaviour(account.options),
        }

    def check(self) -> CheckResult:
        """Asks for one receipt, which changes nothing."""
        self.fetch_receipts(FetchReceipts(limit=1))
        return CheckResult(True, "The sandbox accepts the key.")

    def write(self, push: SendPush) -> Request:
        return http.write_request(
            "POST",
            self._find_url(wire.SEND_PATH),
            headers=self.headers,
            json=wire.write_send(push),
            count=sum(len(targets.values) for part in push.parts for targets in part.targets),
        )

    def send(self, request: Request) -> Receipt:
        receipt: Receipt = http.send(
            self.session or http.get_session(),
            request,
            read=lambda body: wire.read_sent(body, request.count),
            read_error=wire.read_error,
            recipients=wire.RECIPIENT_KEYS,
        )
        return receipt

    def fetch_receipts(self, command: FetchReceipts) -> ReceiptPage:
        page: ReceiptPage = http.call(
            self.session or http.get_session(),
            "GET",
            self._find_url(wire.RECEIPTS_PATH),
            headers=self.headers,
            params=wire.write_receipts_query(command),
            read=wire.read_receipts,
            read_error=wire.read_error,
        )
        return page

    def _find_url(self, path: str) -> str:
        url = self.account.base_urls.get("api", "").rstrip("/")
        if url:
            return f"{url}/{path}"
        if settings.SANDBOX_URL:
            return f"{settings.SANDBOX_URL.rstrip('/')}/sandbox/{path}"
        raise Failure(
            Reason.CREDENTIAL,
            "No sandbox is running: start everything with one command (manage.py up), "
            "or set PUSHADMIN_SANDBOX_URL.",
        )
