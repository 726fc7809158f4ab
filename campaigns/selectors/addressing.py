"""How recipients are named to a vendor: each device, each person, or by what is true of them all.

A vendor that selects its recipients itself is only told of an audience that it can be told exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models import App, Batch, Device, Segment
from campaigns.selectors.audience import AudienceKind, read_audience
from campaigns.selectors.expressions import check_expression
from campaigns.selectors.left_out import find_suppressed
from campaigns.selectors.routes import Way, find_first_ways
from providers.audience import (
    RELATIVE,
    And,
    Condition,
    Expression,
    Op,
    list_conditions,
    read_expression,
    write_expression,
)
from providers.contract import Addressing, Dialect, Fate
from providers.message import PushMessage
from providers.message_fields import VENDOR_ONLY, Platform
from providers.recipients import Audience

Form = Batch.Form
EACH_DEVICE = frozenset({Addressing.TOKEN, Addressing.VENDOR_ID})
PER_RECIPIENT = EACH_DEVICE | {Addressing.USERNAME}
DESCRIBED = frozenset({Addressing.LABEL, Addressing.FILTER, Addressing.EVERYONE})
LISTED = frozenset(
    {
        AudienceKind.PERSONS,
        AudienceKind.DEVICES,
        AudienceKind.UNKNOWN_OF,
        AudienceKind.OUTCOMES_OF,
    }
)


class Inexact(Exception):
    """The vendor cannot be told exactly who is meant; the text says why, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Who shall get what: `bodies` are audiences that must all hold; None = a list of ids."""

    app: App
    message: PushMessage
    bodies: Sequence[Mapping[str, Any]] | None
    devices: QuerySet[Device]
    only_primary: bool = False
    has_local_hours: bool = False
    has_steps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """How the platforms that one account serves are addressed, the first of them leading.

    `audience` only of the form AUDIENCE. With an `obstacle` nobody can be: it says why.
    """

    way: Way
    platforms: tuple[Platform, ...]
    form: str
    audience: Audience | None = None
    obstacle: str = ""


def find_aims(wanted: Wanted) -> list[Aim]:
    """How each account that is some platform's first way is told of its recipients."""
    ways = find_first_ways(wanted.app)
    by_account: dict[int, list[Platform]] = {}
    for platform in Platform:
        if platform.value in ways:
            by_account.setdefault(ways[platform.value].account.pk, []).append(platform)
    return [
        _find_aim(wanted, ways[platforms[0].value], tuple(platforms))
        for platforms in by_account.values()
    ]


def _find_aim(wanted: Wanted, way: Way, platforms: tuple[Platform, ...]) -> Aim:
    known = way.limits.addressing
    form = Form.DEVICE if known & EACH_DEVICE else Form.PERSON
    is_described = bool(known & DESCRIBED) and way.prefers_audience
    if not is_described and (known & EACH_DEVICE or Addressing.USERNAME in known):
        return Aim(way=way, platforms=platforms, form=form)
    try:
        audience = _translate(wanted, way, platforms)
    except Inexact as reason:
        if known & EACH_DEVICE or Addressing.USERNAME in known:
            return Aim(way=way, platforms=platforms, form=form)
        return Aim(way=way, platforms=platforms, form=Form.AUDIENCE, obstacle=str(reason))
    return Aim(way=way, platforms=platforms, form=Form.AUDIENCE, audience=audience)


def can_carry(way: Way, form: str) -> bool:
    """Whether this way takes calls whose recipients are named so."""
    known = way.limits.addressing
    match form:
        case Form.PERSON:
            return Addressing.USERNAME in known
        case Form.AUDIENCE:
            return bool(known & DESCRIBED)
    # Where nobody can be named nobody is: each recipient is then settled so.
    return bool(known & EACH_DEVICE) or not known & {Addressing.USERNAME, *DESCRIBED}


def _translate(wanted: Wanted, way: Way, platforms: tuple[Platform, ...]) -> Audience:
    """The audience in the vendor's words. Raises Inexact."""
    _refuse_details(wanted, way, platforms)
    labels, terms = _read_terms(wanted)
    others = _find_others(wanted.app, way, platforms)
    says_platforms = Addressing.FILTER in way.limits.addressing and not labels and not terms
    if others or (says_platforms and Addressing.EVERYONE not in way.limits.addressing):
        values = tuple(platform.value for platform in platforms)
        terms.append(Condition("device.platform", Op.IN, values))
    audience = _write_audience(way, labels, terms, others)
    _refuse_left_out(wanted, way, platforms, audience)
    return audience


