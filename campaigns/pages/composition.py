"""Everything on the compose page as one value: read from a POST, a draft, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.utils.translation import gettext as _

from campaigns.errors import Forbidden, NotFound
from campaigns.models import App, AppGroup, Campaign, Membership, Policy
from campaigns.models.audience import CHANNELS, PLATFORM_KEYS
from campaigns.pages.audience_form import AudienceForm, read_audience_initial
from campaigns.pages.faults import FieldFault, list_faults, name_first_fault
from campaigns.pages.field_ids import FORM_NAMES, find_repeat_name
from campaigns.pages.layout import Layout
from campaigns.pages.message_form import (
    NOT_SET,
    MessageForm,
    Tab,
    read_initial,
)
from campaigns.pages.plan_form import PlanForm, TargetForm, split_seconds
from campaigns.pages.repeat_form import RepeatForm, read_rule_initial
from campaigns.pages.scenario_form import ScenarioForm
from campaigns.pages.stored_texts import (
    LEFT_FIELD,
    STORED_IN,
    Stored,
    find_stored,
    take_fields_from,
    take_from,
)
from campaigns.pages.translation_form import (
    TranslationFormSet,
    Translations,
    read_translations,
)
from campaigns.selectors.routes import find_first_routes
from campaigns.selectors.row_ids import read_id
from campaigns.services.access import has_role
from providers import registry
from providers.contract import Dialect


@dataclass(frozen=True, slots=True)
class Place:
    """Where the campaign is sent."""

    app: App | None
    app_group: AppGroup | None
    apps: tuple[App, ...]

    @property
    def key(self) -> str:
        """`app:<id>` or `app_group:<id>`."""
        return f"app_group:{self.app_group.pk}" if self.app_group else f"app:{self.apps[0].pk}"

    def find_ways(self) -> dict[str, set[str]]:
        """The vendors on the first routes of the apps, by platform and by `sms` and `email`."""
        ways: dict[str, set[str]] = {}
        for app in self.apps:
            for way, route in find_first_routes(app).items():
                ways.setdefault(way, set()).add(route.account.dialect)
        return ways

    def dialects(self) -> list[Dialect]:
        """The vendors that get pushes, each once."""
        pushed = [keys for way, keys in self.find_ways().items() if way in PLATFORM_KEYS]
        return [registry.get(key) for key in sorted(set().union(*pushed))]


def find_place(principal: Any, key: str) -> Place:
    """The app or app group of a target key that the principal sees; raises NotFound.

    Raises Forbidden for an app group of which they do not see every app.
    """
    kind, _colon, number = key.partition(":")
    pk = read_id(number)
    if kind == "app_group":
        group = AppGroup.objects.for_user(principal).filter(pk=pk).first()
        members = App.objects.for_user(principal).filter(app_groups=group)
        apps = tuple(members.order_by("pk")) if group else ()
        if group and apps:
            if group.apps.count() > len(apps):
                raise Forbidden(_("You do not reach every app of this group."))
            return Place(None, group, apps)
    app = App.objects.for_user(principal).filter(pk=pk).first() if kind == "app" else None
    if app is None:
        raise NotFound(_("There is no such app."))
    return Place(app, None, (app,))


def find_first_place(principal: Any) -> Place | None:
    """The first app for which the principal may write campaigns, if any."""
    for app in App.objects.for_user(principal).order_by("pk"):
        if has_role(principal, app, Membership.Role.COMPOSER):
            return Place(app, None, (app,))
    return None


@dataclass(slots=True)
class Composition:
    """The forms of the compose page for one place, and the state of the draft they began with."""

    place: Place
    target: TargetForm
    plan: PlanForm
    repeat: RepeatForm
    audience: AudienceForm
    message: MessageForm
    translations: Translations
    failover: ScenarioForm
    version: str = ""
    stored: Stored = field(default_factory=Stored)  # what the page may leave where it is stored
    origins: str = ""  # what its text came from: `campaign:7 template:3`
    elsewhere: dict[str, str] = field(default_factory=dict)  # faults that no field can show

    @property
    def tabs(self) -> list[Tab]:
        """The platforms, the app itself, texts that can or shall leave, then vendors on routes."""
        message, ways = self.message, self.place.find_ways().keys() | self.failover.channels
        others = [tab for tab in message.other_tabs() if _is_wanted(tab, ways)]
        return [*message.platform_tabs(), *others, *message.vendor_tabs()]

    @property
    def layout(self) -> Layout:
        """Which languages its page holds. Marks the fields of the message that it does not, and so
        comes before any of them is drawn."""
        return Layout(self.message, self.translations, self.stored)

    @property
    def is_paced(self) -> bool:
        """Whether one of the rules that are folded away is set or wrong."""
        names = ("expires", "rate", "ramp_up", "strict")
        fields = [self.plan[name] for name in (*names, "policy")]
        is_default = self.plan["policy"].value() in (None, Policy.AT_LEAST_ONCE.value)
        is_set = any(self.plan[name].value() not in NOT_SET for name in names)
        return is_set or not is_default or any(field.errors for field in fields)

    @property
    def languages(self) -> list[str]:
        """Of the translations on the page, in their order."""
        return [str(form["language"].value() or "") for form in self.translations]

    def is_valid(self) -> bool:
        """Whether every form is; all of them are checked."""
        return not [form for form in self._parts() if not form.is_valid()]

    def _parts(self) -> list[Any]:
        return [
            *(self.target, self.plan, self.repeat, self.audience),
            *(self.message, self.translations, self.failover),
        ]

    @property
    def is_written(self) -> bool:
        """Whether there is a message, as far as it is filled in."""
        return self.message.is_valid() and self.translations.is_valid()

    def has_errors(self) -> bool:
        """Whether something is marked as wrong."""
        return any(any(form.errors) for form in self._parts()) or bool(self.elsewhere)

    @property
    def faults(self) -> list[FieldFault]:
        """Every field that is marked as wrong."""
        return [*list_faults(self._parts())]

    @property
    def message_faults(self) -> list[FieldFault]:
        """Those of the message alone."""
        return [*list_faults([self.message, self.translations])]

    def forget_errors(self) -> None:
        """Draw what was typed without marking anything wrong but where it is sent."""
        kept = (self.target, self.translations)
        forms = [form for form in self._parts() if form not in kept]
        for form in [*forms, *self.translations.forms]:
            form.forget_errors()

    def write_message(self) -> dict[str, Any]:
        """The message's JSON form, translations included."""
        content = self.message.write_content()
        stored = self.stored.content.get("translations") or {}
        translations = self.translations.write_content(stored)
        return content | ({"translations": translations} if translations else {})

    def write_body(self) -> dict[str, Any]:
        """The native API's body of this campaign. Only when valid."""
        return self._write_place() | {
            name: value for write in self._writers().values() for name, value in write().items()
        }

    def write_finished(self) -> dict[str, Any]:
        """The same of the parts that are whole; what is left out stays as it was."""
        unfinished = set(self.list_unfinished())
        body = self._write_place()
        for part, write in self._writers().items():
            body |= {} if part in unfinished else write()
        return body

    def _write_place(self) -> dict[str, Any]:
        place = self.place
        return {"app_group": place.app_group.pk} if place.app_group else {"app": place.apps[0].pk}

    def _writers(self) -> dict[str, Callable[[], dict[str, Any]]]:
        """How each part of the page, by its name for people, becomes a part of the body."""
        return {
            _("Audience"): self._write_audience,
            _("Message"): lambda: {"message": self.write_message()},
            _("Failover"): self.failover.write_values,
            _("Time and pace"): lambda: self.plan.write_values() | self.repeat.write_values(),
        }

    def list_unfinished(self) -> list[str]:
        """Names of the parts in which something is wrong or missing."""
        return list(self._find_wrong())

    def describe_unfinished(self) -> list[str]:
        """The same, each with the first field that is wrong: `Message: Text (de)`."""
        named = {part: name_first_fault(wrong) for part, wrong in self._find_wrong().items()}
        return [f"{part}: {fault}" if fault else part for part, fault in named.items()]

    def _find_wrong(self) -> dict[str, list[Any]]:
        """The forms of each part that are not valid."""
        forms: dict[str, tuple[Any, ...]] = {
            _("Campaign"): (self.target,),
            _("Audience"): (self.audience,),
            _("Message"): (self.message, self.translations),
            _("Failover"): (self.failover,),
            _("Time and pace"): (self.plan, self.repeat),
        }
        wrong = {part: [form for form in own if not form.is_valid()] for part, own in forms.items()}
        return {part: found for part, found in wrong.items() if found}

    def is_begun(self) -> bool:
        """Whether somebody has named it or written something. Only when valid."""
        return bool(self.plan.cleaned_data.get("name") or self.write_message())

    def _write_audience(self) -> dict[str, Any]:
        only_primary = self.audience.cleaned_data["only_primary"]
        return {"audience": self.audience.audience, "only_primary": only_primary}

    def place_faults(self, faults: Mapping[str, str]) -> None:
        """Show faults, by paths of the native API, at the fields that they mean."""
        for path, sentence in faults.items():
            head, _dot, rest = path.partition(".")
            if rest.startswith("translations."):
                is_shown = self.translations.place_fault(rest.partition(".")[2], sentence)
                left = {} if is_shown else {path: sentence}
            elif head == "message":
                left = self.message.place_faults({rest.replace(".", "-"): sentence})
            elif head == "audience":
                left = self.audience.place_faults(
                    {rest.partition("[")[0] or "audience_kind": sentence}
                )
            elif head == "scenario":
                left = self.failover.place_faults({head: sentence})
            elif (name := find_repeat_name(head, rest)) in RepeatForm.base_fields:
                left = self.repeat.place_faults({name: sentence})
            else:
                left = self.plan.place_faults({FORM_NAMES.get(head, head): sentence})
            if left:
                self.elsewhere[path] = sentence


