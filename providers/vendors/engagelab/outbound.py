"""One account at the vendor. Calls leave through `providers.http`; fields are the wire files'."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import requests
from django.utils.translation import gettext as _

from providers import http
from providers.audience_calls import ChangeTag
from providers.commands import PushPart, Recalled, SendPush
from providers.message import BLOCKS, PushMessage
from providers.message_fields import Platform
from providers.outbound import AccountConfig, CheckResult, Request
from providers.outcomes import AppPart, Failure, Outcome, Reason, Receipt, Refusal
from providers.reports import VendorTotal

from . import wire, wire_groups, wire_messages, wire_sends, wire_stats, wire_tags, wire_targets
from .wire_errors import Refused, read_error, write_error

PUSH_URL = "https://pushapi-sgp.engagelab.com"
WEB_PRODUCT = "web"


class EngageLab:
    """`session` defaults to the running thread's own."""

    def __init__(self, account: AccountConfig, session: requests.Session | None = None) -> None:
        self.account = account
        self.session = session

    def check(self) -> CheckResult:
        """List the tags: the cheapest call that the vendor judges the key by."""
        try:
            tags = self._call("GET", wire_tags.TAGS_PATH, read=wire_tags.read_tags)
        except Failure as failure:
            return CheckResult.of_failure(failure)
        words = _("The key is accepted; the application has %(count)s tags.")
        return CheckResult(True, words % {"count": len(tags.counts)})

    def write(self, push: SendPush) -> Request:
        """One platform, at most 1,000 devices or one audience, with our own id as `cid`."""
        part = _prepare_part(push)
        body = _write_body(replace(push, parts=(part,)), self._write_environment())
        return http.write_request(
            "POST",
            self._find_url(wire_groups.GROUP_PATH if self.group_key else wire_sends.PUSH_PATH),
            headers=self._write_headers(is_send=True),
            json=body,
            count=_count_targets(part),
        )

    def send(self, request: Request) -> Receipt:
        is_group = request.url.endswith(wire_groups.GROUP_PATH)
        receipt: Receipt = http.send(
            self.session or http.get_session(),
            request,
            read=_read_group_receipt if is_group else _read_receipt,
            read_error=read_error,
            recipients=wire_sends.RECIPIENT_KEYS,
        )
        return receipt

    def fetch_totals(self, transfer: str, day: str) -> tuple[VendorTotal, ...]:
        """The vendor's counts of one message so far, whatever the day; none before it has any."""
        is_web = self.account.options.get("product") == WEB_PRODUCT
        body = self._call(
            "GET",
            wire_stats.WEB_DETAIL_PATH if is_web else wire_stats.DETAIL_PATH,
            params=wire_stats.write_detail_query((transfer,)),
            read=lambda body: wire_stats.read_totals(transfer, body),
        )
        totals: tuple[VendorTotal, ...] = body
        return totals

    def cancel(self, reference: str) -> Recalled:
        """Withdraw a message: within a day, and once. Whom that still stops is not said."""
        if self.group_key:
            words = _("A push to a group cannot be withdrawn as a whole.")
            raise Failure(Reason.PAYLOAD, words, is_permanent=True)
        path = wire_sends.write_withdraw_path(quote(reference, safe=""))
        recalled: Recalled = self._call("DELETE", path, read=wire_sends.read_withdrawn)
        return recalled

    def ensure_label(self, name: str, add: tuple[str, ...], remove: tuple[str, ...]) -> None:
        """A label is a tag there; its members are registration ids."""
        change = ChangeTag(app="", tag=name, add=add, remove=remove)
        self._call(
            "POST",
            wire_tags.TAG_PATH.format(tag=quote(name, safe="")),
            json=wire_tags.write_change_tag(change),
            recipients=("add", "remove"),
            read=wire_tags.read_success,
            allows_text=True,
        )

    @property
    def group_key(self) -> str:
        """The group that a route sends to, "" for its own application."""
        return str(self.account.options.get("group_key") or "")

    def _write_environment(self) -> dict[str, Any]:
        is_production = self.account.options.get("apns_production")
        return {} if is_production is None else {"apns_production": bool(is_production)}

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
        address = (self.account.base_urls.get("push") or PUSH_URL).rstrip("/")
        return f"{address}/{path}"

    def _write_headers(self, *, is_send: bool = False) -> dict[str, str]:
        credentials = self.account.credentials
        if is_send and self.group_key:
            secret = credentials.get("group_secret", "")
            return wire.write_group_headers(self.group_key, secret)
        return wire.write_headers(credentials["app_key"], credentials["master_secret"])


def _read_receipt(body: Mapping[str, Any]) -> Receipt:
    return Receipt(wire_sends.read_accepted(body).transfer, Outcome.ACCEPTED, raw=body)


def _read_group_receipt(body: Mapping[str, Any]) -> Receipt:
    """Accepted where every application that has somebody took it. Whose devices are those of one
    that refused nobody can see; if all did, it is refused as the first says."""
    accepted = wire_groups.read_group_accepted(body)
    named = dict(zip(accepted.names, accepted.entries, strict=True))
    failures = {
        name: _explain_refusal(entry) for name, entry in named.items() if isinstance(entry, Refusal)
    }
    if len(failures) == len(named):
        raise next(iter(failures.values()))
    is_whole = all(failure.reason is Reason.UNKNOWN_ID for failure in failures.values())
    return Receipt(
        accepted.reference,
        Outcome.ACCEPTED if is_whole else Outcome.UNKNOWN,
        raw=body,
        parts=tuple(
            AppPart(name, words=failures[name].message)
            if isinstance(entry, Refusal)
            else AppPart(name, reference=entry.transfer)
            for name, entry in named.items()
        ),
    )


def _explain_refusal(refusal: Refusal) -> Failure:
    number = refusal.number if isinstance(refusal, Refused) else 0
    failure = read_error(400, write_error(int(number), refusal.message))
    return failure or Failure(Reason.PAYLOAD, refusal.message, is_permanent=True, was_sent=True)


def _write_body(push: SendPush, environment: dict[str, Any]) -> dict[str, Any]:
    try:
        body = wire_sends.write_push(push)
    except ValueError as error:
        raise Failure(Reason.NOT_ADDRESSABLE, str(error), is_permanent=True) from None
    if environment and push.parts[0].message.ios is not None:
        body["body"]["options"] = {**environment, **body["body"].get("options", {})}
    return body


def _prepare_part(push: SendPush) -> PushPart:
    if len(push.parts) != 1 or not push.client_key:
        words = "A call carries one part and an id of its own."
        raise Failure(Reason.OURS, words, is_permanent=True)
    (part,) = push.parts
    if _count_targets(part) > wire_targets.MAX_IDS:
        words = f"A call carries at most {wire_targets.MAX_IDS} devices."
        raise Failure(Reason.OURS, words, is_permanent=True)
    platforms = part.platforms or (_find_platform(part.message),)
    if Platform.WEB in platforms and len(platforms) > 1:
        words = "A call for browsers is for nothing else."
        raise Failure(Reason.NOT_ADDRESSABLE, words, is_permanent=True)
    return replace(part, message=wire_messages.narrow_platforms(part.message, platforms))


def _count_targets(part: PushPart) -> int:
    return sum(len(targets.values) for targets in part.targets)


def _find_platform(message: PushMessage) -> Platform:
    """A message for one platform has that one's block; the fourth platform has none."""
    blocks = [item for item in BLOCKS if getattr(message, item.value) is not None]
    return blocks[0] if blocks else Platform.HMOS
