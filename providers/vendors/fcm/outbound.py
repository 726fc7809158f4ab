"""One project at the vendor: its access token, the calls that the engine makes, and the check.

A token is fetched with the service account's key (RFC 7523) and shared by all threads of a process
until shortly before it ends. One that is answered 401 is fetched anew, once until one has worked.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import requests
from django.conf import settings
from django.utils.translation import gettext as _

from providers import http
from providers.commands import SendPush, Token
from providers.failures import describe_misreading, leaves_doubt
from providers.outbound import (
    AccountConfig,
    AddressRests,
    CheckResult,
    ClientCertificate,
    DeviceAnswer,
    DeviceCall,
)
from providers.outcomes import Failure, Outcome, Reason, Result
from providers.recipients import TOKEN_KIND

from . import wire_auth, wire_errors, wire_messages, wire_sends
from .wire_auth import ServiceAccount

URL = "https://fcm.googleapis.com"
PROBE = "pushadmin-check-no-such-token"
FAILED_SECONDS = 2.0  # for so long a failure to get a token is not tried again
EARLY_SECONDS = 300.0  # a token is renewed so long before it ends
JSON_HEADER = "content-type: application/json"
_NOT_OURS = (wire_errors.THIRD_PARTY, "APNS_AUTH_ERROR")  # 401 that no other token would mend


@dataclass(slots=True)
class Access:
    """An access token."""

    text: str = field(repr=False)
    ends_at: float


class AccessTokens:
    """Those of this process by whose they are; a thread that needs one waits for the other that
    fetches it. `doubted` are owners of whom one was refused and none has worked since, `vain`
    has the next one of theirs that was refused."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.known: dict[str, Access] = {}
        self.doubted: set[str] = set()
        self.vain: dict[str, str] = {}
        self.failed: dict[str, tuple[float, Failure]] = {}
        self.locks: dict[str, threading.Lock] = {}

    def find(self, owner: str, fetch: Callable[[], Token]) -> str:
        """A token that is good for a while; raises `Failure`."""
        access = self._find_good(owner)
        if access is not None:
            return access.text
        with self.locks.setdefault(owner, threading.Lock()):
            access = self._find_good(owner)
            return (access or self._fetch(owner, fetch)).text

    def _fetch(self, owner: str, fetch: Callable[[], Token]) -> Access:
        """Who asks right after a failure hears of the same one: thousands of calls may wait."""
        until, failure = self.failed.get(owner, (0.0, None))
        if failure is not None and self.clock() < until:
            raise failure
        try:
            return self._take(owner, fetch())
        except Failure as fault:
            self.failed[owner] = (self.clock() + FAILED_SECONDS, fault)
            raise

    def _find_good(self, owner: str) -> Access | None:
        access = self.known.get(owner)
        return access if access and self.clock() < access.ends_at else None

    def _take(self, owner: str, token: Token) -> Access:
        life = max(token.expires_in - EARLY_SECONDS, token.expires_in / 2)
        access = self.known[owner] = Access(token.text, self.clock() + life)
        return access

    def trust(self, owner: str, text: str) -> None:
        """The vendor has taken a token."""
        if owner in self.doubted and self._is_known(owner, text):
            self.doubted.discard(owner)

    def refuse(self, owner: str, text: str) -> bool:
        """The vendor does not take a token, which no later call shows: whether another one may be
        better. Of many answers that say so the first one counts."""
        if self._is_known(owner, text):
            if owner in self.doubted:
                self.vain[owner] = text
            self.doubted.add(owner)
            self.known.pop(owner, None)
        return self.vain.get(owner) != text

    def _is_known(self, owner: str, text: str) -> bool:
        access = self.known.get(owner)
        return access is not None and access.text == text


TOKENS = AccessTokens()


