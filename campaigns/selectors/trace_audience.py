"""Why one device was meant by a part or not: as it was frozen then, and evaluated now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models import (
    Account,
    Batch,
    Cohort,
    Delivery,
    Device,
    Part,
    RejectedIds,
    Transfer,
)
from campaigns.models.audience import WAYS
from campaigns.models.packing import unpack_texts
from campaigns.selectors.audience import read_audience
from campaigns.selectors.country_names import name_country
from campaigns.selectors.explain import Verdict, explain_audience
from campaigns.selectors.language_names import name_language
from campaigns.selectors.own_way import find_channel
from campaigns.selectors.routes import Way, list_ways
from campaigns.selectors.started import find_bodies, is_primary_only, read_settled
from campaigns.selectors.trace_words import Dated, Line, list_verdict_lines
from providers.message_fields import OWN_ONLY

MOST_CHUNKS = 40  # of named ids; 25,000 in each


def list_audience_lines(part: Part, device: Device, is_in: bool | None) -> Iterator[Line]:
    """First what the freeze has decided (None: nobody has looked), then what decides it now, node
    by node."""
    transfer = part.transfer
    yield _tell_frozen(transfer, device, is_in)
    bodies = find_bodies(part)
    if bodies is None:
        yield from _tell_named(part, device, is_in)
        return
    verdicts = list(_judge(part, bodies, device))
    for verdict in verdicts:
        yield from list_verdict_lines(verdict, transfer.app.timezone)
    is_met = all(verdict.is_met for verdict in verdicts)
    if verdicts and transfer.frozen_at and is_in is (not is_met):
        yield _tell_changed(is_met)


def _tell_frozen(transfer: Transfer, device: Device, is_in: bool | None) -> Line:
    at = transfer.frozen_at
    if is_in:
        words = _("In the audience, as it was frozen.")
        return Line(code="audience", words=words, at=at, tone="good")
    if at is None:
        words = _("The audience is not frozen yet: whoever fits it then is in. As of now:")
        return Line(code="audience", words=words, tone="warn")
    if is_in is None:
        words = _("Too many recipients still wait to look for one of them. Evaluated now:")
        return Line(code="audience", words=words, at=at, tone="warn")
    is_late = device.created_at > transfer.created_at
    late = _("The device registered on %(at)s; who registers after the start is not in it.")
    details = (Dated(late, device.created_at),) if is_late else ()
    words = _("Not in the audience, as it was frozen.")
    return Line(code="audience", words=words, at=at, tone="bad", details=details)


def _tell_changed(is_met: bool) -> Line:
    now = _("Evaluated now they would not be in it: something has changed since it was frozen.")
    if is_met:
        now = _("Evaluated now they would be in it: something has changed since it was frozen.")
    return Line(code="changed", words=now, tone="warn")


def _judge(part: Part, bodies: list[Mapping[str, Any]], device: Device) -> Iterator[Verdict]:
    transfer = part.transfer
    only_primary = is_primary_only(part)
    meanings = read_settled(transfer)
    if meanings and transfer.campaign is not None:
        bodies = [transfer.campaign.audience]  # which says what each segment is called
    for place, body in enumerate(bodies):
        try:
            audience = read_audience(transfer.app, body, principal=None)
            judged = explain_audience(
                transfer.app, audience, device,
                only_primary=only_primary and not place, meanings=meanings,
            )  # fmt: skip
        except Invalid:
            continue  # of an earlier version; what was frozen stands above
        yield from (one.verdict for one in judged)


def _tell_named(part: Part, device: Device, is_in: bool | None) -> Iterator[Line]:
    chunks = part.target_chunks.order_by("number")[:MOST_CHUNKS]
    named = any(str(device.pk) in unpack_texts(chunk.ids) for chunk in chunks)
    if named or is_in:
        yield Line(code="named", words=_("A script named them by an id of theirs."), tone="good")
    else:
        words = _("A script named the recipients one by one; this device is not one of them.")
        yield Line(code="named", words=words, tone="bad")


def was_named(transfer: Transfer, who: str) -> bool:
    """Whether a script named just this text and nobody here had it then."""
    rows = RejectedIds.objects.filter(part__transfer=transfer).order_by("pk")[:MOST_CHUNKS]
    return any(who in unpack_texts(row.ids) for row in rows)


def list_state_lines(device: Device, delivery: Delivery | None) -> Iterator[Line]:
    """What of the device would stop any message now, and what it and its person were then."""
    if device.token_state != Device.TokenState.ACTIVE:
        words = _("The token is: %(state)s.") % {"state": device.get_token_state_display()}
        evidence = (device.token_evidence,) if device.token_evidence else ()
        yield Line(
            code="token", words=words, at=device.token_state_at, tone="bad", details=evidence
        )
    cohort = Cohort.objects.filter(pk=delivery.cohort_id).first() if delivery else None
    if cohort is not None:
        yield Line(code="cohort", words=_tell_cohort(cohort))


def _tell_cohort(cohort: Cohort) -> str:
    words = _("Counted as %(platform)s, in %(language)s, of %(country)s, with %(version)s.")
    version = _("version %(number)s of the app") % {"number": cohort.app_major}
    return words % {
        "platform": dict(WAYS).get(cohort.platform, cohort.platform) or _("no known platform"),
        "language": name_language(cohort.language) or _("no known language"),
        "country": name_country(cohort.country) or _("no known country"),
        "version": version if cohort.app_major else _("no known version of the app"),
    }


def list_route_lines(part: Part, platform: str, batch: Batch | None) -> Iterator[Line]:
    """By which account it went, or would go now, and why by that one."""
    if find_channel(part) in OWN_ONLY:
        words = _("It goes to the device's inbox alone, by no vendor.")
        yield Line(code="route", words=words)
        return
    ways = list_ways(part.transfer.app_id, platform)
    names = [way.account.name for way in ways]
    called = str(dict(WAYS).get(platform, platform))
    if batch is not None and batch.account is not None:
        words = _("Route: %(name)s.") % {"name": batch.account.name}
        others = [name for name in names if name != batch.account.name]
        backup = _("Other routes of %(platform)s, in this order: %(names)s.")
        more = (backup % {"platform": called, "names": ", ".join(others)},) if others else ()
        why = _tell_choice(ways, batch.account, called)
        yield Line(code="route", words=words, tone="good", details=(why, *more))
    elif names:
        words = _("Routes of %(platform)s now, in this order: %(names)s.")
        details = _tell_refused(ways)
        listed = words % {"platform": called, "names": ", ".join(names)}
        yield Line(code="route", words=listed, details=details)
    else:
        words = _("No route of the app serves %(platform)s now.") % {"platform": called}
        yield Line(code="route", words=words, tone="bad")


def _tell_choice(ways: Sequence[Way], account: Account, called: str) -> str:
    """Why it went by this account, as far as the routes that there are now tell."""
    if not any(way.account.pk == account.pk for way in ways):
        return _("It is no route of %(platform)s any more.") % {"platform": called}
    if len(ways) == 1:
        return _("It is the only route of %(platform)s.") % {"platform": called}
    if ways[0].account.pk != account.pk:
        return _("It is not the first in order now: it was then, or those before it were refused.")
    refused = _list_refused(ways)
    if not refused or account.health == Account.Health.BAD:
        return _("It is the first in order.")
    return _("It is the first in order whose account is not refused; refused: %(names)s.") % {
        "names": ", ".join(refused)
    }


def _tell_refused(ways: Sequence[Way]) -> tuple[str, ...]:
    refused = _list_refused(ways)
    words = _("Their accounts were refused, so that they stand last: %(names)s.")
    return (words % {"names": ", ".join(refused)},) if refused and len(ways) > 1 else ()


def _list_refused(ways: Sequence[Way]) -> list[str]:
    return [way.account.name for way in ways if way.account.health == Account.Health.BAD]
