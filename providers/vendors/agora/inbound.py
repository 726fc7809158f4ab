"""The vendor's calls as we serve them: data only. Both forms of a path, `{org_name}/{app_name}/...`
and `app-id/{app_id}/...`, have two pieces in front and so are one pattern.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from providers.commands import Accepted, Command, IssueToken, Token
from providers.contract import Cap
from providers.inbound import Call, Quota, Reply, Route
from providers.outcomes import Refusal, RefusalKind
from providers.schedules import RecordRow

from . import (
    wire,
    wire_devices,
    wire_kept,
    wire_labels,
    wire_sends,
    wire_settings,
    wire_stats,
    wire_tokens,
)
from .wire_errors import NO_RESOURCE, TypedRefusal, write_grant_refusal, write_refusal
from .wire_settings import write_choice, write_language, write_mode, write_template

MAX_BYTES = 1_000_000
SYNC, ASYNC, SINGLE, LABELS, TASK = "sync", "async", "single", "label_push", "task_push"
LABEL, STATS, KEPT, SETTINGS = "label", "statistics", "message", "settings"

# Per App Key at the vendor, of which only that of `sync` is kept so. Where its two hosts differ,
# the seed's.
QUOTAS: Mapping[str, Quota] = {
    SYNC: Quota(per_second=1, per_app=True),
    ASYNC: Quota(per_second=200),
    SINGLE: Quota(calls=1200, within=60),
    LABELS: Quota(calls=1200, within=60),
    TASK: Quota(calls=5, within=60, per_day=100),
    LABEL: Quota(per_second=100),
    STATS: Quota(calls=10, within=10),
    KEPT: Quota(per_second=1),
    SETTINGS: Quota(per_second=100),
}
CAPS: Mapping[Cap, int] = {
    Cap.LABELS: wire_labels.APP_LABELS,
    Cap.MEMBERS: wire_labels.LABEL_USERS,
    Cap.MEMBERS_PER_CALL: wire_labels.MAX_MEMBERS,
}
RUNNING_LIMITS: Mapping[str, int] = {wire_sends.TASK: wire_sends.RUNNING_TASKS}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _answer(write: Callable[[Any], Any]) -> Callable[[Any, Call], Reply]:
    return lambda answer, call: Reply(200, wire.write_envelope(write(answer), _now_ms()))


def _answer_page(write: Callable[[Any], Any]) -> Callable[[Any, Call], Reply]:
    def answer_page(answer: Any, call: Call) -> Reply:
        cursor = wire_labels.write_cursor(answer.cursor)
        return Reply(200, wire.write_envelope(write(answer), _now_ms(), cursor))

    return answer_page


def _answer_single(accepted: Accepted, call: Call) -> Reply:
    push = wire_sends.read_single(call)
    names = push.parts[0].targets[0].values
    entries = wire_sends.write_taken(accepted, names, has_waited=push.wait > 0)
    return Reply(200, wire.write_envelope(entries, _now_ms()))


def _answer_token(token: Token, call: Call) -> Reply:
    return Reply(200, wire_tokens.write_token(token))


def _answer_stats(days: Any, call: Call) -> Reply:
    # The only answer of this API without a timestamp.
    return Reply(200, wire_stats.write_days(days))


def _answer_long(
    method: str, pattern: str, key: str, write: Callable[[Any, Call], Any]
) -> Callable[[Any, Call], Reply]:
    """The envelope of calls about users, with `entities` or `data`."""

    def answer_long(answer: Any, call: Call) -> Reply:
        said = {key: write(answer, call)}
        return Reply(200, wire.write_long_envelope(call, pattern, said, _now_ms(), method))

    return answer_long


def _read_issue_token(call: Call) -> IssueToken:
    return wire_tokens.read_issue_token(call, wire.read_app(call))


def _refuse_label(refusal: Refusal) -> Reply:
    """A label, or one of its users, that is not there is a bad request here."""
    if refusal.kind is RefusalKind.NOT_FOUND and refusal.subject and refusal.code != "no_app":
        words = f"push label not exists of {refusal.subject}"
        refusal = TypedRefusal(RefusalKind.INVALID, NO_RESOURCE, words)
    return write_refusal(refusal)


def _answer_kept(row: RecordRow, call: Call) -> Reply:
    return Reply(
        200, wire.write_envelope(wire_kept.write_kept(row, wire.read_app(call)), _now_ms())
    )


def _write_done(answer: Any) -> str:
    return "success"


def _route(
    method: str,
    path: str,
    read: Callable[[Call], Command],
    write: Callable[[Any, Call], Reply],
    **options: Any,
) -> Route:
    return Route(
        method=method,
        path=f"{wire.APP_PATH}/{path}",
        read=read,
        write=write,
        max_bytes=MAX_BYTES,
        **options,
    )


def _label_route(
    method: str,
    path: str,
    read: Callable[[Call], Command],
    write: Callable[[Any, Call], Reply],
) -> Route:
    return _route(method, path, read, write, quota=LABEL, write_refusal=_refuse_label)


def _setting_route(
    method: str,
    path: str,
    read: Callable[[Call], Command],
    write: Callable[[Any, Call], Any],
    key: str = "data",
) -> Route:
    answer = _answer_long(method, path, key, write)
    return _route(method, path, read, answer, quota=SETTINGS)


SETTINGS_ROUTES = (
    *(
        _setting_route(
            method,
            wire_settings.USER_PATH,
            read,
            lambda row, call: wire_settings.write_user(row),
            "entities",
        )
        for method, read in (
            ("PUT", wire_settings.read_user),
            ("GET", wire_settings.read_fetch_user),
        )
    ),
    *(
        _setting_route(method, path, read, write)
        for method, path, read, write in (
            ("PUT", wire_settings.LANGUAGE_PATH, wire_settings.read_language, write_language),
            ("GET", wire_settings.LANGUAGE_PATH, wire_settings.read_fetch_user, write_language),
            ("PUT", wire_settings.CHOICE_PATH, wire_settings.read_choice, write_choice),
            ("PUT", wire_settings.MODE_PATH, wire_settings.read_mode, write_mode),
            ("GET", wire_settings.MODE_PATH, wire_settings.read_fetch_mode, write_mode),
            (
                "POST",
                wire_settings.TEMPLATES_PATH,
                wire_settings.read_create_template,
                write_template,
            ),
            ("GET", wire_settings.TEMPLATE_PATH, wire_settings.read_fetch_template, write_template),
            (
                "DELETE",
                wire_settings.TEMPLATE_PATH,
                wire_settings.read_drop_template,
                write_template,
            ),
        )
    ),
)

ROUTES = (
    _route(
        "POST",
        wire_sends.SYNC_PATH,
        wire_sends.read_sync,
        _answer(wire_sends.write_synced),
        quota=SYNC,
        max_recipients=1,
    ),
    _route(
        "POST",
        wire_sends.ASYNC_PATH,
        wire_sends.read_async,
        _answer(lambda accepted: wire_sends.write_async()),
        quota=ASYNC,
        max_recipients=1,
    ),
    _route(
        "POST",
        wire_sends.SINGLE_PATH,
        wire_sends.read_single,
        _answer_single,
        quota=SINGLE,
        max_recipients=wire_sends.MAX_TARGETS,
    ),
    _route(
        "POST",
        wire_sends.LIST_PATH,
        wire_sends.read_list,
        _answer(wire_sends.write_label_task),
        quota=LABELS,
        max_recipients=wire_sends.MAX_TARGETS,
    ),
    _route(
        "POST",
        wire_sends.LABELS_PATH,
        wire_sends.read_labels,
        _answer(wire_sends.write_label_task),
        quota=LABELS,
        write_refusal=_refuse_label,
    ),
    _route(
        "POST",
        wire_sends.TASK_PATH,
        wire_sends.read_task,
        _answer(wire_sends.write_whole_task),
        quota=TASK,
    ),
    _route(
        "GET",
        wire_sends.ONE_TASK_PATH,
        wire_sends.read_fetch_task,
        _answer(wire_sends.write_task_status),
        quota=LABELS,
    ),
    _route(
        "DELETE",
        wire_sends.ONE_TASK_PATH,
        wire_sends.read_recall_task,
        _answer(_write_done),
        quota=LABELS,
    ),
    _route(
        "POST",
        wire_kept.MESSAGES_PATH,
        wire_kept.read_keep,
        _answer(wire_kept.write_kept_id),
        quota=KEPT,
    ),
    # The page's heading says POST, its sample GET; a client that is about does the former.
    *(
        _route(method, wire_kept.MESSAGE_PATH, wire_kept.read_fetch_kept, _answer_kept, quota=KEPT)
        for method in ("GET", "POST")
    ),
    _route(
        "POST",
        wire_kept.BROADCAST_PATH,
        wire_kept.read_broadcast,
        _answer(wire_sends.write_whole_task),
        quota=KEPT,
    ),
    _label_route(
        "POST",
        wire_labels.LABELS_PATH,
        wire_labels.read_create_label,
        _answer(lambda row: wire_labels.write_label(row, has_count=False)),
    ),
    _label_route(
        "GET",
        wire_labels.LABELS_PATH,
        wire_labels.read_list_labels,
        _answer_page(wire_labels.write_labels),
    ),
    _label_route(
        "GET",
        wire_labels.LABEL_PATH,
        wire_labels.read_fetch_label,
        _answer(wire_labels.write_label),
    ),
    _label_route(
        "DELETE", wire_labels.LABEL_PATH, wire_labels.read_delete_label, _answer(_write_done)
    ),
    _label_route(
        "POST",
        wire_labels.MEMBERS_PATH,
        wire_labels.read_add_members,
        _answer(wire_labels.write_members_changed),
    ),
    _label_route(
        "GET",
        wire_labels.MEMBERS_PATH,
        wire_labels.read_list_members,
        _answer_page(wire_labels.write_member_rows),
    ),
    _label_route(
        "GET",
        wire_labels.MEMBER_PATH,
        wire_labels.read_fetch_member,
        _answer(wire_labels.write_member),
    ),
    _label_route(
        "DELETE",
        wire_labels.MEMBERS_PATH,
        wire_labels.read_remove_members,
        _answer(wire_labels.write_members_changed),
    ),
    *(
        _route(
            method,
            wire_devices.BINDING_PATH,
            read,
            _answer_long(
                method,
                wire_devices.BINDING_PATH,
                "entities",
                lambda answer, call: wire_devices.write_bindings(answer),
            ),
            quota=LABEL,
        )
        for method, read in (
            ("PUT", wire_devices.read_binding),
            ("GET", wire_devices.read_fetch_bindings),
        )
    ),
    *SETTINGS_ROUTES,
    _route(
        "GET",
        wire_stats.STATS_PATH,
        wire_stats.read_fetch_days,
        _answer_stats,
        quota=STATS,
    ),
    _route(
        "POST",
        wire_tokens.TOKEN_PATH,
        _read_issue_token,
        _answer_token,
        write_refusal=write_grant_refusal,
        is_open=True,
    ),
)
