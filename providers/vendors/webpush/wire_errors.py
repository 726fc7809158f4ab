"""What a push service's answer means for one browser (RFC 8030 §5, §7.3, §8.4; RFC 8292 §4.2).

Endpoints come from browsers, so anybody may name a server of their own. Only what a service that we
know says counts against the account or the message; whatever another one answers concerns the one
browser that named it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from providers.addresses import is_plain_path
from providers.failures import UNCERTAIN_STATUSES, leaves_doubt
from providers.outcomes import Outcome, Reason, Result
from providers.pacing import read_retry_after

from .wire_subscriptions import Subscription

# The push services of Chrome, Firefox, Safari and Edge: hosts, and how the paths of subscriptions
# begin there. The same hosts, or ones beside them, serve other things, which know nothing of our
# word and refuse it.
SERVICES = {
    "fcm.googleapis.com": ("/fcm/send/", "/wp/"),
    "push.services.mozilla.com": ("/wpush/",),
    "web.push.apple.com": ("/",),
    "notify.windows.com": ("/w/",),
}
MAX_WORDS = 300
# What they say of an error has some hundred bytes. A stranger may answer with a million, and with
# one that takes a while to be taken apart, for each push.
MAX_SAID = 16_384

SENT = frozenset({201, 202})  # RFC 8030 §5, §5.1: the status alone says it
# What the proposals before it answered. It is also what a proxy puts before a page of its own, and
# a server before an error, so here the body has to agree.
OLD_SENT = 200
ERROR_NAMES = frozenset({"error", "errno", "reason"})  # where a service names one, as below
GONE = frozenset({404, 410})  # §7.3: there is no such subscription, or no more
# §8.4; 406 is what the Windows service says ("push request response headers", response codes).
THROTTLED = frozenset({406, 429})
REST_SECONDS = 60.0  # where they say no time, and neither page does: as long as at other gateways
REFUSED = frozenset({401, 403})
# RFC 8292 §4.2: a subscription takes pushes of the one key that it was made with. Their words for
# it: Chrome's (403), Firefox's (401, errno 109), Safari's (400).
OTHER_KEY = ("do not correspond to the credentials", "does not correspond to the sender id",
             "public key mismatch", "vapidpkhashmismatch")  # fmt: skip
# What they say of a word that they do not believe, where the status is 400.
DISBELIEF = ("unauthorizedregistration", "vapid", "jwt", "authorization")


def is_known(subscription: Subscription, more: tuple[str, ...] = ()) -> bool:
    """Whether a push service that is believed has given this out; `more` are hosts that staff have
    named, with whatever port."""
    path = subscription.path
    return is_plain_path(path) and path.startswith(_list_starts(subscription.origin, more))


@lru_cache(maxsize=1024)  # strangers may name any number
def _list_starts(origin: str, more: tuple[str, ...]) -> tuple[str, ...]:
    """How paths begin that a believed service gives out; none where it is not believed."""
    parts = urlsplit(origin)
    host = parts.hostname or ""
    own = SERVICES if parts.port is None else {}
    starts = {**own, **dict.fromkeys(more, ("",))}
    found = (paths for name, paths in starts.items() if f".{host}".endswith(f".{name}"))
    return tuple(chain.from_iterable(found))


def read_result(
    place: int, status: int, headers: Mapping[str, str], body: bytes, *, is_trusted: bool
) -> Result:
    """The outcome of one request; names of headers in lower case. `is_trusted`: `is_known`."""
    if status in SENT or (status == OLD_SENT and _is_clean(body)):
        return Result(place, Outcome.ACCEPTED)
    words = find_words(status, body)
    if status in UNCERTAIN_STATUSES or not 300 <= status < 600:
        return Result(place, Outcome.UNKNOWN, Reason.NO_ANSWER, words)
    if status in GONE:
        return Result(place, Outcome.FAILED, Reason.TOKEN, words)
    if status in THROTTLED or status >= 500:
        # No time to wait for stands here, which would stop the calls to all other services, and
        # could be any stranger's wish. Whom a service failed is called again in any case.
        # Neither RFC says whether a service that fails has taken the push.
        outcome = Outcome.UNKNOWN if leaves_doubt(status) else Outcome.FAILED
        return Result(place, outcome, Reason.VENDOR, words)
    reason = _find_reason(status, words) if is_trusted else Reason.NOT_ADDRESSABLE
    return Result(place, Outcome.FAILED, reason, words)


def _is_clean(body: bytes) -> bool:
    """Whether nothing, or an object that names no error, stands in an answer of 200."""
    try:
        said = _parse(body or b"{}")
    except ValueError:
        return False
    return isinstance(said, dict) and ERROR_NAMES.isdisjoint(said)


def _parse(body: bytes) -> Any:
    """Raises ValueError for what is no JSON, and for what is longer than services talk."""
    if len(body) > MAX_SAID:
        raise ValueError("That is long.")
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("That is deep.") from None


def _find_reason(status: int, words: str) -> Reason:
    said = words.lower()
    if any(phrase in said for phrase in OTHER_KEY):
        return Reason.NOT_ADDRESSABLE
    if status in REFUSED or (status == 400 and any(phrase in said for phrase in DISBELIEF)):
        return Reason.CREDENTIAL
    return Reason.NOT_ADDRESSABLE if status < 400 else Reason.PAYLOAD


def find_rest(status: int, headers: Mapping[str, str]) -> float:
    """For how many seconds a service wants to be left alone; 0 for one that has just failed."""
    if status not in THROTTLED and status < 500:
        return 0.0
    usual = REST_SECONDS if status in THROTTLED else 0.0
    return read_retry_after(headers.get("retry-after", ""), datetime.now(UTC)) or usual


def find_words(status: int, body: bytes) -> str:
    """What the service said, on one line; else its status."""
    text = body[: 4 * MAX_WORDS].decode("utf-8", "replace")
    try:
        text = _find_sentence(_parse(body))
    except ValueError:
        text = "" if text.lstrip().startswith("<") else text
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return clean[:MAX_WORDS] or f"HTTP {status}"


def _find_sentence(body: Any) -> str:
    """`reason` is Safari's, `message` Firefox's (mozilla-services.github.io/autopush-rs/errors)."""
    names = ("message", "reason", "error")
    found = (body.get(name) for name in names) if isinstance(body, dict) else [body]
    return next((item for item in found if isinstance(item, str) and item), "")
