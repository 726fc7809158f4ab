"""Ways out and in: accounts at vendors, routes to them, doors for scripts, what was said."""

from __future__ import annotations

import secrets

from django.db import models
from django.db.models import Q, Value
from django.utils.translation import gettext_lazy as _

from campaigns.models.access import ApiKey, Workspace
from campaigns.models.apps import App, Group
from campaigns.models.audience import WAY_KEYS, WAYS, Label
from campaigns.models.scoping import ScopedQuerySet


def make_public_id() -> str:
    """An unguessable id for hook addresses, 24 hex digits."""
    return secrets.token_hex(12)


class Account(models.Model):
    """One login at one vendor or gateway. Credentials are encrypted by providers.vault."""

    class Health(models.TextChoices):
        UNKNOWN = "unknown", _("Not checked")
        GOOD = "good", _("Good")
        BAD = "bad", _("Refused")

    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="accounts", verbose_name=_("workspace")
    )
    name = models.CharField(_("name"), max_length=120)
    dialect = models.CharField(_("vendor"), max_length=40)
    public_id = models.CharField(max_length=24, unique=True, default=make_public_id, editable=False)
    credentials = models.TextField(editable=False, blank=True)  # a vault text, never plain
    base_urls = models.JSONField(_("base URLs"), default=dict, blank=True)
    options = models.JSONField(_("options"), default=dict, blank=True)
    # Lower than the vendor's own, by the names of providers.limits; what is absent is the vendor's.
    limits = models.JSONField(
        _("limits"), default=dict, db_default=Value({}, models.JSONField()), blank=True
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)
    health = models.CharField(
        _("health"), max_length=8, choices=Health, default=Health.UNKNOWN, editable=False
    )
    health_words = models.CharField(_("vendor said"), max_length=500, blank=True, editable=False)
    checked_at = models.DateTimeField(_("checked"), null=True, blank=True, editable=False)
    credentials_expire_on = models.DateField(
        _("credentials expire on"),
        null=True,
        blank=True,
        help_text=_("Their last day. You are told two weeks ahead; after it nothing is launched."),
    )
    certificate_until = models.DateTimeField(
        _("certificate is valid until"), null=True, blank=True, editable=False
    )
    receipt_cursor = models.CharField(max_length=200, blank=True, editable=False)
    poll_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ScopedQuerySet.as_manager()
    workspace_path = "workspace"

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="account_name_once"),
            models.CheckConstraint(
                condition=Q(health__in=["unknown", "good", "bad"]), name="account_health_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Route(models.Model):
    """Which account serves which platform of an app, in which order."""

    app = models.ForeignKey(App, models.CASCADE, related_name="routes", verbose_name=_("app"))
    platform = models.CharField(_("platform"), max_length=8, choices=WAYS)
    account = models.ForeignKey(
        Account, models.CASCADE, related_name="routes", verbose_name=_("account")
    )
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    options = models.JSONField(
        _("vendor's identifiers"),
        default=dict,
        blank=True,
        help_text=_("What the vendor assigned, for example the app's id there."),
    )

    objects = ScopedQuerySet.as_manager()
    app_path = "app"

    class Meta:
        verbose_name = _("route")
        verbose_name_plural = _("routes")
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["app", "platform", "account"], name="route_once"),
            models.CheckConstraint(condition=Q(platform__in=WAY_KEYS), name="route_platform_known"),
        ]

    def __str__(self) -> str:
        return f"{self.get_platform_display()} → {self.account}"


class Door(models.Model):
    """Inbound: what we assigned to a dialect's scripts for one app. It never changes, whatever
    becomes of the app's slug.

    `slug` is what the identifiers were made of, `code` 32 random hex digits. Proofs that somebody
    knows a secret of the door count for as much as `api_key`. `checked_address` is the address for
    callbacks that has answered a check, `check_words` what the last check came to.
    """

    app = models.ForeignKey(App, models.CASCADE, related_name="doors", verbose_name=_("app"))
    dialect = models.CharField(_("dialect"), max_length=40)
    identifiers = models.JSONField(_("identifiers"), default=dict, blank=True)
    secrets = models.TextField(editable=False, blank=True)  # a vault text, never plain
    options = models.JSONField(_("options"), default=dict, blank=True)
    slug = models.CharField(
        max_length=90, blank=True, default="", db_default="", editable=False, db_index=True
    )
    code = models.CharField(max_length=32, blank=True, default="", db_default="", editable=False)
    api_key = models.ForeignKey(
        ApiKey, models.SET_NULL, related_name="doors", null=True, editable=False
    )
    checked_address = models.TextField(blank=True, default="", db_default="", editable=False)
    check_words = models.CharField(
        max_length=500, blank=True, default="", db_default="", editable=False
    )

    objects = ScopedQuerySet.as_manager()
    app_path = "app"

    class Meta:
        verbose_name = _("door")
        verbose_name_plural = _("doors")
        constraints = [models.UniqueConstraint(fields=["app", "dialect"], name="door_once")]