def _refuse_details(wanted: Wanted, way: Way, platforms: tuple[Platform, ...]) -> None:
    names = {"account": way.account.name}
    message = wanted.message
    if wanted.bodies is None:
        raise Inexact(_("%(account)s takes no list of recipients.") % names)
    if wanted.only_primary:
        words = _("%(account)s reaches all devices of a person, not the primary one alone.")
        raise Inexact(words % names)
    if wanted.has_steps:
        words = _("%(account)s does not say whom it reached, which later steps need to know.")
        raise Inexact(words % names)
    if wanted.has_local_hours:
        raise Inexact(_("%(account)s sends to all at one time, not at each one's hour.") % names)
    if message.channel not in VENDOR_ONLY:
        words = _("%(account)s reaches everybody itself, also who gets it the app's own way.")
        raise Inexact(words % names)
    _refuse_texts(wanted, way)
    present = wanted.devices.filter(platform__in=[one.value for one in platforms])
    mute = [one.value for one in platforms if not message.has_platform(one)]
    if mute and present.filter(platform__in=mute).exists():
        words = _("%(account)s would send to %(platforms)s too, for which there is no text.")
        raise Inexact(words % {**names, "platforms": ", ".join(mute)})


def _refuse_texts(wanted: Wanted, way: Way) -> None:
    names = {"account": way.account.name}
    if wanted.message.template:
        raise Inexact(_("%(account)s sends one text to all; this message has variables.") % names)
    if wanted.message.translations and not way.dialect.takes_translations:
        words = _("%(account)s sends one text to all; this message has translations.")
        raise Inexact(words % names)
    if wanted.message.translations and _has_own_order(wanted, way.dialect):
        words = _("%(account)s chooses among translations by an order of its own.")
        raise Inexact(words % names)


def _has_own_order(wanted: Wanted, dialect: Dialect) -> bool:
    """Whether who gets which text is more than one translation each for a language; what the
    vendor does not carry in any is told elsewhere."""
    message = wanted.message
    fallbacks = wanted.app.fallbacks if message.fallbacks is None else message.fallbacks
    texts = message.translations.values()
    carried = {path for path, one in dialect.carries.items() if one.fate is not Fate.DROPPED}
    return bool(fallbacks) or any(
        text.platforms or text.buttons or carried & text.fields.keys() for text in texts
    )


def _read_terms(wanted: Wanted) -> tuple[list[str], list[Expression]]:
    """Labels, and expressions that all must hold. Raises Inexact."""
    labels: list[str] = []
    terms: list[Expression] = []
    for body in wanted.bodies or ():
        audience = read_audience(wanted.app, body, principal=None)
        if audience.kind in LISTED:
            raise Inexact(_("This audience is a list of recipients, not what is true of them."))
        if audience.kind is AudienceKind.COMBINE:
            raise Inexact(_("This audience is put together of several, some perhaps left out."))
        if audience.kind is AudienceKind.SEGMENT:
            terms.append(_read_segment(audience.segment))
        elif audience.expression is not None:
            terms.append(audience.expression)
        labels += audience.labels
    _refuse_relative(terms)
    return list(dict.fromkeys(labels)), terms


def _refuse_relative(terms: Iterable[Expression]) -> None:
    """A vendor would count from the moment of its own, by times that it has seen itself."""
    if any(one.op in RELATIVE for term in terms for one in list_conditions(term)):
        words = _("This audience counts times from when sending begins; a vendor counts by itself.")
        raise Inexact(words)


def _read_segment(number: int) -> Expression:
    segment = Segment.objects.filter(pk=number).first()
    if segment is None:
        raise Inexact(_("The segment has been deleted."))
    return check_expression(segment.expression)


def _find_others(app: App, way: Way, platforms: tuple[Platform, ...]) -> list[str]:
    """Platforms with devices that the vendor could reach and that go another way, or none."""
    reached = {platform.value for platform in way.dialect.platforms - set(platforms)}
    found = Device.objects.filter(app=app, platform__in=reached)
    return sorted(set(found.order_by().values_list("platform", flat=True).distinct()))


