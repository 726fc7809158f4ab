"""A campaign from the native API's JSON (docs/api.md), every wrong value named by its path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models import (
    App,
    AppGroup,
    Campaign,
    Group,
    Message,
    Policy,
    WhenMissed,
    WhenPast,
)
from campaigns.models.apps import DEFAULT_GROUP, MAX_RATE
from campaigns.models.campaign import DEFAULT_GRACE
from campaigns.models.clock import RECIPIENT_ZONE
from campaigns.selectors.audience import read_audience
from campaigns.selectors.campaign_apps import goes_to
from campaigns.services.campaign_scenarios import find_campaign_scenario, refuse_unplayable
from campaigns.services.personalisation import find_faults
from campaigns.services.schedule import MAX_SEND_AT, Schedule, plan_schedule, plan_series
from providers.fields import FieldSpec, gettext_noop
from providers.message import PushMessage
from providers.message_faults import find_address_faults, find_message_faults
from providers.message_fields import MAX_TTL_SECONDS
from providers.message_json import read_message, write_message

Value = TypeVar("Value")
MAX_TAG = 128
MAX_RAMP = 86_400
MAX_GRACE = 43_200  # half a day: two runs are never on time together

PLAIN_FIELDS = (
    FieldSpec(name="name", label=gettext_noop("Name"), default="", maximum=200),
    FieldSpec(name="tag", label=gettext_noop("Tag"), default="", maximum=MAX_TAG),
    FieldSpec(
        name="only_primary", kind="bool", label=gettext_noop("Primary devices only"), default=False
    ),
    FieldSpec(name="send_at", label=gettext_noop("Send at"), default="", maximum=MAX_SEND_AT),
    FieldSpec(name="timezone", label=gettext_noop("Time zone"), default="", maximum=64),
    FieldSpec(
        name="when_past",
        kind="choice",
        label=gettext_noop("When the hour is past"),
        default=WhenPast.TOMORROW.value,
        choices=tuple(WhenPast.values),
    ),
    FieldSpec(
        name="expires_in",
        kind="int",
        label=gettext_noop("Expires after, s"),
        minimum=1,
        maximum=MAX_TTL_SECONDS,
    ),
    FieldSpec(
        name="rate", kind="int", label=gettext_noop("Rate, per s"), minimum=1, maximum=MAX_RATE
    ),
    FieldSpec(
        name="ramp_up", kind="int", label=gettext_noop("Ramp-up, s"), minimum=1, maximum=MAX_RAMP
    ),
    FieldSpec(
        name="policy",
        kind="choice",
        label=gettext_noop("Policy"),
        default=Policy.AT_LEAST_ONCE.value,
        choices=tuple(Policy.values),
    ),
    FieldSpec(
        name="when_missed",
        kind="choice",
        label=gettext_noop("When missed"),
        default=WhenMissed.RUN_LATE.value,
        choices=tuple(WhenMissed.values),
    ),
    FieldSpec(
        name="grace",
        kind="int",
        label=gettext_noop("Late after, s"),
        default=DEFAULT_GRACE,
        minimum=0,
        maximum=MAX_GRACE,
    ),
    FieldSpec(
        name="strict", kind="bool", label=gettext_noop("Refuse a lossy route"), default=False
    ),
)
SCHEDULE_FIELDS = ("send_at", "timezone", "recurrence")
OTHER_FIELDS = frozenset(
    {"app", "app_group", "group", "audience", "message", "recurrence", "scenario"}
)
FIELD_NAMES = frozenset(spec.name for spec in PLAIN_FIELDS) | OTHER_FIELDS


@dataclass(frozen=True, slots=True)
class Place:
    """Where a campaign is sent: one app, or the member apps of an app group."""

    apps: tuple[App, ...]
    app_group: AppGroup | None = None

    @property
    def default_zone(self) -> str:
        """The apps' time zone, "" when they differ."""
        zones = {app.timezone for app in self.apps}
        return zones.pop() if len(zones) == 1 else ""


def read_campaign(
    principal: Any, body: Any, *, actor: str, now: datetime, base: Campaign | None = None
) -> Campaign:
    """An unsaved draft with an unsaved message from a JSON object; `base` fills what is absent.

    Raises Invalid whose `fields` hold one sentence for every wrong path. Nulls mean "not set".
    """
    if not isinstance(body, Mapping):
        raise Invalid(_("A campaign is a JSON object."))
    whole = dict(body)
    if base is not None:
        whole = _take_over(base, body) | whole
    whole = {name: value for name, value in whole.items() if value is not None}
    campaign = _Reader(principal, whole, now, base=base).read(actor)
    if base is not None and not body.keys() & set(SCHEDULE_FIELDS):
        _keep_schedule(base, campaign)
    return campaign


