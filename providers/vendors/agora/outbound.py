"""One app at the vendor. Calls leave through `providers.http`; fields are the wire files'."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import requests
from django.utils.translation import gettext as _

from providers import http
from providers.audience_calls import CreateLabel, MembersChanged
from providers.commands import Accepted, IssueToken, SendPush, Token
from providers.outbound import AccountConfig, CheckResult, Request
from providers.outcomes import Failure, Outcome, Reason, Receipt
from providers.recipients import Audience, PersonKind

from . import wire, wire_labels, wire_messages, wire_sends, wire_tokens
from .wire_errors import NotKnown, Unauthenticated, read_error

EASEMOB = "easemob"  # the vendor's other host, with limits of its own
BUILT_SECONDS = 3600  # life of a token that we build for one call
FOREVER_SECONDS = 86_400.0  # after which a token that never expires is fetched again
MAX_TOKENS = 1000


class TokenCache:
    """Fetched tokens by who may use them, each until half of its life is over."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.lock = threading.Lock()
        self.tokens: dict[str, tuple[str, float]] = {}

    def find(self, key: str) -> str:
        """ "" when there is none, or it is too old."""
        with self.lock:
            text, until = self.tokens.get(key, ("", 0.0))
            return text if self.clock() < until else ""

    def keep(self, key: str, token: Token) -> None:
        life = token.expires_in / 2 or FOREVER_SECONDS
        with self.lock:
            if len(self.tokens) >= MAX_TOKENS:
                self.tokens.clear()
            self.tokens[key] = (token.text, self.clock() + life)

    def drop(self, key: str, text: str) -> None:
        """Forget a token that was not taken, unless there is a newer one already."""
        with self.lock:
            if self.tokens.get(key, ("", 0.0))[0] == text:
                del self.tokens[key]


TOKENS = TokenCache()


