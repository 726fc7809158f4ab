"""Tags and aliases of devices (vendor pages "Tag & Alias API"; its own clients' models). Changes
answer the bare text `success`, labelled as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.audience_calls import (
    ChangeTag,
    CountTags,
    DeviceRows,
    DropAlias,
    FetchAlias,
    FetchDevices,
    ListTags,
    TagCounts,
)
from providers.inbound import Call
from providers.message_fields import Platform

from .wire_messages import PLATFORMS
from .wire_targets import MAX_IDS, MAX_NAME, REGISTRATION_ID
from .wire_values import read_body, refuse_missing, refuse_type, refuse_value, split_list

TAGS_PATH = "v4/tags"
TAG_PATH = "v4/tags/{tag}"
MEMBER_PATH = "v4/tags/{tag}/registration_ids/{registration_id}"
COUNT_PATH = "v4/tags_count"
QUOTA_PATH = "v4/tags/quota-info"
ALIAS_PATH = "v4/aliases/{alias}"

SUCCESS = "success"
MAX_APP_TAGS = 100_000
MAX_TAG_DEVICES = 100_000
MAX_COUNTED = 100


def read_success(body: Any) -> None:
    """The bare word; ValueError for anything else."""
    if not isinstance(body, str) or body.strip() != SUCCESS:
        raise ValueError("no success")


def write_tags(counts: TagCounts) -> dict[str, Any]:
    return {"tags": sorted(counts.counts)}


def read_tags(body: Mapping[str, Any]) -> TagCounts:
    return TagCounts({str(name): 0 for name in body["tags"]})


def read_list_tags(call: Call) -> ListTags:
    return ListTags("")


def write_change_tag(change: ChangeTag) -> dict[str, Any]:
    members = {"add": list(change.add), "remove": list(change.remove)}
    return {"registration_ids": {name: ids for name, ids in members.items() if ids}}


def read_change_tag(call: Call) -> ChangeTag:
    members = read_body(call.body).take_block("registration_ids")
    add, remove = members.find_texts("add", MAX_IDS), members.find_texts("remove", MAX_IDS)
    if not add and not remove:
        raise refuse_missing(members.at("add"))
    return ChangeTag(
        app="", tag=read_name(call.path["tag"], "tag"), kind=REGISTRATION_ID, add=add, remove=remove
    )


def read_drop_tag(call: Call) -> ChangeTag:
    return ChangeTag(
        app="",
        tag=read_name(call.path["tag"], "tag"),
        is_dropped=True,
        platforms=read_platform_list(call.query),
    )


def read_name(text: str, field: str) -> str:
    """A tag or an alias: 40 bytes."""
    if len(text.encode()) > MAX_NAME or "\0" in text:
        raise refuse_type(field, f"must have at most {MAX_NAME} bytes")
    return text


def read_platform_list(query: Mapping[str, str]) -> tuple[Platform, ...]:
    """`platform=android,ios`; () for all."""
    names = [name.strip() for name in query.get("platform", "").split(",") if name.strip()]
    if not set(names) <= set(PLATFORMS):
        raise refuse_value("platform", f"is some of {', '.join(PLATFORMS)}")
    return tuple(dict.fromkeys(PLATFORMS[name] for name in names))


def read_fetch_member(call: Call) -> FetchDevices:
    read_name(call.path["tag"], "tag")
    return FetchDevices("", REGISTRATION_ID, (call.path["registration_id"],))


def write_member(devices: DeviceRows, tag: str) -> dict[str, bool]:
    return {"result": any(row is not None and tag in row.tags for row in devices.rows)}


def read_count_tags(call: Call) -> CountTags:
    """Tags by commas, or the parameter again and again; one platform."""
    texts = call.repeats.get("tags", (call.query.get("tags", ""),))
    tags = split_list({"tags": ",".join(texts)}, "tags", MAX_COUNTED)
    platforms = read_platform_list(call.query)
    if len(platforms) > 1:
        raise refuse_value("platform", "must be one platform")
    return CountTags("", tags, platforms[0] if platforms else None)


def write_tag_counts(counts: TagCounts) -> dict[str, Any]:
    return {"tagsCount": dict(counts.counts)}


def write_quota(counts: TagCounts) -> dict[str, Any]:
    """The vendor's bounds, and how far each asked tag is from them."""
    detail = [
        {"tagName": name, "totalUidQuota": MAX_TAG_DEVICES, "useUidQuota": count}
        for name, count in counts.counts.items()
    ]
    quota = {"totalTagQuota": MAX_APP_TAGS, "tagUidQuotaDetail": detail}
    return {"data": quota}


def read_fetch_alias(call: Call) -> FetchAlias:
    alias = read_name(call.path["alias"], "alias")
    return FetchAlias("", alias, read_platform_list(call.query))


def read_drop_alias(call: Call) -> DropAlias:
    alias = read_name(call.path["alias"], "alias")
    return DropAlias("", alias, read_platform_list(call.query))


def write_alias(devices: DeviceRows) -> dict[str, Any]:
    """The registration ids of the devices that have one."""
    ids = [row.ids.get(REGISTRATION_ID) for row in devices.rows if row is not None]
    return {"registration_ids": [text for text in ids if text]}