def _is_wanted(tab: Tab, ways: Collection[str]) -> bool:
    """A channel's fields are shown where a route serves it, or something is written there."""
    return tab.key not in dict(CHANNELS) or tab.key in ways or tab.is_used or tab.has_errors


def read_composition(principal: Any, posted: QueryDict) -> Composition:
    """What was posted, for the place that was posted, with what its page left where it is
    stored."""
    stored = find_stored(principal, posted.get(STORED_IN, ""))
    post = take_from(stored, posted)
    target = TargetForm(post, principal=principal)
    place = _find_posted(principal, target)
    dialects = place.dialects()
    gone = take_fields_from(stored, post, dialects)
    message = MessageForm(post, dialects=dialects)
    message.gone = gone
    message.keep_letters(post.getlist(LEFT_FIELD))
    return Composition(
        place=place,
        target=target,
        plan=PlanForm(post, apps=place.apps, has_groups=place.app is not None),
        repeat=RepeatForm(post),
        audience=AudienceForm(post, apps=place.apps, principal=principal),
        message=message,
        translations=cast(Translations, TranslationFormSet(post, prefix="translations")),
        failover=ScenarioForm(post, workspace=place.apps[0].workspace_id, principal=principal),
        version=post.get("version", ""),
        stored=stored,
        origins=post.get("origins", ""),
    )


