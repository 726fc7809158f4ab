"""What the preview is fed with: real recipients, and what becomes of each field on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from campaigns.errors import Refused
from campaigns.models import App, Campaign, Device
from campaigns.pages.composition import Composition
from campaigns.pages.crowd import Crowd, list_crowds, read_crowd
from campaigns.pages.field_ids import find_field_id
from campaigns.pages.languages import find_direction
from campaigns.pages.losses import FATES
from campaigns.pages.screens import write_screen, write_screens
from campaigns.pages.sizes import Size, measure_for
from campaigns.selectors.audience import sample_devices
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.language_names import name_language
from campaigns.services.carrying import find_carry
from campaigns.services.personalisation import find_faults, list_variables, render_everywhere
from providers import registry
from providers.contract import Fate
from providers.languages import is_same_language
from providers.message import PushMessage
from providers.message_channels import OTHER_BLOCKS
from providers.message_fields import LIQUID, SHARED_FIELDS, Platform
from providers.message_platforms import BLOCK_FIELDS

SAMPLES = 5
READINGS = 2  # on the review page
MOST_LOOKED = 20  # apps of a group whose recipients are looked through


@dataclass(frozen=True, slots=True)
class _Meant:
    """Whom a message is for in one app."""

    crowd: Crowd
    is_patient: bool = False  # whether they wait until everybody is looked at


def list_samples(
    composition: Composition, message: PushMessage, principal: Any, *, is_patient: bool = False
) -> list[dict[str, Any]]:
    """The first few recipients and the worst cases, each with the text that he gets and its Size.

    `[{"label", "size", "platform", "language", "why", "direction", "said", "screens"}]`, `screens`
    as `write_screens` gives them, `said` that of his own platform and `why` of a text that is not
    in his language; none for an audience that is not whole yet.
    """
    meant = _list_meant(composition, principal, is_patient=is_patient)
    return _render_all(message, meant, SAMPLES)


def _list_meant(composition: Composition, principal: Any, *, is_patient: bool) -> list[_Meant]:
    """The audience of each app; none while it is not whole."""
    if not composition.audience.is_valid():
        return []
    return [_Meant(one, is_patient) for one in list_crowds(composition, principal)]


@dataclass(frozen=True, slots=True)
class VariableLine:
    """How a variable fares: `empty` of `total` recipients have no value for it, about so many
    unless all were looked at."""

    name: str
    field_id: str
    empty: int
    total: int
    looked_at: int
    is_all: bool
    is_required: bool
    has_stand_ins: bool
    default: str


def list_variable_lines(
    composition: Composition, message: PushMessage, principal: Any, *, is_patient: bool = False
) -> list[VariableLine]:
    """One per variable of a message without faults, of the recipients of all apps together."""
    used = list_variables(message)
    meant = _list_meant(composition, principal, is_patient=is_patient)
    looks = [_look_at(message, one) for one in meant]
    return [
        VariableLine(
            one.name,
            find_field_id(f"message.{one.fields[0]}", composition.languages),
            sum(look["empty"][one.name] for look in looks),
            sum(look["total"] for look in looks),
            sum(look["looked_at"] for look in looks),
            all(look["is_all"] for look in looks),
            one.is_required,
            one.has_stand_ins,
            one.default,
        )
        for one in used
        if looks and all(looks)
    ]


def _look_at(message: PushMessage, meant: _Meant) -> dict[str, Any]:
    names = [one.name for one in list_variables(message)]
    if not names:
        return {}
    try:
        return meant.crowd.look(names, is_patient=meant.is_patient)
    except Refused:
        return {}


def _list_worst(message: PushMessage, meant: Sequence[_Meant]) -> dict[int, str]:
    """Who has the longest values, and who lacks most of them, in whichever app; with words."""
    looks = [look for one in meant[:MOST_LOOKED] if (look := _look_at(message, one))]
    words = {"longest": _("Longest values"), "emptiest": _("Missing values")}
    if len(meant) > MOST_LOOKED or not all(look["is_all"] for look in looks):
        words = {
            "longest": _("Longest values of those looked at"),
            "emptiest": _("Missing values of those looked at"),
        }
    found = ((max(looks, key=_rank(kind), default={}), kind) for kind in words)
    return {look[kind]: words[kind] for look, kind in found if look.get(kind)}


def _rank(kind: str) -> Callable[[Mapping[str, Any]], tuple[bool, int]]:
    """How bad the worst case of an app is."""
    return lambda look: (bool(look.get(kind)), look.get(f"{kind}_by", 0))


def list_worst_sizes(
    composition: Composition, message: PushMessage, principal: Any, *, is_patient: bool = False
) -> list[Size]:
    """Of each of several apps the calls for its own worst cases, which go through other accounts;
    of one alone they are among its samples."""
    meant = _list_meant(composition, principal, is_patient=is_patient)[:MOST_LOOKED]
    several = meant if len(meant) > 1 else []
    readings = (reading for one in several for reading in _render_all(message, [one], 0))
    return [reading["size"] for reading in readings if reading["size"]]


def list_readings(campaign: Campaign, principal: Any) -> list[dict[str, Any]]:
    """What the first few recipients read where the text has variables, as `list_samples` tells
    it; none where everybody reads what was written, or its variables are wrong."""
    message, meant = _find_readers(campaign, principal)
    return [
        _render(message, device, one.crowd.app, _name_app(one, meant))
        for device, one in _draw(meant, READINGS)
    ]


def list_worst_readings(campaign: Campaign, principal: Any) -> list[dict[str, Any]]:
    """The same of the worst cases: of the whole audience where that is looked through in a moment,
    else of those of it who were drawn, and then their labels say so."""
    return _render_all(*_find_readers(campaign, principal), 0)


def _find_readers(campaign: Campaign, principal: Any) -> tuple[PushMessage, list[_Meant]]:
    message = campaign.message.read()
    if message.template != LIQUID or find_faults(message):
        return message, []
    crowds = [read_crowd(app, campaign, principal) for app in list_apps(campaign)]
    return message, [_Meant(crowd) for crowd in crowds]


def write_samples(samples: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same for the preview's script, sizes in words."""
    return [
        {**sample, "size": sample["size"].words if sample["size"] else ""} for sample in samples
    ]