def _write_audience(
    way: Way, labels: list[str], terms: list[Expression], others: list[str]
) -> Audience:
    known, names = way.limits.addressing, {"account": way.account.name}
    if not labels and not terms and Addressing.EVERYONE in known:
        return Audience()
    if labels and not terms and Addressing.LABEL in known:
        most = way.limits.labels_per_call
        if len(labels) <= most:
            return Audience(labels=tuple(labels))
    carried = [Condition("person.label", Op.EQ, label) for label in labels]
    whole = _join([*carried, *terms])
    if Addressing.FILTER in known and way.dialect.can_filter(whole):
        return Audience(expression=whole)
    if others:
        words = _("%(account)s would reach %(platforms)s too, which go another way.")
        raise Inexact(words % {**names, "platforms": ", ".join(others)})
    if Addressing.LABEL in known and labels and not terms:
        words = _("%(account)s takes at most %(most)d labels in a call.")
        raise Inexact(words % {**names, "most": way.limits.labels_per_call})
    raise Inexact(_("%(account)s cannot be told exactly who is meant.") % names)


def _join(terms: Sequence[Expression]) -> Expression:
    return terms[0] if len(terms) == 1 else And(tuple(terms))


def _refuse_left_out(
    wanted: Wanted, way: Way, platforms: tuple[Platform, ...], audience: Audience
) -> None:
    """Whom we would leave out the vendor would not."""
    names = {"account": way.account.name}
    devices = wanted.devices.filter(platform__in=[one.value for one in platforms])
    out = devices.filter(person__opted_out_at__isnull=False).count()
    if out:
        words = _("%(account)s cannot leave out the devices of those who opted out: %(count)d.")
        raise Inexact(words % {**names, "count": out})
    barred = devices.filter(find_suppressed(wanted.app, timezone.now())).count()
    if barred:
        words = _("%(account)s cannot leave out the devices that are suppressed: %(count)d.")
        raise Inexact(words % {**names, "count": barred})
    dead = devices.filter(token_state=Device.TokenState.DISABLED).count()
    if dead:
        words = _("%(account)s cannot leave out the devices whose tokens are disabled: %(count)d.")
        raise Inexact(words % {**names, "count": dead})
    nameless = Q(person__isnull=True) | Q(person__external_user_id="")
    if audience.labels and devices.filter(nameless).exists():
        words = _("%(account)s knows persons by their user id, and somebody here has none.")
        raise Inexact(words % names)


def find_obstacles(wanted: Wanted) -> list[Aim]:
    """The accounts that cannot be told exactly who is meant; their devices would be skipped."""
    try:
        return [aim for aim in find_aims(wanted) if aim.obstacle]
    except Invalid:
        return []  # what is wrong with the audience itself is told elsewhere


def write_declared(aims: Iterable[Aim]) -> dict[str, Any] | None:
    """What a part keeps of the audiences that its vendors are told of, by account; None = none."""
    declared = {
        str(aim.way.account.pk): {
            "platforms": [platform.value for platform in aim.platforms],
            "labels": list(aim.audience.labels),
            "expression": aim.audience.expression and write_expression(aim.audience.expression),
        }
        for aim in aims
        if aim.audience is not None
    }
    return declared or None


def read_declared(
    declared: Mapping[str, Any] | None, account_id: int
) -> tuple[tuple[Platform, ...], Audience] | None:
    """What `write_declared` kept for an account: the platforms it reaches, and whom it means."""
    kept = (declared or {}).get(str(account_id))
    if kept is None:
        return None
    body = kept["expression"]
    audience = Audience(
        labels=tuple(kept["labels"]), expression=read_expression(body) if body else None
    )
    return tuple(map(Platform, kept["platforms"])), audience


def find_told_kind(declared: Mapping[str, Any] | None, account_id: int) -> Addressing | None:
    """Of what kind the audience is that a call of the account will name; None without one."""
    told = read_declared(declared, account_id)
    if told is None:
        return None
    if told[1].expression is not None:
        return Addressing.FILTER
    return Addressing.LABEL if told[1].labels else Addressing.EVERYONE


def list_told_labels(declared: Mapping[str, Any] | None, account_id: int) -> list[str]:
    """The labels that a call of the account will name."""
    told = read_declared(declared, account_id)
    if told is None:
        return []
    audience = told[1]
    named = list_conditions(audience.expression) if audience.expression else ()
    inside = [one.value for one in named if one.field == "person.label"]
    flat = [name for value in inside for name in (value if isinstance(value, tuple) else (value,))]
    return sorted({*audience.labels, *map(str, flat)})
