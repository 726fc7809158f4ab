"""What the preview is fed with: real recipients, and how many bytes every gateway is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from campaigns.errors import Refused
from campaigns.models import App, Campaign, Device
from campaigns.pages.composition import Composition
from campaigns.pages.languages import find_direction
from campaigns.pages.losses import FATES
from campaigns.pages.precheck import count_cached
from campaigns.selectors.audience import read_audience, sample_devices
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.language_names import name_language
from campaigns.selectors.routes import find_first_routes
from campaigns.selectors.variable_look import look_at_variables
from campaigns.services.carrying import find_carry, measure_languages
from campaigns.services.personalisation import find_faults, list_variables, render_for
from providers import registry
from providers.contract import Fate
from providers.message import PushMessage
from providers.message_fields import (
    BLOCK_FIELDS,
    LIQUID,
    OTHER_BLOCKS,
    SHARED_FIELDS,
    Platform,
)

SAMPLES = 5
READINGS = 2  # on the review page


@dataclass(frozen=True, slots=True)
class Size:
    """The longest call of one platform's messages: through which account, how long, at most."""

    platform: str
    account: str
    vendor: str
    bytes: int
    limit: int
    language: str  # "" where the common text is the longest

    @property
    def language_name(self) -> str:
        """The language for people."""
        return name_language(self.language) if self.language else ""

    @property
    def is_over(self) -> bool:
        """Whether the vendor would not take it."""
        return self.bytes > self.limit


def list_sizes(
    composition: Composition, message: PushMessage, platforms: Mapping[str, int] | None
) -> list[Size]:
    """Every platform at every first route, each once; the language that is longest there.

    `platforms` counts the audience: where it has nobody, nothing is sent. None: not known yet.
    """
    sizes = [size for app in composition.place.apps for size in _measure_app(app, message)]
    meant = [size for size in sizes if platforms is None or platforms.get(size.platform)]
    return list(dict.fromkeys(meant))


def _measure_app(app: App, message: PushMessage) -> Iterator[Size]:
    for way, route in find_first_routes(app).items():
        if way not in set(Platform):
            continue
        dialect = registry.get(route.account.dialect)
        by_language = measure_languages(dialect, message, Platform(way))
        longest = max(by_language, key=lambda language: by_language[language])
        limit = dialect.limits.max_payload_bytes
        yield Size(
            way, route.account.name, dialect.label, by_language[longest], limit, longest
        )  # fmt: skip


def list_samples(
    composition: Composition, message: PushMessage, principal: Any
) -> list[dict[str, str]]:
    """The first few recipients, each with the text that he gets: what the preview's script draws.

    `[{"label", "platform", "language", "direction", "title", "body"}]`; none for an audience that
    is not whole yet.
    """
    if not composition.audience.is_valid():
        return []
    app = composition.place.apps[0]
    only_primary = composition.audience.cleaned_data["only_primary"]
    body = composition.audience.audience
    devices = _draw(app, body, principal, only_primary=only_primary, size=SAMPLES)
    worst = _list_worst(composition, message, principal, app)
    return [
        *(_render(message, device, app) for device in devices),
        *(_render(message, device, app) | {"label": label} for label, device in worst),
    ]


@dataclass(frozen=True, slots=True)
class VariableLine:
    """How a variable fares: `empty` of the `looked_at` recipients have no value for it."""

    name: str
    field_id: str
    empty: int
    looked_at: int
    is_all: bool
    is_required: bool
    default: str


def list_variable_lines(
    composition: Composition, message: PushMessage, principal: Any
) -> list[VariableLine]:
    """One per variable of a message without faults, of the recipients of all apps together."""
    used = list_variables(message)
    looks = [_look(composition, app, message, principal) for app in composition.place.apps]
    return [
        VariableLine(
            one.name,
            f"id_{one.fields[0].replace('.', '-')}",
            sum(look["empty"][one.name] for look in looks),
            sum(look["looked_at"] for look in looks),
            all(look["is_all"] for look in looks),
            one.is_required,
            one.default,
        )
        for one in used
        if all(looks)
    ]


def _look(
    composition: Composition, app: App, message: PushMessage, principal: Any
) -> dict[str, Any]:
    names = [one.name for one in list_variables(message)]
    form = composition.audience
    if not names or not form.is_valid():
        return {}
    only_primary = form.cleaned_data["only_primary"]
    try:
        return count_cached(
            look_at_variables, app, form.audience, only_primary, principal, names=names
        )
    except Refused:
        return {}