def _find_posted(principal: Any, target: TargetForm) -> Place:
    """What was chosen; instead of what the principal may not choose, the first that they may.

    So a page stays as it was typed, with a fault at that choice. Raises NotFound.
    """
    own = None if target.is_valid() else find_first_place(principal)
    return own or find_place(principal, target["target"].value() or "")


def start_composition(
    principal: Any, place: Place, initial: Mapping[str, Any] | None = None
) -> Composition:
    """An empty page for a place, or one filled from a campaign by `read_campaign_initial`."""
    values = dict(initial or {})
    values.setdefault("timezone", place.apps[0].timezone)
    translations = values.pop("translations", [])
    formset = TranslationFormSet(prefix="translations", initial=translations)
    return Composition(
        place=place,
        target=TargetForm(initial={"target": place.key}, principal=principal),
        plan=PlanForm(initial=values, apps=place.apps, has_groups=place.app is not None),
        repeat=RepeatForm(initial=values),
        audience=AudienceForm(initial=values, apps=place.apps, principal=principal),
        message=MessageForm(initial=values, dialects=place.dialects()),
        translations=cast(Translations, formset),
        failover=ScenarioForm(
            initial=values, workspace=place.apps[0].workspace_id, principal=principal
        ),
    )


def write_version(campaign: Campaign) -> str:
    """What tells one state of a draft from the next: each change has a message of its own."""
    return str(campaign.message_id)


def find_campaign_place(principal: Any, campaign: Campaign) -> Place:
    """The place of a campaign that exists."""
    if campaign.app_group_id:
        return find_place(principal, f"app_group:{campaign.app_group_id}")
    return find_place(principal, f"app:{campaign.app_id}")


def read_campaign_initial(campaign: Campaign) -> dict[str, Any]:
    """The page's values of a stored campaign."""
    content = campaign.message.content
    expires, unit = split_seconds(campaign.expires_in)
    return {
        **read_initial(content),
        **read_audience_initial(campaign),
        "translations": read_translations(content),
        "name": campaign.name,
        "group": campaign.group.name if campaign.group else "",
        "tag": campaign.tag,
        "when": "later" if campaign.send_at else "now",
        **_read_time(campaign),
        "when_past": campaign.when_past,
        "when_missed": campaign.when_missed,
        "grace_minutes": campaign.grace // 60,
        **read_rule_initial(campaign.recurrence),
        "expires": expires,
        "expires_unit": unit,
        "rate": campaign.rate,
        "ramp_up": campaign.ramp_up and -(-campaign.ramp_up // 60),
        "policy": campaign.policy,
        "strict": campaign.strict,
        "only_primary": campaign.only_primary,
        "scenario": campaign.scenario.key if campaign.scenario else "",
    }


def _read_time(campaign: Campaign) -> dict[str, str]:
    """The wall clock and the zone of a campaign; an instant is put on the app's own clock."""
    zone = campaign.timezone or (campaign.app.timezone if campaign.app else "UTC")
    if not campaign.send_at:
        return {"send_at": "", "timezone": zone}
    moment = datetime.fromisoformat(campaign.send_at)
    if moment.tzinfo is not None:
        moment = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return {"send_at": moment.isoformat(timespec="minutes"), "timezone": zone}