class Fcm:
    """`session` defaults to the running thread's own."""

    def __init__(
        self,
        account: AccountConfig,
        session: requests.Session | None = None,
        tokens: AccessTokens | None = None,
    ) -> None:
        self.account = account
        self.session = session
        self.tokens = tokens or TOKENS
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def key(self) -> ServiceAccount:
        """Raises `Failure` where the key file cannot be read."""
        try:
            return wire_auth.read_service_account(self.account.credentials["service_account"])
        except (KeyError, ValueError) as error:
            words = str(error) if isinstance(error, ValueError) else _("The key file is missing.")
            raise Failure(Reason.CREDENTIAL, words, is_permanent=True) from None

    def check(self) -> CheckResult:
        """A call for trial to a token that is none: it is refused for the token, or for the key."""
        key = self.key
        try:
            self._probe(key)
        except Failure as failure:
            if failure.reason is not Reason.TOKEN:
                return CheckResult.of_failure(failure)
        words = _("The key is accepted; project: %(name)s")
        return CheckResult(is_good=True, words=words % {"name": key.project})

    def _probe(self, key: ServiceAccount) -> None:
        """With a token of its own: one that is kept works on after its key was deleted, and may
        have been taken back though the key is good."""
        token = self.fetch_token(key).text
        http.call(
            self.session or http.get_session(),
            "POST",
            self.find_url(key),
            headers={"Authorization": wire_auth.write_authorization(token)},
            json=wire_sends.write_probe(PROBE),
            read=wire_sends.read_sent,
            read_error=wire_errors.read_probe_error,
            recipients=wire_sends.RECIPIENT_KEYS,
        )

    def write_calls(self, push: SendPush) -> ProjectCalls:
        """Renders each part once and talks to nobody; raises `Failure`."""
        return ProjectCalls(self, self.key, push)

    def find_url(self, key: ServiceAccount) -> str:
        address = (self.account.base_urls.get("api") or URL).rstrip("/")
        return f"{address}/{wire_sends.SEND_PATH.format(project=key.project)}"

    def name_owner(self, key: ServiceAccount) -> str:
        """Whose token it is: a digest of a key and of where it is shown."""
        told = "\0".join((key.private_key, key.email, self._find_token_url(key)))
        return hashlib.sha256(told.encode()).hexdigest()

    def _find_token_url(self, key: ServiceAccount) -> str:
        own = self.account.base_urls.get("token", "").rstrip("/")
        return f"{own}/{wire_auth.TOKEN_PATH}" if own else key.token_uri

    def fetch_token(self, key: ServiceAccount) -> Token:
        url = self._find_token_url(key)
        assertion = wire_auth.write_assertion(key, url, self.clock())
        try:
            token: Token = http.call(
                self.session or http.get_session(),
                "POST",
                url,
                data=wire_auth.write_token_request(assertion),
                read=wire_auth.read_token,
                read_error=wire_auth.read_token_error,
                secrets=(assertion,),
            )
        except Failure as failure:
            failure.was_sent = False  # nothing is sent without a token
            if failure.reason is Reason.NO_ANSWER:
                failure.reason = Reason.VENDOR
            raise
        return token


