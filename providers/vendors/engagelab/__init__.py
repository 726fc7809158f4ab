"""One vendor: pushes to registration ids, tags, aliases and segments of an application or a group
of them, for phones and browsers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.contract import Addressing, Cap, Carry, Dialect, Fate, Idempotency, Limits
from providers.fields import Fields, FieldSpec, gettext_noop
from providers.inbound import DoorApp, DoorCallback, Hook, Reply
from providers.message_fields import Platform

from . import (
    inbound,
    outbound,
    wire,
    wire_callbacks,
    wire_content,
    wire_devices,
    wire_errors,
    wire_losses,
    wire_options,
    wire_rules,
    wire_sends,
    wire_tags,
    wire_targets,
)

APP_KEY_DIGITS = 24
CAPS: Mapping[Cap, int] = {
    Cap.TAGS: wire_tags.MAX_APP_TAGS,
    Cap.TAGS_PER_DEVICE: wire_devices.MAX_TAGS,
    Cap.DEVICES_PER_TAG: wire_tags.MAX_TAG_DEVICES,
    Cap.TAG_BYTES: wire_targets.MAX_NAME,
    Cap.ALIAS_BYTES: wire_targets.MAX_NAME,
    Cap.DEVICES_PER_CALL: wire_targets.MAX_IDS,
}


def _describe_fields(prefix: str, names: Fields) -> dict[str, Carry]:
    return {
        prefix + ours: Carry(Fate.CARRIED if ours == theirs else Fate.RENAMED, theirs)
        for ours, theirs in names.names.items()
    }


CARRIES: dict[str, Carry] = {
    "title": Carry(Fate.RENAMED, "alert.title"),
    "body": Carry(Fate.RENAMED, "alert"),
    "translations": Carry(
        Fate.CARRIED, note=gettext_noop("Each language is sent in calls of its own.")
    ),
    "extras": Carry(Fate.CARRIED, note=gettext_noop("Those of this vendor.")),
    **_describe_fields("android.", wire_content.ANDROID),
    "android.silent": Carry(
        Fate.EMULATED, "message", gettext_noop("Sent as a custom message, which the app handles.")
    ),
    "android.data": Carry(
        Fate.RENAMED, "extras", gettext_noop("An object as it is, any other text under data.")
    ),
    "android.deeplink": Carry(Fate.RENAMED, "intent.url"),
    "android.time_to_live": Carry(
        Fate.TRUNCATED, "options.time_to_live", gettext_noop("15 days at most.")
    ),
    "ios.title": Carry(Fate.RENAMED, "alert.title"),
    "ios.subtitle": Carry(Fate.RENAMED, "alert.subtitle"),
    "ios.body": Carry(Fate.RENAMED, "alert.body"),
    **_describe_fields("ios.", wire_content.IOS),
    "ios.silent": Carry(
        Fate.EMULATED,
        "content-available",
        gettext_noop("Without its text, which nobody would see."),
    ),
    "ios.sound": Carry(
        Fate.EMULATED, "sound", gettext_noop("A sound file that is named plays instead.")
    ),
    "ios.sound_name": Carry(Fate.RENAMED, "sound"),
    "ios.mutable_content": Carry(Fate.RENAMED, "mutable-content"),
    "ios.data": Carry(
        Fate.RENAMED, "extras", gettext_noop("An object as it is, any other text under data.")
    ),
    "ios.expiration": Carry(
        Fate.TRUNCATED, "options.time_to_live", gettext_noop("15 days at most.")
    ),
    "ios.collapse_id": Carry(Fate.RENAMED, "options.apns_collapse_id"),
    **_describe_fields("web.", wire_content.WEB),
    "web.buttons": Carry(Fate.TRUNCATED, "options.web_buttons", gettext_noop("Two at most.")),
}


def _identify_door(app: DoorApp) -> Mapping[str, Any]:
    """The AppKey by which an answer to a group push names the app."""
    return {"member_app_key": app.code[:APP_KEY_DIGITS]} if app.code else {}


def _find_addressing(options: Mapping[str, Any]) -> frozenset[Addressing] | None:
    """A group is told of everyone: an id or a tag is one application's own."""
    return frozenset({Addressing.EVERYONE}) if options.get("group_key") else None


def _describe_key(shown: Mapping[str, str]) -> Mapping[str, Any]:
    """AppKey and Master Secret of a key, or the header that a group's key makes."""
    if "group_key" in shown:
        return wire.describe_group_key(shown["group_key"], shown["group_secret"])
    return {"app_key": shown["key"], "master_secret": shown["secret"]}