def _take_over(base: Campaign, body: Mapping[str, Any]) -> dict[str, Any]:
    """What a change leaves as it was. A new place has another group; a past time may stay."""
    kept = write_campaign(base)
    if body.keys() & {"app", "app_group"}:
        for name in ("app", "app_group", "group"):
            kept.pop(name, None)
    if not body.keys() & set(SCHEDULE_FIELDS):
        for name in SCHEDULE_FIELDS:
            kept.pop(name, None)
    return kept


def _keep_schedule(base: Campaign, campaign: Campaign) -> None:
    campaign.send_at = base.send_at
    campaign.timezone = base.timezone
    campaign.due_at = base.due_at
    campaign.recurrence = base.recurrence


def write_campaign(campaign: Campaign) -> dict[str, Any]:
    """The JSON that `read_campaign` reads back to an equal draft; app and groups by their ids."""
    body = {spec.name: getattr(campaign, spec.name) for spec in PLAIN_FIELDS}
    body |= {
        "audience": campaign.audience,
        "message": campaign.message.content,
        "recurrence": campaign.recurrence,
        "scenario": campaign.scenario_id,
    }
    if campaign.app_group_id:
        return body | {"app_group": campaign.app_group_id}
    return body | {"app": campaign.app_id, "group": campaign.group_id}


class _Reader:
    """Reads every field, collecting what is wrong, so that one answer names all of it. What the
    audience of its `base` names need not be there where it goes to the same apps: whoever changes
    something else meets it at the start."""

    def __init__(
        self, principal: Any, body: Mapping[str, Any], now: datetime, *, base: Campaign | None
    ) -> None:
        self.principal, self.base = principal, base
        self.body = body
        self.now = now
        self.faults: dict[str, str] = {
            name: _("Unknown field.") for name in body if name not in FIELD_NAMES
        }

    def read(self, actor: str) -> Campaign:
        values = self._read_plain()
        place = self._try(find_place, self.principal, self.body)
        content = self._read_message()
        group = schedule = scenario = None
        audience = self.body.get("audience")
        if place is not None:
            group = self._try(find_group, place, self.body.get("group"))
            seen_by = None if self._keeps(audience, place) else self.principal
            self._try(read_audience, list(place.apps), audience, principal=seen_by)
            schedule = self._try(self._plan, values, place)
            workspace, name = place.apps[0].workspace, self.body.get("scenario")
            scenario = self._try(find_campaign_scenario, self.principal, workspace, name)
        if scenario and schedule:
            self._try(refuse_unplayable, scenario, schedule)
        if self.faults or place is None or schedule is None:
            raise self._make_refusal()
        app = None if place.app_group else place.apps[0]
        return Campaign(
            **values | {"send_at": schedule.send_at, "timezone": schedule.timezone},
            workspace=place.apps[0].workspace,
            app=app,
            app_group=place.app_group,
            group=group,
            message=Message(app=app, content=content),
            scenario=scenario,
            audience=audience,
            due_at=schedule.due_at,
            recurrence=schedule.recurrence,
            status_since=self.now,
            created_at=self.now,
            created_by=actor,
        )

    def _try(self, read: Callable[..., Value], *args: Any, **options: Any) -> Value | None:
        try:
            return read(*args, **options)
        except Invalid as refusal:
            self.faults |= refusal.fields or {"": refusal.message}
            return None

    def _keeps(self, audience: Any, place: Place) -> bool:
        return self.base is not None and goes_to(self.base, place.apps, audience)

    def _read_plain(self) -> dict[str, Any]:
        values = {}
        for spec in PLAIN_FIELDS:
            value = self.body.get(spec.name, spec.default)
            fault = None if value is None else spec.find_fault(value)
            if fault:
                self.faults[spec.name] = fault
            values[spec.name] = value if not fault else spec.default
        if values["ramp_up"] and not self.body.get("rate"):
            self.faults["ramp_up"] = _("Give a rate for it to grow to.")
        return values

    def _read_message(self) -> dict[str, Any]:
        body = self.body.get("message", {})
        faults = find_message_faults(body)
        message = PushMessage() if faults else read_message(body)
        faults |= find_address_faults(message)
        faults |= find_faults(message)
        self.faults |= {f"message.{path}".rstrip("."): words for path, words in faults.items()}
        return write_message(message)

    def _plan(self, values: Mapping[str, Any], place: Place) -> Schedule:
        schedule = plan_start(
            values["send_at"], values["timezone"], default_zone=place.default_zone, now=self.now
        )
        return plan_series(schedule, self.body.get("recurrence"), now=self.now)

    def _make_refusal(self) -> Invalid:
        path, words = next(iter(self.faults.items()))
        return Invalid(f"{path}: {words}" if path else words, fields=self.faults)


