"""What is sent from: apps, app groups, report folders."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.access import Workspace
from campaigns.models.clock import list_zone_names
from campaigns.models.scoping import ScopedQuerySet
from campaigns.models.web_origins import find_origins_fault
from providers.languages import Chain, find_fallback_fault

MIN_SEND_RATE = 100
MAX_SEND_RATE = 5000
MAX_RATE = 100_000  # recipients per second of an app or a transfer
DEFAULT_GROUP = "General"
DEFAULT_GUARD = 1000  # recipients
DEFAULT_COOLING = 60  # seconds
MAX_COOLING = 3600


def check_zone(name: str) -> None:
    """Raise ValidationError unless `name` is an IANA time zone."""
    if name not in list_zone_names():
        raise ValidationError(
            _("%(name)s is no IANA time zone such as Europe/Berlin."), params={"name": name}
        )


class App(models.Model):
    """One application profile of a workspace."""

    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="apps", verbose_name=_("workspace")
    )
    name = models.CharField(_("name"), max_length=120)
    slug = models.SlugField(_("slug"), max_length=60)
    platforms = models.JSONField(_("platforms"), default=list)
    timezone = models.CharField(
        _("time zone"), max_length=64, default="UTC", validators=[check_zone]
    )
    default_language = models.CharField(_("default language"), max_length=16, default="en")
    fallbacks = models.JSONField(
        _("languages instead"),
        default=list,
        db_default=models.Value([], models.JSONField()),
        blank=True,
        help_text=_('In this order, for who has no translation, such as ["en", "fr"].'),
    )
    needs_approval = models.BooleanField(_("needs approval"), default=False)
    # Without it, whatever needs an approval needs it whoever it goes to.
    approval_above = models.PositiveIntegerField(
        _("approval above"),
        null=True,
        blank=True,
        help_text=_("Only for more recipients than so many; empty: always."),
    )
    guard_size = models.PositiveIntegerField(
        _("guard size"),
        null=True,
        blank=True,
        default=DEFAULT_GUARD,
        db_default=DEFAULT_GUARD,
        help_text=_(
            "In the browser the app's name must be typed to send to more than so many. "
            "0: always; empty: never."
        ),
    )
    cooling_seconds = models.PositiveIntegerField(
        _("cooling time, s"),
        default=DEFAULT_COOLING,
        db_default=DEFAULT_COOLING,
        validators=[MaxValueValidator(MAX_COOLING)],
        help_text=_(
            "What is sent at once from the browser waits so long and can be undone. 0: it does "
            "not wait."
        ),
    )
    icon_url = models.URLField(_("icon"), blank=True)
    send_rate = models.PositiveIntegerField(
        _("send rate"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_RATE)],
        help_text=_("Recipients per second over all its campaigns; empty: no limit of its own."),
    )
    # Shown to devices that register themselves; none means that they may not.
    device_key = models.CharField(
        _("device key"), max_length=32, unique=True, null=True, blank=True, editable=False
    )
    # A vault text: the app's server proves with it who the user of a device is.
    user_secret = models.TextField(editable=False, blank=True, default="", db_default="")
    web_origins = models.JSONField(
        _("websites"),
        default=list,
        db_default=models.Value([], models.JSONField()),
        blank=True,
        help_text=_('Origins whose pages may call the device door: ["https://shop.example"].'),
    )
    last_claim_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ScopedQuerySet.as_manager()
    app_path = "pk"

    class Meta:
        verbose_name = _("app")
        verbose_name_plural = _("apps")
        constraints = [
            models.UniqueConstraint(fields=["workspace", "slug"], name="app_slug_once"),
            models.CheckConstraint(
                condition=Q(send_rate__isnull=True) | Q(send_rate__gte=1, send_rate__lte=MAX_RATE),
                name="app_send_rate_in_range",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean_fields(self, exclude: Any = None) -> None:
        super().clean_fields(exclude)
        faults = {
            "fallbacks": find_fallback_fault(self.fallbacks),
            "web_origins": find_origins_fault(self.web_origins),
        }
        if any(faults.values()):
            raise ValidationError({name: fault for name, fault in faults.items() if fault})

    @property
    def chain(self) -> Chain:
        """Which translation its recipients get, where a message does not say otherwise."""
        return Chain(self.default_language, tuple(self.fallbacks))

    def asks_approval_of(self, recipients: int) -> bool:
        """Whether its policy wants an approval of a send to so many."""
        above = self.approval_above
        return self.needs_approval and (above is None or recipients > above)


class AppGroup(models.Model):
    """Several apps that are pushed together. The key is always visible, the secret shown once."""

    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="app_groups", verbose_name=_("workspace")
    )
    name = models.CharField(_("name"), max_length=120)
    slug = models.SlugField(_("slug"), max_length=60)
    group_key = models.CharField(_("group key"), max_length=24, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, blank=True, editable=False)
    apps = models.ManyToManyField(
        App, blank=True, related_name="app_groups", verbose_name=_("member apps")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ScopedQuerySet.as_manager()
    workspace_path = "workspace"

    class Meta:
        verbose_name = _("app group")
        verbose_name_plural = _("app groups")
        constraints = [
            models.UniqueConstraint(fields=["workspace", "slug"], name="app_group_slug_once")
        ]

    def __str__(self) -> str:
        return self.name


class Group(models.Model):
    """A named report folder of one app, never an audience."""

    app = models.ForeignKey(App, models.CASCADE, related_name="groups", verbose_name=_("app"))
    name = models.CharField(_("name"), max_length=255)
    send_rate = models.PositiveIntegerField(
        _("send rate"),
        default=MAX_SEND_RATE,
        validators=[MinValueValidator(MIN_SEND_RATE), MaxValueValidator(MAX_SEND_RATE)],
        help_text=_("Messages per second, 100 to 5000."),
    )
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True, editable=False)
    paced_until = models.DateTimeField(null=True, editable=False)  # of earlier versions
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ScopedQuerySet.as_manager()
    app_path = "app"

    class Meta:
        verbose_name = _("group")
        verbose_name_plural = _("groups")
        constraints = [
            models.UniqueConstraint(fields=["app", "name"], name="group_name_once"),
            models.CheckConstraint(
                condition=Q(send_rate__gte=MIN_SEND_RATE, send_rate__lte=MAX_SEND_RATE),
                name="group_send_rate_in_range",
            ),
        ]

    def __str__(self) -> str:
        return self.name