class ProjectCalls:
    """The calls of one push. Bodies are rendered; a call is a few bytes joined."""

    certificate: ClientCertificate | None = None
    caller = ""
    rests: AddressRests | None = None

    def __init__(self, client: Fcm, key: ServiceAccount, push: SendPush) -> None:
        self.client = client
        self.service_account = key
        self.url = client.find_url(key)
        self.owner = client.name_owner(key)
        self.token = ""
        self.headers: tuple[str, ...] = ()
        self.rows: list[tuple[wire_sends.Template, str, str]] = []
        now = client.clock()
        for part in push.parts:
            template = wire_sends.Template(part.message, push.expires_in, now)
            for targets in part.targets:
                if targets.kind != TOKEN_KIND:
                    words = "The vendor knows devices by their tokens alone."
                    raise Failure(Reason.NOT_ADDRESSABLE, words, is_permanent=True)
                references = targets.references or ("",) * len(targets.values)
                pairs = zip(targets.values, references, strict=True)
                self.rows += [(template, token, reference) for token, reference in pairs]
        self.count = len(self.rows)
        # By place: what is encoded may span the end of a token, and its calls show different ones.
        self.shown = [""] * self.count

    def write(self, place: int) -> DeviceCall:
        """Raises `Failure` where no token can be had now: no call can be made then."""
        template, token, reference = self.rows[place]
        access = self.client.tokens.find(self.owner, self._fetch)
        if access != self.token:
            self.token = access
            authorization = f"authorization: {wire_auth.write_authorization(access)}"
            self.headers = (JSON_HEADER, authorization)
        self.shown[place] = access
        return DeviceCall(place, self.url, self.headers, template.write(token, reference))

    def _fetch(self) -> Token:
        return self.client.fetch_token(self.service_account)

    def find_rest(self, call: DeviceCall) -> Result | None:
        """Whoever asks to wait asks for all, and the engine stops by the answer."""
        return None

    def read(self, answer: DeviceAnswer) -> Result:
        """What an answer means for its recipient."""
        if answer.status == 200 and wire_sends.is_sent(answer.body):
            self.client.tokens.trust(self.owner, self.shown[answer.place])
            return Result(answer.place, Outcome.ACCEPTED)
        return self._judge(answer)

    def _judge(self, answer: DeviceAnswer) -> Result:
        if 200 <= answer.status < 300:
            words = describe_misreading(answer.status)
            return Result(answer.place, Outcome.UNKNOWN, Reason.NO_ANSWER, words)
        if leaves_doubt(answer.status):
            return wire_errors.read_doubt(answer)
        result = wire_errors.read_result(answer) or judge_status(answer)
        if result.reason is Reason.TOKEN:  # nobody is told so who was not let in
            self.client.tokens.trust(self.owner, self.shown[answer.place])
        is_of_token = answer.status == 401 and not result.message.startswith(_NOT_OURS)
        if is_of_token and self.client.tokens.refuse(self.owner, self.shown[answer.place]):
            words = f"The access token was refused and is fetched anew. {result.message}"
            # The calls that are encoded after it show the same token.
            return Result(
                answer.place,
                Outcome.FAILED,
                Reason.VENDOR,
                words,
                retry_after=1.0,
                blocks_account=True,
            )
        return result


def judge_status(answer: DeviceAnswer) -> Result:
    """By its status, where its code says nothing."""
    failure = http.explain_status(answer.status)
    words = wire_errors.find_words(answer) or failure.message
    # The account names the project and the address: what is not there is not there for anybody.
    reason = Reason.CREDENTIAL if answer.status == 404 else failure.reason
    asked = wait = None
    if not failure.is_permanent:
        asked = wait = wire_errors.read_wait(answer.headers)
        if asked is None and reason is Reason.THROTTLED:
            wait = wire_errors.QUOTA_SECONDS
    return Result(
        answer.place,
        Outcome.FAILED,
        reason,
        words,
        retry_after=wait,
        blocks_account=bool(asked),
    )


def find_credential_faults(credentials: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with the key file, in a sentence that repeats nothing of it."""
    try:
        wire_auth.read_service_account(credentials.get("service_account", ""))
    except ValueError as error:
        return {"service_account": str(error)}
    return {}


def describe_key(shown: Mapping[str, str]) -> dict[str, str]:
    """The key file of a door of ours, for the vendor's own clients."""
    key = shown.get(wire_auth.PRIVATE_KEY)
    if key is None:
        return {}
    address = f"{settings.PUBLIC_URL}/compat/{wire_messages.KEY}/{wire_auth.TOKEN_PATH}"
    text = wire_auth.write_service_account(shown["project_id"], shown["client_email"], key, address)
    return {"service_account": text}
