"""Who calls a dialect's door: a key, a token, an app group, or somebody who knows a secret."""

from __future__ import annotations

from datetime import datetime
from hmac import compare_digest

from django.utils.translation import gettext as _

from campaigns.errors import Forbidden, Invalid, Refused
from campaigns.models import ApiKey, AppGroup, Door
from campaigns.models.prepared import Prepared
from campaigns.services import access
from campaigns.services.access import ensure_group_principal
from campaigns.services.callers import Acts, Caller, find_app_door
from campaigns.services.doors import find_open_door, open_secrets
from campaigns.services.tokens import is_token, read_token, write_token
from providers import commands
from providers.contract import Dialect
from providers.inbound import ApiCredentials
from providers.outcomes import RefusalCode, RefusalKind

_GROUPS: Prepared[AppGroup] = Prepared(
    lambda group_key: (
        AppGroup.objects.select_related("workspace")
        .exclude(secret_hash="")
        .filter(group_key=group_key)
    ),
    "group_key",
)


def find_principal(shown: ApiCredentials, dialect: Dialect, *, now: datetime) -> ApiKey:
    """The key that the credentials stand for. Raises Refused, whose code is a `RefusalCode`;
    FORBIDDEN for a key of another dialect.
    """
    key = _find_shown(shown, dialect, now)
    _refuse_other_dialect(key.dialect, dialect)
    return key


def _find_shown(shown: ApiCredentials, dialect: Dialect, now: datetime) -> ApiKey:
    if shown.is_proof is not None:
        return _find_by_proof(shown, dialect, now)
    if shown.is_group or (shown.may_be_group and _find_group(shown.key) is not None):
        return _find_by_group(shown, now)
    if shown.is_token and is_token(shown.key):
        return _find_by_token(shown.key, dialect, now)
    text = (shown.key, shown.secret) if shown.secret else shown.key
    return access.find_key(text, now=now)


def _refuse_other_dialect(named: str, dialect: Dialect) -> None:
    if named not in ("", dialect.key):
        raise Forbidden(_("This key is for another door."), code=RefusalCode.OTHER_DIALECT)


def _find_by_token(text: str, dialect: Dialect, now: datetime) -> ApiKey:
    token = read_token(text, now=now)
    _refuse_other_dialect(token.dialect, dialect)
    key = access.find_public(token.public_id)
    if key is None or not key.is_usable(now):
        raise _refuse(_("The token's key has expired or is revoked."), RefusalCode.EXPIRED)
    access.touch_key(key, now)
    return key


def _find_group(key: str) -> AppGroup | None:
    return None if "\0" in key else _GROUPS.first(group_key=key)


def _find_by_group(shown: ApiCredentials, now: datetime) -> ApiKey:
    group = _find_group(shown.key)
    expected = group.secret_hash if group else ""
    if not compare_digest(ApiKey.hash_secret(shown.secret), expected) or group is None:
        words = _("The group's key is unknown, or its secret is wrong.")
        raise _refuse(words, RefusalCode.UNAUTHENTICATED)
    key = ensure_group_principal(group)
    if not key.is_usable(now):
        raise _refuse(_("The group's key is revoked."), RefusalCode.UNAUTHENTICATED)
    access.touch_key(key, now)
    return key


def _find_by_proof(shown: ApiCredentials, dialect: Dialect, now: datetime) -> ApiKey:
    door = find_open_door(dialect, shown.door)
    key: ApiKey | None = door.api_key if door else None
    if door is None or key is None:
        raise _refuse(_("Nobody has that identifier here."), RefusalCode.UNKNOWN_CLIENT)
    if not _is_proven(shown, door, now):
        raise _refuse(_("The proof does not hold."), RefusalCode.WRONG_SECRET)
    if not key.is_usable(now):
        raise _refuse(
            _("The key behind this proof has expired or is revoked."), RefusalCode.EXPIRED
        )
    access.touch_key(key, now)
    return key


def _is_proven(shown: ApiCredentials, door: Door, now: datetime) -> bool:
    secrets = open_secrets(door)
    return bool(secrets) and shown.is_proof is not None and shown.is_proof(secrets, now)


def _refuse(sentence: str, code: RefusalCode) -> Refused:
    return Refused(sentence, kind=RefusalKind.UNAUTHENTICATED, code=code)


def _issue_token(command: commands.IssueToken, caller: Caller) -> commands.Token:
    if command.ttl is not None and command.ttl < 0:
        raise Invalid(_("A token cannot live for less than no time."), fields={"ttl": ""})
    key = _find_client(command, caller)
    _refuse_other_dialect(key.dialect, caller.dialect)
    own = Caller(key, caller.dialect, caller.now, caller.hops)
    door = find_app_door(command.app, own) if command.app else None
    text, seconds = write_token(key, caller.dialect, command.ttl, now=caller.now)
    access.touch_key(key, caller.now)
    return commands.Token(
        text,
        seconds,
        app=str(door.app_id) if door else "",
        identifiers=door.identifiers if door else {},
    )


def _find_client(command: commands.IssueToken, caller: Caller) -> ApiKey:
    if command.is_proof is not None:
        shown = ApiCredentials(door=command.client_id, is_proof=command.is_proof)
        return _find_by_proof(shown, caller.dialect, caller.now)
    key = access.find_public(command.client_id)
    if key is None or not key.is_usable(caller.now):
        raise _refuse(_("There is no such client id."), RefusalCode.UNKNOWN_CLIENT)
    if not compare_digest(ApiKey.hash_secret(command.client_secret), key.secret_hash):
        raise _refuse(_("The client secret is wrong."), RefusalCode.WRONG_SECRET)
    return key


# It shows the key itself, so it may be called without one.
ACTS: Acts = {commands.IssueToken: ("", _issue_token)}