def _render_all(message: PushMessage, meant: Sequence[_Meant], size: int) -> list[dict[str, Any]]:
    """The first so many recipients, then the worst cases of all apps, each device once."""
    first, worst = _draw(meant, size), _list_worst(message, meant)
    apps = {one.crowd.app.pk: one for one in meant}
    known = {device.pk for device, _one in first}
    others = Device.objects.filter(app__in=apps, pk__in=worst.keys() - known)
    found = others.select_related("person").order_by("pk") if worst.keys() - known else ()
    return [
        _render(message, device, one.crowd.app, worst.get(device.pk, ""), _name_app(one, meant))
        for device, one in [*first, *((device, apps[device.app_id]) for device in found)]
    ]


def _name_app(one: _Meant, meant: Sequence[_Meant]) -> str:
    """Which of several apps it is of."""
    return one.crowd.app.name if len(meant) > 1 else ""


def _draw(meant: Sequence[_Meant], size: int) -> list[tuple[Device, _Meant]]:
    """The first few recipients, of the first apps that have any."""
    drawn: list[tuple[Device, _Meant]] = []
    for one in meant[:MOST_LOOKED]:
        if len(drawn) < size:
            drawn += [(device, one) for device in _draw_from(one.crowd, size - len(drawn))]
    return drawn


def _draw_from(crowd: Crowd, size: int) -> list[Device]:
    try:
        audience = crowd.read()
    except Refused:
        return []
    return sample_devices(crowd.app, audience, only_primary=crowd.only_primary, size=size)


def _render(message: PushMessage, device: Device, app: App, *cases: str) -> dict[str, Any]:
    """`cases` say why just he is shown, and of which app he is; "" says nothing."""
    person = device.person
    language = device.language or (person.language if person else "") or app.default_language
    own = Platform(device.platform)
    rendered = render_everywhere(message, app, device, dict.fromkeys((own, *BLOCK_FIELDS)))
    text = message.find_language(language, app.chain)
    who = person.external_user_id if person and person.external_user_id else f"#{device.pk}"
    said = rendered[own].message
    label = " · ".join(filter(None, (*cases, who, name_language(language) if language else "")))
    return {
        "label": label,
        "size": measure_for(app, device.platform, said, text, label) if said else None,
        "platform": device.platform,
        "language": text,
        "why": _tell_why(language, text or message.default_language or app.default_language),
        "direction": find_direction(text or app.default_language),
        "said": write_screen(rendered[own], own),
        "screens": write_screens(rendered, own),
    }


def _tell_why(language: str, text: str) -> str:
    """That a text in another language is read instead of one's own, "" where it is one's own."""
    if not text or not language or is_same_language(text, language):
        return ""
    names = {"text": name_language(text), "language": name_language(language)}
    return _("%(text)s stands in for %(language)s.") % names


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
    setattr(composition.message.fields[name], "fates", fates)  # noqa: B010 - read by draw_field


def _list_fates(dialects: set[str], platform: str, path: str) -> list[FieldFate]:
    found = []
    for key in sorted(dialects):
        dialect = registry.get(key)
        carry = find_carry(dialect, platform, path)
        if carry.fate is not Fate.CARRIED:
            found.append(FieldFate(dialect.label, carry.fate, carry.name, carry.note))
    return found