def plan_start(send_at: str, timezone: str, *, default_zone: str, now: datetime) -> Schedule:
    """`plan_schedule` for apps whose zone is "" when they differ: then one must be named."""
    if send_at and not (default_zone or timezone or _has_offset(send_at)):
        words = _("The apps of this group live in several time zones; name one.")
        raise Invalid(words, fields={"timezone": words})
    if default_zone == RECIPIENT_ZONE and not _has_offset(send_at):
        timezone = timezone or RECIPIENT_ZONE
    return plan_schedule(send_at, timezone, default_zone=default_zone, now=now)


def find_place(principal: Any, body: Mapping[str, Any]) -> Place:
    """The app or app group that `app` or `app_group` names by slug or id, as far as one may see.

    Without either it is the only app that the principal reaches. Raises Invalid.
    """
    if "app" in body and "app_group" in body:
        raise _refuse("app", _("Name an app or an app group, not both."))
    if "app_group" in body:
        return _find_app_group(principal, body["app_group"])
    apps = App.objects.for_user(principal).select_related("workspace")
    if "app" in body:
        return Place((_find_named(apps, "app", body["app"]),))
    reached = list(apps[:2])
    if len(reached) != 1:
        raise _refuse("app", _("Name the app by its slug."))
    return Place((reached[0],))


def _find_app_group(principal: Any, name: Any) -> Place:
    app_group = _find_named(AppGroup.objects.for_user(principal), "app_group", name)
    apps = tuple(app_group.apps.select_related("workspace").order_by("pk"))
    if not apps:
        raise _refuse("app_group", _("This app group has no apps yet."))
    if App.objects.for_user(principal).filter(app_groups=app_group).count() < len(apps):
        raise _refuse("app_group", _("You do not reach every app of this group."))
    return Place(apps, app_group)


def _find_named(rows: QuerySet[Any], field: str, name: Any) -> Any:
    by_id = isinstance(name, int) and not isinstance(name, bool) and 0 < name < 2**53
    if not by_id and not isinstance(name, str):
        raise _refuse(field, _("Expected a slug or an id."))
    found = list(rows.filter(Q(pk=name) if by_id else Q(slug=name))[:2])
    if not found:
        raise _refuse(field, _("There is none with the name %(name)s.") % {"name": name})
    if len(found) > 1:
        raise _refuse(field, _("Several workspaces have one of that slug; give its id."))
    return found[0]


def find_group(place: Place, name: Any) -> Group | None:
    """The report folder by name or id, else General; an app group uses each app's own.

    Raises Invalid for an unknown or archived one.
    """
    if place.app_group is not None:
        if name is not None:
            raise _refuse("group", _("An app group reports into each app's own default group."))
        return None
    by_id = isinstance(name, int) and not isinstance(name, bool) and 0 < name < 2**53
    if name is not None and not by_id and not isinstance(name, str):
        raise _refuse("group", _("Expected the name or the id of a group."))
    match = Q(pk=name) if by_id else Q(name=name or DEFAULT_GROUP)
    group: Group | None = Group.objects.filter(match, app=place.apps[0]).first()
    if group is None:
        raise _refuse("group", _("This app has no group %(name)s.") % {"name": name})
    if group.archived_at is not None:
        raise _refuse("group", _("The group %(name)s is archived.") % {"name": group.name})
    return group


def _refuse(field: str, sentence: str) -> Invalid:
    return Invalid(sentence, fields={field: sentence})


def _has_offset(send_at: str) -> bool:
    try:
        return datetime.fromisoformat(send_at).tzinfo is not None
    except ValueError:
        return True  # malformed: plan_schedule says so
