"""Who can be reached: persons, devices, labels, segments."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from campaigns.models.access import Workspace
from campaigns.models.apps import (
    App,
    check_zone,  # noqa: F401 the first migration looks for it here
)
from campaigns.models.prefixes import PrefixOrder
from campaigns.models.scoping import PersonQuerySet, ScopedQuerySet
from providers.message_fields import Platform

PLATFORMS = [
    (Platform.ANDROID.value, _("Android")),
    (Platform.IOS.value, _("iOS")),
    (Platform.WEB.value, _("Web")),
    (Platform.HMOS.value, _("HarmonyOS")),
]
PLATFORM_KEYS = [key for key, _label in PLATFORMS]
# How a person is reached without a device.
CHANNELS = [("sms", _("SMS")), ("email", _("E-mail"))]
WAYS = [*PLATFORMS, *CHANNELS]
WAY_KEYS = [key for key, _label in WAYS]


def hash64(text: str) -> int:
    """A 64-bit hash that fits a signed BIGINT, for short indexes over long ids."""
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def pack_version(text: str) -> int:
    """`2.10.3` as one sortable integer, 12 bits for each of 4 pieces; what is no number is 0."""
    pieces = [int(piece) if piece.isdecimal() else 0 for piece in text.split(".")[:4]]
    packed = 0
    for piece in [*pieces, 0, 0, 0, 0][:4]:
        packed = packed << 12 | min(piece, 4095)
    return packed


class Person(models.Model):
    """Who: one human in a workspace, with any number of devices."""

    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="persons", verbose_name=_("workspace")
    )
    external_user_id = models.CharField(_("external user id"), max_length=255, blank=True)
    email = models.CharField(_("e-mail"), max_length=254, blank=True)
    phone = models.CharField(
        _("phone"), max_length=20, blank=True, help_text=_("Digits with country code, no plus.")
    )
    language = models.CharField(_("language"), max_length=16, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    timezone = models.CharField(_("time zone"), max_length=64, blank=True)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    opted_out_at = models.DateTimeField(_("opted out"), null=True, blank=True)
    opt_out_reason = models.CharField(
        _("why opted out"), max_length=200, blank=True, default="", db_default=""
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = PersonQuerySet.as_manager()
    workspace_path = "workspace"

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("persons")
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "external_user_id"],
                condition=~Q(external_user_id=""),
                name="person_external_id_once",
            )
        ]
        indexes = [
            models.Index(fields=["workspace", "email"], name="person_email"),
            models.Index(fields=["workspace", "phone"], name="person_phone"),
            models.Index(fields=["workspace", "country", "language"], name="person_place"),
            # Exact and by their beginning, for the search; PostgreSQL's other indexes know no
            # beginnings, and SQLite's unique one leaves out the empty.
            models.Index(
                fields=["workspace", "external_user_id"],
                opclasses=["int8_ops", "varchar_pattern_ops"],
                name="person_external_prefix",
            ),
            models.Index(
                models.F("workspace"), PrefixOrder(Lower("email")), name="person_email_prefix"
            ),
            models.Index(
                fields=["workspace"],
                condition=Q(opted_out_at__isnull=False),
                name="person_opted_out",
            ),
        ]

    def __str__(self) -> str:
        return self.external_user_id or self.email or self.phone or f"#{self.pk}"


class Device(models.Model):
    """One installation of an app. Hot attributes are columns, custom ones JSON.

    The `*_version_number` columns are `pack_version` of their text, for comparisons.
    """

    class TokenState(models.TextChoices):
        ACTIVE = "active", _("Active")
        DISABLED = "disabled", _("Disabled")
        MISSING = "missing", _("No token")

    SIGNED_OFF = "The device has signed off."  # evidence that is no vendor's
    REGISTERED = "registered"  # evidence too

    app = models.ForeignKey(App, models.CASCADE, related_name="devices", verbose_name=_("app"))
    person = models.ForeignKey(
        Person,
        models.SET_NULL,
        related_name="devices",
        null=True,
        blank=True,
        verbose_name=_("person"),
    )
    platform = models.CharField(_("platform"), max_length=8, choices=PLATFORMS)
    transport = models.CharField(_("transport"), max_length=20, blank=True)
    token = models.TextField(_("token"), blank=True)
    token_hash = models.BigIntegerField(null=True, editable=False)
    token_state = models.CharField(
        _("token state"), max_length=10, choices=TokenState, default=TokenState.ACTIVE
    )
    token_evidence = models.CharField(_("evidence"), max_length=400, blank=True)
    token_state_at = models.DateTimeField(_("since"), null=True, blank=True)
    # By a registration, which neither an import nor enabling a token again is.
    token_shown_at = models.DateTimeField(_("last shown by the device"), null=True, blank=True)
    language = models.CharField(_("language"), max_length=16, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    timezone = models.CharField(_("time zone"), max_length=64, blank=True)
    app_version = models.CharField(_("app version"), max_length=32, blank=True)
    app_version_number = models.BigIntegerField(default=0, editable=False)
    sdk_version = models.CharField(_("SDK version"), max_length=32, blank=True)
    sdk_version_number = models.BigIntegerField(default=0, editable=False)
    os_version = models.CharField(_("OS version"), max_length=32, blank=True)
    os_version_number = models.BigIntegerField(default=0, editable=False)
    manufacturer = models.CharField(_("manufacturer"), max_length=64, blank=True)
    model = models.CharField(_("model"), max_length=64, blank=True)
    is_secure = models.BooleanField(_("screen lock"), null=True, blank=True)
    notifications_enabled = models.BooleanField(_("notifications allowed"), null=True, blank=True)
    is_primary = models.BooleanField(_("primary"), default=False)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    last_seen_at = models.DateTimeField(_("last seen"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = ScopedQuerySet.as_manager()
    app_path = "app"

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        constraints = [
            models.UniqueConstraint(
                fields=["app", "platform", "token_hash"],
                condition=Q(token_hash__isnull=False),
                name="device_token_once",
            ),
            models.CheckConstraint(
                condition=Q(platform__in=PLATFORM_KEYS), name="device_platform_known"
            ),
            models.CheckConstraint(
                condition=Q(token_state__in=["active", "disabled", "missing"]),
                name="device_token_state_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["app", "platform", "country", "language", "app_version_number"],
                name="device_hot",
            ),
            # Counted by these, which need then not be read from the table.
            models.Index(
                fields=["app", "platform", "language", "token_state"], name="device_reach"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_platform_display()} #{self.pk}"


class DeviceIdentifier(models.Model):
    """An id that some vendor knows a device by. Kinds are declared by dialects."""

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    device = models.ForeignKey(Device, models.CASCADE, related_name="identifiers")
    kind = models.CharField(_("kind"), max_length=40)
    value_hash = models.BigIntegerField(editable=False)
    value = models.CharField(_("value"), max_length=4096)

    objects = ScopedQuerySet.as_manager()
    app_path = "app"

    class Meta:
        verbose_name = _("device identifier")
        verbose_name_plural = _("device identifiers")
        constraints = [
            models.UniqueConstraint(
                fields=["app", "kind", "value_hash"], name="device_identifier_once"
            ),
            models.UniqueConstraint(fields=["device", "kind"], name="device_kind_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


class Label(models.Model):
    """A named, hand-kept set of persons of an app."""

    app = models.ForeignKey(App, models.CASCADE, related_name="labels", verbose_name=_("app"))
    name = models.CharField(_("name"), max_length=128)
    description = models.CharField(_("description"), max_length=255, blank=True)
    member_count = models.PositiveIntegerField(_("members"), default=0, editable=False)
    # Not offered any more; whatever names it goes on meaning its members.
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ScopedQuerySet.as_manager()
    app_path = "app"

    class Meta:
        verbose_name = _("label")
        verbose_name_plural = _("labels")
        constraints = [models.UniqueConstraint(fields=["app", "name"], name="label_name_once")]

    def __str__(self) -> str:
        return self.name


class LabelMember(models.Model):
    """A person carries a label."""

    pk: Any = models.CompositePrimaryKey("label_id", "person_id")
    label = models.ForeignKey(Label, models.CASCADE, related_name="members")
    person = models.ForeignKey(Person, models.CASCADE, related_name="label_members")
    added_at = models.DateTimeField(auto_now_add=True)


class Segment(models.Model):
    """A saved, dynamic expression over person and device attributes."""

    app = models.ForeignKey(App, models.CASCADE, related_name="segments", verbose_name=_("app"))
    name = models.CharField(_("name"), max_length=128)
    description = models.CharField(_("description"), max_length=255, blank=True)
    expression = models.JSONField(_("expression"), default=dict)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = ScopedQuerySet.as_manager()
    app_path = "app"

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        constraints = [models.UniqueConstraint(fields=["app", "name"], name="segment_name_once")]

    def __str__(self) -> str:
        return self.name
