"""A key pair and the push services of all browsers: each subscription names its own.

There is no call for many. The engine makes the calls that `write_calls` renders; `check` alone
talks by itself, and only where there is a browser to try the account with: a subscription that
somebody has pasted, else the newest of those that have subscribed on our own page.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from providers import http
from providers.commands import PushPart, SendPush
from providers.device_exchanges import list_names
from providers.message import PushMessage, WebContent
from providers.outbound import (
    AccountConfig,
    AddressRests,
    CheckResult,
    ClientCertificate,
    DeviceAnswer,
    DeviceCall,
    DeviceCalls,
)
from providers.outcomes import Failure, Outcome, Reason, Result

from . import wire_auth, wire_errors, wire_messages, wire_sends, wire_subscriptions
from .wire_encryption import encrypt

MAX_RESTS = 1024
CHECK_SECONDS = 60


class Rests:
    """Until when push services want to be left alone by an account, as far as this process knows. A
    stranger may name any number of them, so what is kept is bounded."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}
        self._untold: dict[tuple[str, str], float] = {}

    def note(self, account: str, origin: str, seconds: float, *, is_told: bool = False) -> None:
        """It has asked for so many seconds, or more before; others are to be told."""
        if len(self._until) >= MAX_RESTS:
            self._until.clear()
        _prolong(self._until, (account, origin), seconds)
        if is_told:
            self.note_untold(account, origin, seconds)

    def note_untold(self, account: str, origin: str, seconds: float) -> None:
        """Others are to be told, again where that has failed."""
        _prolong(self._untold, (account, origin), seconds)

    def take_untold(self, account: str) -> dict[str, float]:
        """Seconds left of those that others were not told of yet."""
        keys, now = [key for key in self._untold if key[0] == account], time.monotonic()
        left = {key[1]: self._untold.pop(key) - now for key in keys}
        return {origin: seconds for origin, seconds in left.items() if seconds > 0}

    def find(self, account: str, origin: str) -> float:
        """The seconds that are left; 0 when it may be called."""
        left = self._until.get((account, origin), 0.0) - time.monotonic()
        if left <= 0:
            self._until.pop((account, origin), None)
        return max(0.0, left)


def _prolong(ends: dict[tuple[str, str], float], key: tuple[str, str], seconds: float) -> None:
    """From now on for so long; a later end stays."""
    ends[key] = max(ends.get(key, 0.0), time.monotonic() + seconds)


RESTS = Rests()


