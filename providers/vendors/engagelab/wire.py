"""Who calls (seed section "Authentication"; vendor page "REST API Overview"). Everything else has a
file by its noun.
"""

from __future__ import annotations

import base64
import binascii

from providers.inbound import ApiCredentials, Call

from .wire_errors import BAD_GROUP_WORDS, Code, Refused

GROUP_PREFIX = "group-"
KEY_LENGTH = 24


def write_basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def write_authorization(key: str) -> str:
    """A key of ours as a script shows it: its public id is the AppKey, the rest the secret."""
    app_key, _dot, secret = key.partition(".")
    return write_basic(app_key, secret)


def write_headers(app_key: str, secret: str) -> dict[str, str]:
    return {"Authorization": write_basic(app_key, secret)}


def write_group_headers(group_key: str, secret: str) -> dict[str, str]:
    return write_headers(GROUP_PREFIX + group_key, secret)


def describe_group_key(group_key: str, secret: str) -> dict[str, str]:
    """What a script needs to push to the group."""
    return {"authorization": write_basic(GROUP_PREFIX + group_key, secret)}


def read_authorization(call: Call) -> ApiCredentials:
    """The AppKey and its Master Secret, or with `group-` before it a GroupKey and its secret.

    The seed's sample of a group push leaves `group-` out against its own text: such a key is
    whatever it is known as.
    """
    user, password = _read_basic(call.headers.get("authorization", ""))
    if not user or not password:
        raise Refused(Code.EMPTY_CREDENTIALS, "The verification info is empty.")
    is_group = user.startswith(GROUP_PREFIX)
    key = user.removeprefix(GROUP_PREFIX)
    if is_group and len(key) != KEY_LENGTH:
        raise Refused(Code.BAD_GROUP_KEY, BAD_GROUP_WORDS, status=400)
    return ApiCredentials(key, password, is_group=is_group, may_be_group=not is_group)


def _read_basic(header: str) -> tuple[str, str]:
    scheme, _, text = header.strip().partition(" ")
    if scheme.lower() != "basic":
        raise Refused(Code.UNAUTHENTICATED, "Send the header Authorization: Basic <AppKey:secret>.")
    try:
        decoded = base64.b64decode(text.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise Refused(Code.UNAUTHENTICATED, "The credentials are no base64.") from error
    user, _colon, password = decoded.partition(":")
    return user, password
