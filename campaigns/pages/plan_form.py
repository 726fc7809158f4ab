"""What a campaign is called, which folder it is reported in, when and how it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import App, AppGroup, Membership, Policy, WhenPast
from campaigns.models.clock import RECIPIENT_ZONE, list_zone_names
from campaigns.pages.fields import LongSelect, PageForm
from campaigns.pages.group_field import GroupForm
from campaigns.services.access import find_apps
from campaigns.services.campaign_values import MAX_RAMP
from providers.message_fields import MAX_TTL_SECONDS

UNITS = {
    "60": gettext_lazy("minutes"),
    "3600": gettext_lazy("hours"),
    "86400": gettext_lazy("days"),
}

POLICY_WORDS = {
    Policy.AT_LEAST_ONCE.value: gettext_lazy("Try again: nobody is missed"),
    Policy.AT_MOST_ONCE.value: gettext_lazy("Do not try again: nobody gets it twice"),
}


class TargetForm(PageForm):
    """Where it is sent: one app, or an app group. `app:<id>` or `app_group:<id>`."""

    target = forms.ChoiceField(
        label=gettext_lazy("App or app group"),
        help_text=gettext_lazy("An app group sends to each of its apps, one transfer per app."),
        error_messages={
            "invalid_choice": gettext_lazy(
                "You may not write campaigns for this, or not for every app of it. Choose another;"
                " an admin of the workspace gives roles."
            )
        },
    )

    def __init__(self, *args: Any, principal: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer_choices("target", list_targets(principal))


class PlanForm(GroupForm):
    """Name, folder, tag, time, pace and rules."""

    name = forms.CharField(
        label=gettext_lazy("Campaign name"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("For lists and reports; recipients never see it."),
    )
    tag = forms.CharField(
        label=gettext_lazy("Tag"),
        max_length=128,
        required=False,
        help_text=gettext_lazy("The second level of its report."),
        widget=forms.TextInput(attrs={"list": "pa-tags", "autocomplete": "off"}),
    )
    when = forms.ChoiceField(
        label=gettext_lazy("When"),
        choices=[
            ("now", gettext_lazy("As soon as I send it")),
            ("later", gettext_lazy("At a time")),
            ("repeat", gettext_lazy("Again and again")),
        ],
        widget=forms.RadioSelect,
        initial="now",
    )
    send_at = forms.CharField(
        label=gettext_lazy("Date and time"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    timezone = forms.ChoiceField(label=gettext_lazy("Time zone"), required=False, widget=LongSelect)
    when_past = forms.ChoiceField(
        label=gettext_lazy("Where that hour is past already"),
        choices=[
            (WhenPast.TOMORROW.value, gettext_lazy("Send at that hour of the next day")),
            (WhenPast.NOW.value, gettext_lazy("Send at once, whatever time it is there")),
            (WhenPast.SKIP.value, gettext_lazy("Do not send")),
        ],
        initial=WhenPast.TOMORROW.value,
        required=False,
    )
    expires = forms.IntegerField(
        label=gettext_lazy("Expires after"),
        min_value=1,
        required=False,
        help_text=gettext_lazy("Whoever has not been sent to by then no longer is; empty: never."),
    )
    expires_unit = forms.ChoiceField(
        label=gettext_lazy("Unit"), choices=list(UNITS.items()), initial="3600", required=False
    )
    rate = forms.IntegerField(
        label=gettext_lazy("At most per second"),
        min_value=1,
        max_value=100_000,
        required=False,
        help_text=gettext_lazy("Recipients per second; empty: as fast as group and vendor allow."),
    )
    ramp_up = forms.IntegerField(
        label=gettext_lazy("Reach it after, minutes"),
        min_value=1,
        max_value=MAX_RAMP // 60,
        required=False,
        help_text=gettext_lazy("It begins with a tenth and grows evenly; empty: all at once."),
    )
    policy = forms.ChoiceField(
        label=gettext_lazy("When a vendor does not answer"),
        choices=list(POLICY_WORDS.items()),
        initial=Policy.AT_LEAST_ONCE.value,
    )
    strict = forms.BooleanField(
        label=gettext_lazy("Refuse a route that loses part of the message"), required=False
    )
    field_order = ("name", "group")

    def __init__(self, *args: Any, apps: Sequence[App], has_groups: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer_groups(apps[0])
        self.offer_choices("timezone", list_zones(apps))
        if not has_groups:  # an app group reports into each app's own folder
            del self.fields["group"]

    def clean(self) -> dict[str, Any]:
        """A time must be there when one is wanted."""
        values = super().clean() or self.cleaned_data
        if values.get("when") in ("later", "repeat") and not values.get("send_at"):
            self.add_error("send_at", _("Choose the date and time, or send it now."))
        if values.get("ramp_up") and not values.get("rate") and "rate" not in self.errors:
            self.add_error("rate", _("Give a rate for it to grow to."))
        if (self._seconds(values) or 0) > MAX_TTL_SECONDS:
            self.add_error("expires", _("At most 28 days."))
        return values

    @staticmethod
    def _seconds(values: dict[str, Any]) -> int | None:
        count = values.get("expires")
        return count * int(values.get("expires_unit") or 3600) if count else None

    def write_values(self) -> dict[str, Any]:
        """The native API's names. Only for a valid form."""
        values = self.cleaned_data
        is_later = values["when"] != "now"
        return {
            "name": values["name"],
            "group": values.get("group") or None,
            "tag": values["tag"],
            "send_at": values["send_at"] if is_later else None,
            "timezone": values["timezone"] if is_later else None,
            "when_past": values["when_past"] or None,
            "expires_in": self._seconds(values),
            "rate": values["rate"],
            "ramp_up": values["ramp_up"] and 60 * values["ramp_up"],
            "policy": values["policy"],
            "strict": values["strict"],
        }


