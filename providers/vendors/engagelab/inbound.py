"""The vendor's calls as we serve them: data only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from providers.inbound import Call, Quota, Reply, Route

from . import (
    wire_batches,
    wire_devices,
    wire_groups,
    wire_plans,
    wire_schedules,
    wire_sends,
    wire_stats,
    wire_tags,
    wire_targets,
)
from .wire_errors import (
    write_refusal_by_value,
    write_refusal_of_device,
    write_refusal_of_group,
)

API = "api"
QUOTAS: Mapping[str, Quota] = {API: Quota(per_second=500)}
MAX_BYTES = 1_000_000
MAX_BATCH_BYTES = 4_000_000  # 500 pushes of 4,000 bytes, and what stands around these


def _answer(write: Callable[[Any], Any]) -> Callable[[Any, Call], Reply]:
    return lambda result, call: Reply(200, write(result))


def _answer_accepted(result: Any, call: Call) -> Reply:
    return Reply(200, wire_sends.write_accepted(result, wire_sends.find_request_id(call)))


def _answer_group(result: Any, call: Call) -> Reply:
    request_id = wire_sends.find_request_id(call)
    return Reply(200, wire_groups.write_group_accepted(result, request_id))


def _answer_withdrawn(result: Any, call: Call) -> Reply:
    return Reply(200, wire_sends.write_withdrawn(call.path["msg_id"]))


def _answer_batch(kind: str, result: Any, call: Call) -> Reply:
    targets = wire_batches.list_targets(call.body)
    return Reply(200, wire_batches.write_batch(result, targets, kind))


def _answer_success(result: Any, call: Call) -> Reply:
    return Reply(200, wire_tags.SUCCESS)


def _answer_device(result: Any, call: Call) -> Reply:
    return wire_devices.write_device(result)


def _answer_statuses(result: Any, call: Call) -> Reply:
    return Reply(200, wire_devices.write_statuses(result, call.body["registration_ids"]))


def _answer_tokens(result: Any, call: Call) -> Reply:
    return Reply(200, wire_devices.write_tokens(result, call.body["tokens"]))


def _answer_member(result: Any, call: Call) -> Reply:
    return Reply(200, wire_tags.write_member(result, call.path["tag"]))


def _answer_users(result: Any, call: Call) -> Reply:
    return Reply(200, wire_stats.write_users(result, call.query))


def _answer_plan(result: Any, call: Call) -> Reply:
    return Reply(200, {"plan_id": call.path["plan_id"]})


def _route(
    method: str,
    path: str,
    read: Callable[[Call], Any],
    write: Callable[[Any, Call], Reply],
    **changes: Any,
) -> Route:
    values = {"quota": API, "max_bytes": MAX_BYTES, "max_recipients": wire_targets.MAX_IDS}
    return Route(method=method, path=path, read=read, write=write, **{**values, **changes})


_by_value = partial(_route, write_refusal=write_refusal_by_value)
_by_device = partial(_route, write_refusal=write_refusal_of_device)

SENDS = (
    _route("POST", wire_sends.PUSH_PATH, wire_sends.read_push, _answer_accepted),
    _route("POST", wire_sends.VALIDATE_PATH, wire_sends.read_validate, _answer_accepted),
    _route(
        "POST",
        wire_groups.GROUP_PATH,
        wire_groups.read_group_push,
        _answer_group,
        write_refusal=write_refusal_of_group,
    ),
    _route(
        "POST",
        wire_batches.REGID_PATH,
        wire_batches.read_regid_batch,
        partial(_answer_batch, wire_targets.REGISTRATION_ID),
        max_bytes=MAX_BATCH_BYTES,
        counts_pushes=True,
    ),
    _route(
        "POST",
        wire_batches.ALIAS_PATH,
        wire_batches.read_alias_batch,
        partial(_answer_batch, wire_batches.ALIAS),
        max_bytes=MAX_BATCH_BYTES,
        counts_pushes=True,
    ),
    _by_value("DELETE", wire_sends.WITHDRAW_PATH, wire_sends.read_withdraw, _answer_withdrawn),
)

SCHEDULES = (
    _route(
        "POST",
        wire_schedules.SCHEDULES_PATH,
        wire_schedules.read_create_schedule,
        _answer(wire_schedules.write_schedule_saved),
    ),
    _route(
        "GET",
        wire_schedules.SCHEDULES_PATH,
        wire_schedules.read_list_schedules,
        _answer(wire_schedules.write_schedules),
    ),
    _by_value(
        "GET",
        wire_schedules.SCHEDULE_PATH,
        wire_schedules.read_fetch_schedule,
        _answer(wire_schedules.write_one_schedule),
    ),
    _by_value(
        "PUT",
        wire_schedules.SCHEDULE_PATH,
        wire_schedules.read_update_schedule,
        _answer(wire_schedules.write_schedule),
    ),
    _by_value(
        "DELETE",
        wire_schedules.SCHEDULE_PATH,
        wire_schedules.read_drop_schedule,
        _answer_success,
    ),
    _by_value(
        "GET",
        wire_schedules.MESSAGES_PATH,
        wire_schedules.read_fetch_schedule,
        _answer(wire_schedules.write_schedule_messages),
    ),
)

DEVICES = (
    # Before `devices/{registration_id}`, whose pattern they fit.
    _route("POST", wire_devices.STATUS_PATH, wire_devices.read_statuses, _answer_statuses),
    _route(
        "POST",
        wire_devices.TOKENS_PATH,
        wire_devices.read_tokens,
        _answer_tokens,
        max_bytes=MAX_BATCH_BYTES,
    ),
    _by_device("GET", wire_devices.DEVICE_PATH, wire_devices.read_fetch_device, _answer_device),
    _by_device("POST", wire_devices.DEVICE_PATH, wire_devices.read_save_device, _answer_success),
    _by_device("DELETE", wire_devices.DEVICE_PATH, wire_devices.read_drop_device, _answer_success),
)

TAGS = (
    _route("GET", wire_tags.TAGS_PATH, wire_tags.read_list_tags, _answer(wire_tags.write_tags)),
    # Before `tags/{tag}`, whose pattern it fits.
    _route("GET", wire_tags.QUOTA_PATH, wire_tags.read_count_tags, _answer(wire_tags.write_quota)),
    _route("POST", wire_tags.TAG_PATH, wire_tags.read_change_tag, _answer_success),
    _by_value("DELETE", wire_tags.TAG_PATH, wire_tags.read_drop_tag, _answer_success),
    _route("GET", wire_tags.MEMBER_PATH, wire_tags.read_fetch_member, _answer_member),
    _route(
        "GET",
        wire_tags.COUNT_PATH,
        wire_tags.read_count_tags,
        _answer(wire_tags.write_tag_counts),
    ),
    _by_value(
        "GET", wire_tags.ALIAS_PATH, wire_tags.read_fetch_alias, _answer(wire_tags.write_alias)
    ),
    _by_value("DELETE", wire_tags.ALIAS_PATH, wire_tags.read_drop_alias, _answer_success),
)

PLANS = (
    _route(
        "POST",
        wire_plans.PLANS_PATH,
        wire_plans.read_plan,
        _answer(wire_plans.write_plan_saved),
    ),
    _route(
        "GET", wire_plans.LIST_PATH, wire_plans.read_list_plans, _answer(wire_plans.write_plans)
    ),
    _by_value("DELETE", wire_plans.PLAN_PATH, wire_plans.read_drop_plan, _answer_plan),
    _by_value("DELETE", wire_plans.MANY_PATH, wire_plans.read_drop_plans, _answer_success),
)

STATS = (
    *(
        _route("GET", path, wire_stats.read_detail, _answer(wire_stats.write_detail))
        for path in (wire_stats.DETAIL_PATH, wire_stats.WEB_DETAIL_PATH)
    ),
    _by_value(
        "GET",
        wire_stats.MESSAGE_PATH,
        wire_stats.read_message,
        _answer(wire_stats.write_message_rows),
    ),
    _route(
        "GET",
        wire_stats.MESSAGES_PATH,
        wire_stats.read_messages,
        _answer(wire_stats.write_messages_rows),
    ),
    _route("GET", wire_stats.USERS_PATH, wire_stats.read_users, _answer_users),
    _route(
        "GET",
        wire_stats.PLAN_DETAIL_PATH,
        wire_stats.read_plan_days,
        _answer(wire_stats.write_plan_totals),
    ),
    _route(
        "GET",
        wire_stats.PLAN_MESSAGES_PATH,
        wire_stats.read_plan_days,
        _answer(wire_stats.write_plan_messages),
    ),
)

ROUTES = (*SENDS, *SCHEDULES, *DEVICES, *TAGS, *PLANS, *STATS)
