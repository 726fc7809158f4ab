"""What a user has set about notifications: name and style, modes, language, template (vendor page
"Offline push configuration").

These are about the messages of a chat, of which a push service has none: they are kept with the
person and shown again. The language alone counts for what is sent, as the person's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from providers.audience_calls import FetchPerson, PersonRow, SavePerson
from providers.inbound import Call
from providers.outcomes import Refusal, RefusalKind
from providers.schedules import DropRecord, FetchRecord, RecordRow, RecordRows, SaveRecord

from .wire import read_app
from .wire_errors import refuse_parameter
from .wire_values import Block, read_body, read_piece, write_moment

USER_PATH = "users/{user}"
MODE_PATH = "users/{user}/notification/{chattype}/{key}"
LANGUAGE_PATH = "users/{user}/notification/language"
CHOICE_PATH = "users/{user}/notification/template"
TEMPLATES_PATH = "notification/template"
TEMPLATE_PATH = "notification/template/{name}"

# Attributes of a person in which these are kept.
NICKNAME, STYLE = "nickname", "notification_display_style"
MODES, LANGUAGE, CHOICE = "notification_modes", "translation_language", "notification_template"

TYPES = ("DEFAULT", "ALL", "AT", "NONE")
CHAT_TYPES = ("user", "chatgroup")
INTERVAL = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d", re.ASCII)
MAX_DURATION = 604_800_000  # ms, seven days
MAX_NICKNAME = 100
MAX_LANGUAGE = 16
MAX_PATTERN = 1024  # no page gives one
TEMPLATE = "template"
TEMPLATE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
PATTERNS = ("title_pattern", "content_pattern")


def read_user(call: Call) -> SavePerson:
    """A name, a style or both."""
    body = read_body(call)
    given: dict[str, Any] = {}
    nickname = body.find_text(NICKNAME, MAX_NICKNAME)
    if nickname is not None:
        given[NICKNAME] = nickname or None
    style = body.find(STYLE)
    if style is not None:
        given[STYLE] = _read_style(style)
    if not given:
        raise body.refuse_missing(NICKNAME)
    return _save(call, given)


def _read_style(style: Any) -> int:
    """0 or 1, which the page's own sample writes as a text."""
    if isinstance(style, bool) or str(style) not in ("0", "1"):
        raise refuse_parameter(STYLE, "must be 0 or 1")
    return int(style)


def _save(call: Call, attributes: Mapping[str, Any], **values: str) -> SavePerson:
    return SavePerson(
        app=read_app(call), person=read_piece(call, "user"), attributes=attributes, values=values
    )


def read_fetch_user(call: Call) -> FetchPerson:
    return FetchPerson(read_app(call), read_piece(call, "user"))


def write_user(row: PersonRow) -> list[dict[str, Any]]:
    """The user, in a list; what was never set is left out."""
    known = {name: row.attributes[name] for name in (STYLE, NICKNAME) if name in row.attributes}
    user = {
        "uuid": str(row.id),
        "type": "user",
        "created": write_moment(row.created_at),
        "modified": write_moment(row.updated_at),
        "username": row.person,
        "activated": True,
    }
    return [{**user, **known}]


def read_mode(call: Call) -> SavePerson:
    """Of one chat, or under the user's own id of the whole app."""
    body, name = read_body(call), _read_chat(call)
    mode: dict[str, Any] = {
        "type": _read_type(body, name, call.path["user"]),
        "ignoreInterval": _read_interval(body),
        "ignoreDuration": _read_duration(body, call),
    }
    given = {key: value for key, value in mode.items() if value is not None}
    if not given:
        raise body.refuse_missing("type")
    return _save(call, {MODES: {name: given}})


def _read_chat(call: Call) -> str:
    chat = call.path["chattype"]
    if chat not in CHAT_TYPES:
        raise Refusal(RefusalKind.NOT_FOUND, "url is invalid")
    return f"{chat}/{read_piece(call, 'key')}"


def _read_type(body: Block, name: str, user: str) -> str | None:
    kind = body.find_text("type")
    if not kind:
        return None
    if kind not in TYPES:
        raise refuse_parameter("type", f"must be one of {', '.join(TYPES)}")
    if kind == TYPES[0] and name == f"{CHAT_TYPES[0]}/{user}":
        raise refuse_parameter("type", "must not be DEFAULT for the whole app")
    return kind


def _read_interval(body: Block) -> str | None:
    """ "" for none at all."""
    interval = body.find_text("ignoreInterval")
    if interval and not INTERVAL.fullmatch(interval):
        raise refuse_parameter("ignoreInterval", "must look like 21:30-08:00")
    return interval


def _read_duration(body: Block, call: Call) -> int | None:
    """The end, in ms since 1970, of so many ms from now on; 0 for none."""
    duration = body.find_number("ignoreDuration", 0, MAX_DURATION)
    if not duration or call.now is None:
        return duration
    return write_moment(call.now) + duration


def read_fetch_mode(call: Call) -> FetchPerson:
    _read_chat(call)
    return read_fetch_user(call)


def write_mode(row: PersonRow, call: Call) -> dict[str, Any]:
    """What was never set is what the vendor begins with."""
    name = _read_chat(call)
    is_whole = name == f"{CHAT_TYPES[0]}/{call.path['user']}"
    usual = {"type": "ALL" if is_whole else "DEFAULT", "ignoreDuration": 0, "ignoreInterval": ""}
    modes = row.attributes.get(MODES)
    return {**usual, **(modes.get(name, {}) if isinstance(modes, Mapping) else {})}


def read_language(call: Call) -> SavePerson:
    """A code in the vendor's spelling; the person's language is the same in small letters where it
    is one of two."""
    body = read_body(call)
    language = body.find_text("translationLanguage", MAX_LANGUAGE)
    if language is None:
        raise body.refuse_missing("translationLanguage")
    known = language.lower() if len(language) == 2 else language
    return _save(call, {LANGUAGE: language or None}, language=known)


def write_language(row: PersonRow, call: Call) -> dict[str, Any]:
    return {"language": row.attributes.get(LANGUAGE, row.values["language"])}


def read_choice(call: Call) -> SavePerson:
    name = read_body(call).take_text("templateName", 64)
    return _save(call, {CHOICE: name})


def write_choice(row: PersonRow, call: Call) -> dict[str, Any]:
    return {"templateName": row.attributes[CHOICE]}


def read_create_template(call: Call) -> SaveRecord:
    """Make a template, or change the one of that name."""
    body = read_body(call)
    name = body.take_text("name", 64)
    if not TEMPLATE_NAME.fullmatch(name):
        raise refuse_parameter("name", "must be of letters, digits, '_', '.' and '-'")
    texts = {pattern: body.take_text(pattern, MAX_PATTERN) for pattern in PATTERNS}
    return SaveRecord(kind=TEMPLATE, key="name", body={"name": name, **texts}, app=read_app(call))


def read_fetch_template(call: Call) -> FetchRecord:
    return FetchRecord(TEMPLATE, app=read_app(call), key="name", value=read_piece(call, "name"))


def read_drop_template(call: Call) -> DropRecord:
    return DropRecord(TEMPLATE, app=read_app(call), key="name", values=(read_piece(call, "name"),))


def write_template(answer: RecordRow | RecordRows, call: Call) -> dict[str, Any]:
    """A template; of one that was deleted, what it was."""
    row = answer.rows[0] if isinstance(answer, RecordRows) else answer
    times = {"createAt": write_moment(row.created_at), "updateAt": write_moment(row.updated_at)}
    return {**row.body, **times}
