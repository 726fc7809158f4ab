"""Speaks to the sandbox."""

from __future__ import annotations

from typing import Any

import requests
from django.conf import settings

from providers import http
from providers.commands import FetchReceipts, ReceiptPage, SendPush
from providers.contract import AccountConfig, CheckResult
from providers.outcomes import Failure, Reason, Receipt
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

    def send(self, push: SendPush) -> Receipt:
        receipt: Receipt = self._call(
            "POST",
            wire.SEND_PATH,
            json=wire.write_send(push),
            read=wire.read_sent,
            recipients=wire.RECIPIENT_KEYS,
        )
        return receipt

    def fetch_receipts(self, command: FetchReceipts) -> ReceiptPage:
        page: ReceiptPage = self._call(
            "GET",
            wire.RECEIPTS_PATH,
            params=wire.write_receipts_query(command),
            read=wire.read_receipts,
        )
        return page

    def _call(self, method: str, path: str, **options: Any) -> Any:
        return http.call(
            self.session or http.get_session(),
            method,
            f"{self._find_base_url()}/{path}",
            headers=self.headers,
            read_error=wire.read_error,
            **options,
        )

    def _find_base_url(self) -> str:
        url = self.account.base_urls.get("api", "").rstrip("/")
        if url:
            return url
        if settings.SANDBOX_URL:
            return f"{settings.SANDBOX_URL.rstrip('/')}/sandbox"
        raise Failure(
            Reason.CREDENTIAL,
            "No sandbox is running: start everything with one command (manage.py up), "
            "or set PUSHADMIN_SANDBOX_URL.",
        )