class Agora:
    """`session` defaults to the running thread's own."""

    def __init__(
        self,
        account: AccountConfig,
        session: requests.Session | None = None,
        tokens: TokenCache = TOKENS,
    ) -> None:
        self.account = account
        self.session = session
        self.tokens = tokens

    def check(self) -> CheckResult:
        """List one label, which changes nothing."""
        rows = self._call(
            "GET",
            wire_labels.LABELS_PATH,
            params=wire_labels.write_page_query(1, ""),
            read=wire_labels.read_labels,
        )
        if not rows.rows:
            return CheckResult(True, _("The credentials are accepted; there are no labels yet."))
        words = _("The credentials are accepted; the first label is %(name)s.")
        return CheckResult(True, words % {"name": rows.rows[0].name})

    def write(self, push: SendPush) -> Request:
        """One message: for up to 100 users, for labels, or for everyone of the app.

        A caller who waits for one user's outcome gets it with the answer.
        """
        if len(push.parts) != 1:
            raise _refuse(Reason.OURS, "A call carries one part.")
        part = replace(push.parts[0], message=wire_messages.fold_texts(push.parts[0].message))
        _check_message(part.message)
        push = replace(push, parts=(part,))
        path, body, count = (
            self._write_audience(push) if part.audience else self._write_targets(push)
        )
        return http.write_request("POST", self._find_url(path), headers={}, json=body, count=count)

    def _write_targets(self, push: SendPush) -> tuple[str, dict[str, Any], int]:
        targets = push.parts[0].targets
        if [item.kind for item in targets] != [PersonKind.EXTERNAL_USER_ID]:
            raise _refuse(Reason.NOT_ADDRESSABLE, "The vendor knows users only.")
        names = targets[0].values
        if not 0 < len(names) <= wire_sends.MAX_TARGETS:
            most = wire_sends.MAX_TARGETS
            raise _refuse(Reason.OURS, f"A call carries at most {most} users.")
        if push.wait > 0 and len(names) == 1:
            path = wire_sends.SYNC_PATH.format(target=quote(names[0], safe=""))
            return path, wire_sends.write_sync(push), 1
        return wire_sends.SINGLE_PATH, wire_sends.write_single(push), len(names)

    def _write_audience(self, push: SendPush) -> tuple[str, dict[str, Any], int]:
        audience = push.parts[0].audience or Audience()
        if audience.expression is not None or audience.segments:
            raise _refuse(Reason.NOT_ADDRESSABLE, "The vendor knows labels only.")
        zone = str(self.account.options.get("zone") or "UTC")
        if not audience.labels:
            return wire_sends.TASK_PATH, wire_sends.write_task(push, zone), 0
        most = 1 if self.account.options.get("service") == EASEMOB else wire_sends.MAX_LABELS
        if len(audience.labels) > most:
            raise _refuse(Reason.NOT_ADDRESSABLE, f"A call takes at most {most} labels.")
        return wire_sends.LABELS_PATH, wire_sends.write_labels(push, zone), 0

    def send(self, request: Request) -> Receipt:
        """A POST is made once; only one that was refused for its token is made again."""
        receipt: Receipt = self._with_token(lambda headers: self._send(request, headers))
        return receipt

    def _send(self, request: Request, headers: Mapping[str, str]) -> Receipt:
        receipt: Receipt = http.send(
            self._find_session(),
            replace(request, headers={**request.headers, **headers}),
            read=_choose_reader(request),
            read_error=read_error,
            recipients=wire_sends.RECIPIENT_KEYS,
            secrets=_find_hidden(request),
        )
        return receipt

    def ensure_label(self, name: str, add: tuple[str, ...], remove: tuple[str, ...]) -> None:
        """Make the label if there is none, and change its members in calls of 100.

        Who cannot be put in is unknown to the vendor and is not reached either way.
        """
        if not wire_labels.is_name(name):
            words = "The vendor's labels are of letters, digits, '_', '.' and '-'."
            raise _refuse(Reason.NOT_ADDRESSABLE, words)
        self._ensure_label(name)
        self._change_members("POST", name, add)
        left = self._change_members("DELETE", name, remove)
        if left:
            words = f"{left} users could not be taken out of the label."
            raise Failure(Reason.VENDOR, words, was_sent=True)

    def _ensure_label(self, name: str) -> None:
        path = wire_labels.LABEL_PATH.format(label=name)
        try:
            self._call("GET", path, read=_read_data(wire_labels.read_label))
        except NotKnown:
            body = wire_labels.write_create_label(CreateLabel("", name))
            read = _read_data(wire_labels.read_label)
            self._call("POST", wire_labels.LABELS_PATH, json=body, read=read)

    def _change_members(self, method: str, label: str, names: tuple[str, ...]) -> int:
        """How many could not be changed."""
        path, failed = wire_labels.MEMBERS_PATH.format(label=label), 0
        for start in range(0, len(names), wire_labels.MAX_MEMBERS):
            some = names[start : start + wire_labels.MAX_MEMBERS]
            answer: MembersChanged = self._call(
                method,
                path,
                json=wire_labels.write_members(some),
                read=_read_data(wire_labels.read_members_changed),
                recipients=(*wire_sends.RECIPIENT_KEYS, "success", "fail"),
            )
            failed += len(answer.failed)
        return failed

    def _call(self, method: str, path: str, **options: Any) -> Any:
        return self._with_token(
            lambda headers: http.call(
                self._find_session(),
                method,
                self._find_url(path),
                headers=headers,
                read_error=read_error,
                **options,
            )
        )

    def _with_token(self, act: Callable[[Mapping[str, str]], Any]) -> Any:
        """Do it with a token; with a fresh one if a fetched one has been refused."""
        credentials = self.account.credentials
        if credentials.get("token"):
            return act(wire.write_headers(credentials["token"]))
        if not (credentials.get("client_id") and credentials.get("client_secret")):
            return act(wire.write_headers(self._build_token()))
        text = self._find_fetched()
        try:
            return act(wire.write_headers(text))
        except Unauthenticated:
            self.tokens.drop(self._name_cache(), text)
            return act(wire.write_headers(self._find_fetched()))

    def _build_token(self) -> str:
        certificate = self.account.credentials.get("app_certificate")
        app_id = self.account.options.get("app_id")
        if not certificate or not app_id:
            words = _("Give a token, a client ID and secret, or an App ID and its certificate.")
            raise _refuse(Reason.CREDENTIAL, words)
        return wire_tokens.write_app_token(
            str(app_id),
            certificate,
            now=datetime.now(UTC),
            life=BUILT_SECONDS,
            salt=secrets.randbelow(99_999_999) + 1,
        )

    def _find_fetched(self) -> str:
        """A token for client id and secret, fetched when none is at hand."""
        name = self._name_cache()
        found = self.tokens.find(name)
        if found:
            return found
        credentials = self.account.credentials
        token: Token = http.call(
            self._find_session(),
            "POST",
            self._find_url(wire_tokens.TOKEN_PATH),
            json=wire_tokens.write_issue_token(
                IssueToken(credentials["client_id"], credentials["client_secret"])
            ),
            read=wire_tokens.read_token,
            read_error=_read_token_error,
            secrets=(credentials["client_secret"],),
        )
        self.tokens.keep(name, token)
        return token.text

    def _name_cache(self) -> str:
        credentials = self.account.credentials
        parts = (self._find_url(""), credentials["client_id"], credentials["client_secret"])
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def _find_session(self) -> requests.Session:
        return self.session or http.get_session()

    def _find_url(self, path: str) -> str:
        address = self.account.base_urls.get("api", "").rstrip("/")
        try:
            app = wire.write_app_path(self.account.options)
        except KeyError:
            words = _("Give an organization and an app name, or an App ID.")
            raise _refuse(Reason.CREDENTIAL, words) from None
        return f"{address}/{app}/{path}"