class RescheduleForm(PageForm):
    """Another time for a campaign that waits for one."""

    send_at = forms.CharField(
        label=gettext_lazy("Date and time"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    timezone = forms.ChoiceField(label=gettext_lazy("Time zone"), required=False, widget=LongSelect)

    def __init__(self, *args: Any, apps: Sequence[App], **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "id_new_%s", **kwargs})
        self.offer_choices("timezone", list_zones(apps))


def list_targets(principal: Any) -> list[tuple[str, Any]]:
    """Apps that the principal writes campaigns for, and the app groups of only such apps."""
    # The first one is offered: the oldest is what most work is about.
    apps = find_apps(principal, Membership.Role.COMPOSER).order_by("pk")
    groups = _find_whole_groups(principal, apps).order_by("name")
    choices: list[tuple[str, Any]] = [
        (_("Apps"), [(f"app:{app.pk}", app.name) for app in apps]),
        (_("App groups"), [(f"app_group:{group.pk}", group.name) for group in groups]),
    ]
    return [(label, rows) for label, rows in choices if rows]


def _find_whole_groups(principal: Any, apps: QuerySet[App]) -> QuerySet[AppGroup]:
    members = AppGroup.apps.through.objects.filter(appgroup_id=OuterRef("pk"))
    others = members.exclude(app_id__in=apps.order_by().values("pk"))
    return AppGroup.objects.for_user(principal).filter(Exists(members), ~Exists(others))


def list_zones(apps: Sequence[App]) -> list[tuple[str, Any]]:
    """The apps' own zones, each recipient's own, and every IANA zone."""
    own = list(dict.fromkeys(app.timezone for app in apps))
    return [
        *((name, name) for name in own),
        (RECIPIENT_ZONE, _("Each recipient's own time zone")),
        *((name, name) for name in sorted(list_zone_names() - set(own))),
    ]


def split_seconds(seconds: int | None) -> tuple[int | None, str]:
    """A span as a count and the largest unit that divides it."""
    if not seconds:
        return None, "3600"
    unit = next((unit for unit in (86400, 3600, 60) if seconds % unit == 0), 60)
    return max(1, seconds // unit), str(unit)