@dataclass(frozen=True, slots=True)
class SharedRests:
    """Those of one account."""

    account_id: str

    def take_told(self) -> Mapping[str, float]:
        return RESTS.take_untold(self.account_id)

    def put_back(self, told: Mapping[str, float]) -> None:
        for origin, seconds in told.items():
            RESTS.note_untold(self.account_id, origin, seconds)

    def learn(self, rests: Mapping[str, float]) -> None:
        for origin, seconds in rests.items():
            RESTS.note(self.account_id, origin, seconds)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One part of a push: its content, what all its requests say, a topic where it has one, and
    the services that have taken it."""

    template: wire_messages.Template
    headers: tuple[str, ...]
    topic: str
    taken_by: wire_auth.Taken = field(default_factory=wire_auth.Taken)


class WebPush:
    """One account: a key pair that browsers have subscribed with."""

    def __init__(self, account: AccountConfig) -> None:
        contact = str(account.options.get("contact") or "")
        self.signer = _find_signer(account.credentials.get("private_key", ""), contact)
        self.account_id = account.public_id
        pasted = account.credentials.get("test_browser", "")
        self.is_pasted = bool(pasted)
        self.test_browser = pasted or account.test_browser
        named = str(account.options.get("services") or "")
        self.services = tuple(name.strip().lower() for name in named.split(",") if name.strip())

    def check(self) -> CheckResult:
        """Sign and verify; where there is a test browser, show it a notification."""
        origin = "https://push.example"
        try:
            wire_auth.verify(self.signer.find_header(origin, time.time()), origin, time.time())
        except ValueError as error:
            return CheckResult(False, _("The key pair does not sign: %(why)s.") % {"why": error})
        if not self.test_browser:
            words = _("The key pair signs. Subscribe a browser to see a push arrive.")
            return CheckResult(True, words)
        return self._try_browser()

    def write_calls(self, push: SendPush) -> DeviceCalls:
        """Requests for every subscription of the push; raises Failure for what is no target."""
        return Calls(self, push)

    def _try_browser(self) -> CheckResult:
        web = WebContent(title=_("The account works"), body=_("This came by way of your browser."))
        message = PushMessage(web=web)
        try:
            subscription = wire_subscriptions.read_subscription(self.test_browser)
            content = wire_messages.Template(message).whole
            body = encrypt(content, subscription.point, subscription.auth)
        except ValueError as error:
            return CheckResult(False, _("The test browser is none: %(why)s.") % {"why": error})
        headers = (*wire_sends.write_fixed_headers(CHECK_SECONDS), self.write_word(subscription))
        try:
            http.call(
                http.get_session(),
                "POST",
                subscription.endpoint,
                headers=dict(line.split(": ", 1) for line in headers),
                data=body,
                secrets=list_names(self.test_browser),
                allows_empty=True,
                allows_text=True,
                read_error=_read_gone,
            )
        except Failure as failure:
            return self._judge_failure(failure)
        return CheckResult(True, _("The push service has taken a push for the test browser."))

    def _judge_failure(self, failure: Failure) -> CheckResult:
        """That a browser has left, which nobody has chosen, says nothing against the key."""
        if self.is_pasted or failure.reason is not Reason.TOKEN:
            return CheckResult.of_failure(failure)
        words = _(
            "The key pair signs. The newest test browser has left (“%(words)s”): subscribe one to "
            "see a push arrive."
        )
        return CheckResult(True, words % {"words": failure.message})

    def write_word(self, subscription: wire_subscriptions.Subscription) -> str:
        """The header line that says who sends."""
        header = self.signer.find_header(subscription.origin, time.time())
        return f"Authorization: {header}"

    def trusts(self, subscription: wire_subscriptions.Subscription) -> bool:
        """Whether its push service is one whose word counts against the account."""
        return wire_errors.is_known(subscription, self.services)


class Calls:
    """One push, rendered once per part; the subscription and the receipt token are spliced in."""

    certificate: ClientCertificate | None = None
    caller = ""

    def __init__(self, client: WebPush, push: SendPush) -> None:
        self.client = client
        self.rests: AddressRests | None = SharedRests(client.account_id)
        self.targets: list[tuple[Rendered, str, str]] = []
        self.subscriptions: dict[int, wire_subscriptions.Subscription] = {}  # by place
        for part in push.parts:
            rendered = _render(part, push)
            for targets in part.targets:
                references = targets.references or ("",) * len(targets.values)
                pairs = zip(targets.values, references, strict=True)
                self.targets += [(rendered, value, reference) for value, reference in pairs]
        self.count = len(self.targets)

    def write(self, place: int) -> DeviceCall | Result:
        """The request for one browser, or why there is none."""
        rendered, _token, reference = self.targets[place]
        if rendered.template.is_too_long:
            return _refuse(place, Reason.PAYLOAD, "The message is longer than a push may be.")
        try:
            subscription = self._find_subscription(place)
            body = encrypt(
                rendered.template.render(reference), subscription.point, subscription.auth
            )
        except ValueError as error:
            return _refuse(place, Reason.NOT_ADDRESSABLE, f"This is no subscription: {error}.")
        headers = (*rendered.headers, self.client.write_word(subscription))
        topic = rendered.topic or (wire_sends.write_own_topic(reference) if reference else "")
        if topic:
            headers = (*headers, f"Topic: {topic}")
        return DeviceCall(
            place,
            subscription.endpoint,
            headers,
            body,
            is_address_given=not wire_errors.is_known(subscription),
            is_believed=self.client.trusts(subscription),
        )

    def find_rest(self, call: DeviceCall) -> Result | None:
        """Push services of one push are many; each may ask for time of its own."""
        left = RESTS.find(self.client.account_id, self._find_subscription(call.place).origin)
        if not left:
            return None
        words = "Its push service has asked to wait."
        return Result(call.place, Outcome.FAILED, Reason.VENDOR, words, retry_after=left)

    def read(self, answer: DeviceAnswer) -> Result:
        """What a push service's answer means."""
        rendered, subscription = (
            self.targets[answer.place][0],
            self._find_subscription(answer.place),
        )
        origin = subscription.origin
        result = wire_errors.read_result(
            answer.place,
            answer.status,
            answer.headers,
            answer.body,
            is_trusted=self.client.trusts(subscription),
        )
        if result.outcome is Outcome.ACCEPTED:
            rendered.taken_by.note(origin)
            self.client.signer.note_believed(origin)
        rest = wire_errors.find_rest(answer.status, answer.headers)
        if rest:
            is_told = self.client.trusts(subscription)  # of others there may be any number
            RESTS.note(self.client.account_id, origin, rest, is_told=is_told)
        return self._spare_others(result, rendered, subscription)

    def _find_subscription(self, place: int) -> wire_subscriptions.Subscription:
        """Taken apart once; ValueError for what is none."""
        known = self.subscriptions.get(place)
        if known is None:
            token = self.targets[place][1]
            known = self.subscriptions[place] = wire_subscriptions.read_subscription(token)
        return known

    def _spare_others(
        self, result: Result, rendered: Rendered, subscription: wire_subscriptions.Subscription
    ) -> Result:
        """A service that has taken the account's word, or this very message, finds fault with one
        subscription: anybody may make one up that it refuses, and nobody else shall pay for it."""
        if result.reason is Reason.CREDENTIAL:
            excuses = self.client.signer.excuses
        elif result.reason is Reason.PAYLOAD:
            excuses = rendered.taken_by.excuses
        else:
            return result
        is_alone = excuses(subscription.origin, subscription.endpoint)
        return replace(result, reason=Reason.NOT_ADDRESSABLE) if is_alone else result


def _render(part: PushPart, push: SendPush) -> Rendered:
    web = part.message.web or WebContent()
    topic = str(wire_messages.read_options(part.message).get("topic") or "")
    lives = [life for life in (web.time_to_live, push.expires_in) if life is not None]
    return Rendered(
        wire_messages.Template(part.message),
        wire_sends.write_fixed_headers(min(lives, default=None), web.urgency or ""),
        wire_sends.write_topic(topic) if topic else "",
    )


def _refuse(place: int, reason: Reason, words: str) -> Result:
    return Result(place, Outcome.FAILED, reason, words)


def _read_gone(status: int, body: Any) -> Failure | None:
    if status not in wire_errors.GONE:
        return None
    said = body if isinstance(body, str) else json.dumps(body)
    words = wire_errors.find_words(status, said.encode())
    return Failure(Reason.TOKEN, words, is_permanent=True, was_sent=True)


def _find_signer(private: str, contact: str) -> wire_auth.Signer:
    try:
        return wire_auth.find_signer(private, contact)
    except ValueError:
        words = _("The private key is none: 32 bytes of base64 are expected.")
        raise Failure(Reason.CREDENTIAL, words, is_permanent=True) from None