def _refuse(reason: Reason, words: str) -> Failure:
    """What is not sent at all."""
    return Failure(reason, words, is_permanent=True)


def _check_message(message: Any) -> None:
    faults = wire_messages.find_faults(message)
    if faults:
        words = "; ".join(f"{path} {fault}" for path, fault in faults.items())
        raise _refuse(Reason.PAYLOAD, words)


def _read_token_error(status: int, body: Any) -> Failure | None:
    """Whatever is wrong with a token's call is wrong with the account, and sent nothing."""
    failure = read_error(status, body)
    if failure.is_permanent:
        return _refuse(Reason.CREDENTIAL, failure.message)
    failure.was_sent = False
    return failure


def _read_data(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda body: read(wire.read_envelope(body))


def _choose_reader(request: Request) -> Callable[[Any], Receipt]:
    """What reads the answer to a send, by its path."""
    path = request.url.partition("?")[0]
    if path.endswith(f"/{wire_sends.SINGLE_PATH}"):
        targets = json.loads(request.body)["targets"]
        return lambda body: _read_single(wire.read_envelope(body), targets)
    if path.endswith(f"/{wire_sends.LABELS_PATH}"):
        return lambda body: _read_task(wire_sends.read_label_task(wire.read_envelope(body)))
    if path.endswith(f"/{wire_sends.TASK_PATH}"):
        return lambda body: _read_task(wire_sends.read_whole_task(wire.read_envelope(body)))
    return lambda body: _read_sync(wire.read_envelope(body))


def _read_single(data: Any, targets: list[str]) -> Receipt:
    # Who got what is in the results; the record of the call holds no names.
    counts = Counter(entry["pushStatus"] for entry in data)
    return wire_sends.read_taken(data, dict(counts), targets)


def _read_sync(data: Any) -> Receipt:
    return wire_sends.read_synced(data, {})


def _read_task(accepted: Accepted) -> Receipt:
    return Receipt(accepted.transfer, Outcome.ACCEPTED, raw={"taskId": accepted.transfer})


def _find_hidden(request: Request) -> tuple[str, ...]:
    """The user whom a path names."""
    before, _slash, target = request.url.rpartition("/")
    is_named = before.endswith("/push/sync")
    return (target,) if is_named else ()