def _list_worst(
    composition: Composition, message: PushMessage, principal: Any, app: App
) -> list[tuple[str, Device]]:
    """Who has the longest values, and who lacks most of them, with words for each."""
    if message.template != LIQUID:
        return []
    look = _look(composition, app, message, principal)
    words = {"longest": _("Longest values"), "emptiest": _("Missing values")}
    chosen = {look[kind]: words[kind] for kind in words if look.get(kind)}
    devices = Device.objects.filter(app=app, pk__in=chosen).select_related("person")
    return [(f"{chosen[device.pk]} (#{device.pk})", device) for device in devices]


def list_readings(campaign: Campaign, principal: Any) -> list[dict[str, str]]:
    """What the first few recipients will read where the text has variables, as `list_samples`
    tells it; none where everybody reads what was written, or its variables are wrong."""
    message = campaign.message.read()
    if message.template != LIQUID or find_faults(message):
        return []
    return [
        _render(message, device, app)
        for app in list_apps(campaign)[:1]
        for device in _draw(
            app, campaign.audience, principal, only_primary=campaign.only_primary, size=READINGS
        )
    ]


def _draw(app: App, body: Any, principal: Any, *, only_primary: bool, size: int) -> list[Device]:
    try:
        audience = read_audience(app, body, principal=principal)
    except Refused:
        return []
    return sample_devices(app, audience, only_primary=only_primary, size=size)


def _render(message: PushMessage, device: Device, app: App) -> dict[str, str]:
    person = device.person
    language = device.language or (person.language if person else "") or app.default_language
    rendered = render_for(message, app, device)
    text = message.find_language(language, app.chain)
    who = person.external_user_id if person and person.external_user_id else f"#{device.pk}"
    said = rendered.message
    nothing = _("Gets nothing: %(variable)s is empty.") % {"variable": rendered.missing}
    return {
        "label": f"{who} · {name_language(language)}" if language else who,
        "platform": device.platform,
        "language": text,
        "direction": find_direction(text or app.default_language),
        "title": said.title if said else "",
        "body": said.body if said else nothing if rendered.missing else rendered.fault,
    }


@dataclass(frozen=True, slots=True)
class FieldFate:
    """What one vendor on the routes does to a field; `name` is what it is called there."""

    vendor: str
    fate: Fate
    name: str
    note: str

    @property
    def is_lossy(self) -> bool:
        """Whether something of it is lost."""
        return self.fate in {Fate.DROPPED, Fate.TRUNCATED}

    @property
    def words(self) -> str:
        """`Lost: Acme`; of a renamed one its name there."""
        if self.fate is Fate.RENAMED:
            return f"{self.vendor}: {self.name}"
        return f"{FATES[self.fate]}: {self.vendor}"


def mark_fates(composition: Composition) -> None:
    """Give each field of a platform what becomes of it on the routes, for its line on the page."""
    ways = composition.place.find_ways()
    for platform, specs in BLOCK_FIELDS.items():
        for spec in specs:
            path = f"{platform.value}.{spec.name}"
            fates = _list_fates(ways.get(platform.value, set()), platform.value, path)
            _mark(composition, f"{platform.value}-{spec.name}", fates)
    pushed = {key for way, keys in ways.items() if way in set(Platform) for key in keys}
    for spec in SHARED_FIELDS:
        fates = [
            fate
            for way in map(str, BLOCK_FIELDS)
            for fate in _list_fates(ways.get(way, set()), way, spec.name)
        ]
        _mark(composition, spec.name, list(dict.fromkeys(fates)))
    for spec in OTHER_BLOCKS["in_app"]:
        fates = _list_fates(pushed, Platform.ANDROID.value, f"in_app.{spec.name}")
        _mark(composition, f"in_app-{spec.name}", fates)


def _mark(composition: Composition, name: str, fates: list[FieldFate]) -> None:
    setattr(composition.message.fields[name], "fates", fates)  # noqa: B010 - read by ui/field.html


def _list_fates(dialects: set[str], platform: str, path: str) -> list[FieldFate]:
    found = []
    for key in sorted(dialects):
        dialect = registry.get(key)
        carry = find_carry(dialect, platform, path)
        if carry.fate is not Fate.CARRIED:
            found.append(FieldFate(dialect.label, carry.fate, carry.name, carry.note))
    return found
