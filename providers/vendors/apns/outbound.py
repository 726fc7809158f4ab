"""One account at the gateway: a key or a certificate, production or sandbox.

Each device takes a call of its own. A push is rendered once for every message in it; per device
the token, the two ids and the receipt token are put in.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from providers.commands import PushPart, SendPush
from providers.fanout import get_fanout
from providers.message import PushMessage
from providers.outbound import (
    AccountConfig,
    AddressRests,
    CheckResult,
    ClientCertificate,
    DeviceAnswer,
    DeviceCall,
)
from providers.outcomes import Failure, Outcome, Reason, Result

from . import wire, wire_content, wire_errors, wire_tokens
from .wire_options import KEY

Clock = Callable[[], float]  # seconds since 1970
KEY_FIELDS = ("key", "key_id", "team_id")


class Signer:
    """Who calls: the `authorization` line of a team's key, or none where a certificate tells."""

    def __init__(self, account: AccountConfig) -> None:
        self.credentials = account.credentials
        self.certificate: ClientCertificate | None = None
        self.slot = 0
        self.lines: tuple[str, ...] = ()
        if not self._has_key():
            self.certificate = self._read_certificate()

    def list_lines(self, now: float) -> tuple[str, ...]:
        """What a call at that moment says of the caller. Raises Failure."""
        if self.certificate is not None:
            return ()
        slot = wire_tokens.find_slot(now)
        if slot != self.slot:
            self.lines = (wire.write_bearer(self._sign(slot)),)
            self.slot = slot
        return self.lines

    @property
    def caller(self) -> str:
        """The key, as a digest: Apple takes no second one on a connection."""
        if self.certificate is not None:
            return ""
        told = "\0".join(self.credentials[name] for name in KEY_FIELDS)
        return hashlib.sha256(told.encode()).hexdigest()

    def _has_key(self) -> bool:
        return all(self.credentials.get(name) for name in KEY_FIELDS)

    def _sign(self, slot: int) -> str:
        key, key_id, team_id = (self.credentials[name] for name in KEY_FIELDS)
        try:
            return wire_tokens.write_token(key, key_id, team_id, slot)
        except wire_tokens.UnreadableKey as error:
            raise Failure(Reason.CREDENTIAL, str(error), is_permanent=True) from None

    def _read_certificate(self) -> ClientCertificate:
        texts = [self.credentials.get(name, "") for name in ("certificate", "certificate_key")]
        if not all(texts):
            words = "Enter a signing key with its key ID and team ID, or a certificate and its key."
            raise Failure(Reason.CREDENTIAL, words, is_permanent=True)
        try:
            return ClientCertificate(*map(wire_tokens.mend_pem, texts))
        except wire_tokens.UnreadableKey as error:
            raise Failure(Reason.CREDENTIAL, str(error), is_permanent=True) from None


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as all of its recipients get it: the shared lines, and the body up to the receipt
    token. `fault` is why it cannot be sent at all."""

    lines: tuple[str, ...]
    body: bytes
    max_bytes: int
    collapses: bool
    fault: str = ""


@dataclass(slots=True)
class Calls:
    """The calls of a push, as `providers.outbound.DeviceCalls`."""

    url: str
    signer: Signer
    certificate: ClientCertificate | None
    caller: str
    count: int
    rendered: Sequence[Rendered]  # by place, as the two that follow
    tokens: Sequence[str]
    references: Sequence[str]
    clock: Clock
    rests: AddressRests | None = None

    def write(self, place: int) -> DeviceCall | Result:
        token, rendered = self.tokens[place], self.rendered[place]
        reference = self.references[place]
        body = b"%b,%b}" % (rendered.body, _write_reference(reference))
        fault = rendered.fault or _find_size_fault(len(body), rendered.max_bytes)
        if fault:
            return Result(place, Outcome.FAILED, Reason.PAYLOAD, fault)
        if wire.TOKEN.fullmatch(token) is None:
            words = "This is no token of this gateway, which are hexadecimal digits."
            return Result(place, Outcome.FAILED, Reason.NOT_ADDRESSABLE, words)
        number = wire.make_id(reference)
        own = [f"apns-id: {number}"]
        if rendered.collapses:
            own.append(f"apns-collapse-id: {number}")
        lines = (*rendered.lines, *self.signer.list_lines(self.clock()), *own)
        return DeviceCall(place, f"{self.url}{token}", lines, body)

    def find_rest(self, call: DeviceCall) -> Result | None:
        """Whoever asks to wait asks for all, and the engine stops by the answer."""
        return None

    def read(self, answer: DeviceAnswer) -> Result:
        return wire_errors.read_answer(answer)


class Apns:
    """One account; `clock` tells the seconds since 1970."""

    def __init__(self, account: AccountConfig, clock: Clock = time.time) -> None:
        self.account = account
        self.clock = clock

    def check(self) -> CheckResult:
        """Call a device that there cannot be: who is not let in is told so before."""
        signer = Signer(self.account)
        kind = wire.BACKGROUND
        lines = wire.write_headers(kind, self._find_topic())
        call = DeviceCall(
            place=0,
            url=f"{self._find_url()}{wire.UNKNOWN_TOKEN}",
            headers=(*lines, *signer.list_lines(self.clock())),
            body=wire_content.encode({"aps": wire.KINDS[kind].aps}),
        )
        answer = self._ask(call, signer)
        if wire_errors.is_let_in(answer):
            return CheckResult(True, _("Apple accepts the credentials."))
        return CheckResult.of_failure(wire_errors.read_answer(answer))

    def _ask(self, call: DeviceCall, signer: Signer) -> DeviceAnswer:
        fanout = get_fanout(1, signer.certificate, self.account.public_id, signer.caller)
        fanout.submit(call)
        while not (answered := fanout.poll(1.0)):
            fanout.admit()
        answer = answered[0][1]
        if isinstance(answer, Failure):
            raise answer
        return answer

    def write_calls(self, push: SendPush) -> Calls:
        """Raises Failure where the account's key or certificate cannot be read."""
        signer = Signer(self.account)
        signer.list_lines(self.clock())
        rendered: list[Rendered] = []
        targets: list[tuple[str, str]] = []
        for part in push.parts:
            targets += _list_targets(part)
            one = self._render(part.message, push.expires_in)
            rendered += [one] * (len(targets) - len(rendered))
        return Calls(
            url=self._find_url(),
            signer=signer,
            certificate=signer.certificate,
            caller=signer.caller,
            count=len(targets),
            rendered=rendered,
            tokens=[token for token, _reference in targets],
            references=[reference for _token, reference in targets],
            clock=self.clock,
        )

    def _render(self, message: PushMessage, expires_in: int | None) -> Rendered:
        faults = wire_content.find_faults(message)
        if faults:
            words = "; ".join(f"{path}: {words}" for path, words in faults.items())
            return Rendered((), b"{", 0, collapses=False, fault=words)
        now = int(self.clock())
        name, payload = wire_content.write_payload(message, now)
        options = message.extras.get(KEY, {})
        collapse_id = (message.ios.collapse_id if message.ios else None) or ""
        lines = wire.write_headers(
            name,
            self._find_topic(),
            priority=options.get("priority", ""),
            expiration=_find_expiration(message, expires_in, now),
        )
        is_named = bool(collapse_id) and name == wire.ALERT
        return Rendered(
            (*lines, f"apns-collapse-id: {collapse_id}") if is_named else lines,
            wire_content.encode(payload)[:-1],
            wire.KINDS[name].max_bytes,
            collapses=name == wire.ALERT and not is_named,
        )

    def _find_topic(self) -> str:
        return str(self.account.options.get("topic", ""))

    def _find_url(self) -> str:
        options = self.account.options
        own = self.account.base_urls.get("gateway", "").rstrip("/")
        origin = own or wire.find_origin(
            str(options.get("environment", "")), str(options.get("port", ""))
        )
        return f"{origin}{wire.DEVICE_PATH}"


def _list_targets(part: PushPart) -> Iterator[tuple[str, str]]:
    for targets in part.targets:
        yield from zip(targets.values, targets.references, strict=True)


def _write_reference(reference: str) -> bytes:
    return f'"{wire_content.REFERENCE_KEY}":{json.dumps(reference)}'.encode()


def _find_size_fault(size: int, maximum: int) -> str:
    return "" if size <= maximum else f"The payload has {size} bytes; at most {maximum} are taken."


def _find_expiration(message: PushMessage, expires_in: int | None, now: int) -> int | None:
    """The sooner of what the message and the push say, as an instant; 0 means one try."""
    own = message.ios.expiration if message.ios else None
    known = [seconds for seconds in (own, expires_in) if seconds is not None]
    if not known:
        return None
    return now + min(known) if min(known) > 0 else 0