DIALECT = Dialect(
    key="engagelab",
    label="EngageLab",
    purpose=gettext_noop("Phones and browsers by registration id, tag or alias."),
    platforms=frozenset(Platform),
    limits=Limits(
        batch_size=wire_targets.MAX_IDS,
        requests_per_second=500,
        max_payload_bytes=wire_rules.MAX_CONTENT_BYTES,
        labels_per_call=wire_targets.MAX_TAGS,
        addressing=frozenset({Addressing.VENDOR_ID, Addressing.LABEL, Addressing.EVERYONE}),
    ),
    credentials=(
        FieldSpec(
            name="app_key",
            label=gettext_noop("AppKey"),
            required=True,
            minimum=1,
            maximum=64,
        ),
        FieldSpec(
            name="master_secret",
            kind="secret",
            label=gettext_noop("Master Secret"),
            required=True,
            minimum=1,
            maximum=255,
        ),
        FieldSpec(
            name="group_secret",
            kind="secret",
            label=gettext_noop("Group Master Secret"),
            help=gettext_noop("Only where routes of the account name a GroupKey."),
            maximum=255,
        ),
        FieldSpec(
            name=wire_callbacks.SECRET,
            kind="secret",
            label=gettext_noop("Callback secret"),
            help=gettext_noop("What the vendor signs its callbacks with; without it none is read."),
            maximum=255,
        ),
    ),
    base_urls=(
        FieldSpec(
            name="push",
            kind="url",
            label=gettext_noop("API address"),
            help=gettext_noop("Of your data centre, and of web push where that is the product."),
            default=outbound.PUSH_URL,
            maximum=2048,
        ),
    ),
    account_options=(
        FieldSpec(
            name="product",
            kind="choice",
            label=gettext_noop("Product"),
            choices=("app", outbound.WEB_PRODUCT),
            choice_labels=(gettext_noop("AppPush"), gettext_noop("WebPush")),
            default="app",
        ),
    ),
    route_options=(
        FieldSpec(
            name="group_key",
            label=gettext_noop("GroupKey"),
            help=gettext_noop("Sends to all applications of the group instead of the account's."),
            maximum=64,
        ),
        FieldSpec(
            name="apns_production",
            kind="bool",
            label=gettext_noop("Production environment of iOS"),
            default=True,
        ),
    ),
    message_options=wire_options.OPTION_FIELDS,
    identifier_kinds=wire_targets.IDENTIFIER_KINDS,
    carries=CARRIES,
    idempotency=Idempotency.KEY,
    has_totals=True,
    find_addressing=_find_addressing,
    can_cancel=True,
    recall_seconds=wire_sends.WITHDRAW_SECONDS,
    has_labels=True,
    connect=outbound.EngageLab,
    routes=inbound.ROUTES,
    quotas=inbound.QUOTAS,
    authenticate=wire.read_authorization,
    write_authorization=wire.write_authorization,
    write_refusal=wire_errors.write_refusal,
    door_identifiers=_identify_door,
    describe_key=_describe_key,
    door_options=(
        FieldSpec(
            name=wire_callbacks.URL,
            kind="url",
            label=gettext_noop("Callback address"),
            help=gettext_noop(
                "Told of what becomes of pushes to registration ids, once it has answered a check."
            ),
            maximum=2048,
        ),
        FieldSpec(
            name=wire_callbacks.USERNAME,
            label=gettext_noop("Callback user name"),
            help=gettext_noop("Signed with the secret: letters, digits and . _ @ -"),
            pattern=r"[A-Za-z0-9._@-]{1,64}",
        ),
        FieldSpec(
            name=wire_callbacks.SECRET,
            kind="secret",
            label=gettext_noop("Callback secret"),
            help=gettext_noop("What callbacks are signed with; without it they are not."),
            minimum=1,
            maximum=255,
        ),
    ),
    door_callback=DoorCallback(
        url=wire_callbacks.URL,
        write=wire_callbacks.write_door_callback,
        write_check=wire_callbacks.write_check,
        find_data=wire_callbacks.find_given_back,
    ),
    caps=CAPS,
    refuses_empty=True,
    refuse_strict=wire_sends.refuse_both,
    says_more=wire_losses.says_more,
    hooks=(
        Hook(
            method="POST",
            path=wire_callbacks.HOOK_PATH,
            read=wire_callbacks.read_callback,
            verify=wire_callbacks.is_signed,
            answer=Reply(200, {}),
            echo=wire_callbacks.write_echo,
            write=wire_callbacks.write_callback,
            write_check=wire_callbacks.write_check,
        ),
    ),
)