class DoorName(models.Model):
    """One identifier of a door, to find it by; several doors may share one (a workspace's)."""

    door = models.ForeignKey(Door, models.CASCADE, related_name="names")
    dialect = models.CharField(max_length=40)
    value = models.CharField(max_length=255)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["door", "value"], name="door_name_once")]
        indexes = [models.Index(fields=["dialect", "value"], name="door_name_value")]


class VendorGroup(models.Model):
    """The id that a vendor gave to one of our groups at one account."""

    group = models.ForeignKey(Group, models.CASCADE, related_name="vendor_groups")
    account = models.ForeignKey(Account, models.CASCADE, related_name="vendor_groups")
    vendor_id = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group", "account"], name="vendor_group_once")
        ]


class VendorLabel(models.Model):
    """A label of ours that is kept at one account too."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="vendor_labels")
    label = models.ForeignKey(Label, models.CASCADE, related_name="vendor_labels")
    synced_at = models.DateTimeField(null=True)  # when the vendor's members were last ours

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "label"], name="vendor_label_once")
        ]


class VendorLabelMember(models.Model):
    """Somebody whom the vendor knows to carry a label, by the name that it knows him by."""

    vendor_label = models.ForeignKey(VendorLabel, models.CASCADE, related_name="members")
    name = models.CharField(max_length=255)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["vendor_label", "name"], name="vendor_label_member_once"
            )
        ]


class Throttle(models.Model):
    """When one account may be called for one app (app_id 0: for all of them together).

    `blocked_until` is what the vendor asked for; `day_used` counts the calls of `day` in the
    vendor's reset zone. How fast it may be called is in Allowance.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="throttles")
    app_id = models.BigIntegerField(default=0)
    # Of earlier versions, whose workers may still run beside ours.
    tokens = models.FloatField(default=0)
    refilled_at = models.DateTimeField(null=True)
    paced_until = models.DateTimeField(null=True)
    blocked_until = models.DateTimeField(null=True)
    day = models.DateField(null=True)
    day_used = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "app_id"], name="throttle_once")]


class AddressRest(models.Model):
    """Until when one of an account's many services has asked to be left alone."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="rests")
    address = models.CharField(max_length=300)
    until = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "address"], name="address_rest_once")
        ]


class Allowance(models.Model):
    """What one promised rate lets go now: a token bucket, filled by providers.pacing.

    `scope` says whose rate it is (recipients of an account, an app, a group, a transfer; or one
    kind of calls of an account) and `owner_id` which one. `level` may be a debt. `taken` counts
    everything that was ever taken: a ramp-up grows with it. `recently` is what was taken in the
    last seconds, where that is bounded too: `Recently.taken`.
    """

    scope = models.CharField(max_length=32)
    owner_id = models.BigIntegerField()
    level = models.FloatField()
    filled_at = models.DateTimeField()
    taken = models.BigIntegerField(default=0)
    recently = models.JSONField(default=list, db_default=[])

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "owner_id"], name="allowance_once")]


class Exchange(models.Model):
    """One call as it went over the wire, scrubbed; kept 14 days."""

    account = models.ForeignKey(
        Account, models.CASCADE, related_name="exchanges", verbose_name=_("account")
    )
    transfer_id = models.BigIntegerField(_("transfer"), null=True)
    batch_id = models.BigIntegerField(null=True)
    attempt_id = models.BigIntegerField(null=True)
    at = models.DateTimeField(_("at"), db_index=True)
    method = models.CharField(_("method"), max_length=8)
    url = models.CharField(_("address"), max_length=500)
    request = models.TextField(_("request"), blank=True)
    status = models.PositiveSmallIntegerField(_("status"), null=True)
    response = models.TextField(_("answer"), blank=True)
    seconds = models.FloatField(_("seconds"), default=0)
    reason = models.CharField(_("reason"), max_length=20, blank=True)

    objects = ScopedQuerySet.as_manager()
    workspace_path = "account__workspace"

    class Meta:
        verbose_name = _("exchange")
        verbose_name_plural = _("exchanges")
        indexes = [
            models.Index(fields=["transfer_id", "-id"], name="exchange_transfer"),
            models.Index(fields=["account", "-id"], name="exchange_account"),
            models.Index(fields=["batch_id", "reason"], name="exchange_batch"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.url}"
