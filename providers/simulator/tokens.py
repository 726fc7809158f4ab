"""Tokens that a simulated vendor issues, and to whom a shown one belongs."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from providers.commands import IssueToken, Token
from providers.contract import Dialect
from providers.inbound import ApiCredentials
from providers.outcomes import Refusal, RefusalKind
from providers.simulator.memory import Acts, Memory, Visitor

REFUSED_KEY = "refused"
PREFIX = "issued-"
USUAL_SECONDS = 86_400


def find_account(memory: Memory, dialect: Dialect, shown: ApiCredentials) -> str:
    """Who shows this; raises `Refusal`. The journal must not hold a key, and need not: a stand-in
    tells accounts apart.
    """
    if REFUSED_KEY in (shown.key, shown.secret):
        raise Refusal(RefusalKind.UNAUTHENTICATED, "Invalid push credentials")
    if not shown.key.startswith(PREFIX):
        return _name_account(shown.key or shown.door)
    row = memory.rows.find(("token", dialect.key), _name_account(shown.key))
    if row is None:
        raise Refusal(RefusalKind.UNAUTHENTICATED, "Unable to authenticate (OAuth)")
    if row["until"] and datetime.fromisoformat(row["until"]) <= memory.now():
        raise Refusal(RefusalKind.UNAUTHENTICATED, "The access token has expired")
    return str(row["account"])


def _issue(memory: Memory, visitor: Visitor, command: IssueToken) -> Token:
    if REFUSED_KEY in (command.client_id, command.client_secret):
        raise Refusal(RefusalKind.UNAUTHENTICATED, "Invalid push credentials")
    text = PREFIX + secrets.token_hex(16)
    seconds = USUAL_SECONDS if command.ttl is None else command.ttl
    until = memory.now() + timedelta(seconds=seconds) if seconds else None
    row = {
        "account": _name_account(command.client_id),
        "until": until.isoformat() if until else None,
    }
    memory.rows.keep(("token", visitor.dialect.key), _name_account(text), row)
    return Token(text, seconds, command.app)


def _name_account(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:12]


ACTS: Acts = {IssueToken: _issue}
