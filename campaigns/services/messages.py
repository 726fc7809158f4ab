"""What becomes of a message on its way out: losses on a route, problems before launch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from campaigns.models import Account, App, Route
from campaigns.selectors.addressing import Wanted, find_obstacles
from campaigns.selectors.language_names import name_language
from campaigns.selectors.routes import find_first_routes, has_disabled_route
from campaigns.services.carrying import (
    TEXT_FIELDS,
    find_message_carry,
    find_source,
    measure_languages,
)
from campaigns.services.shared_fields import find_shared
from providers import registry
from providers.commands import PushPart, SendPush
from providers.contract import Dialect, Fate, Payload
from providers.message import PushMessage
from providers.message_common import find_place
from providers.message_fields import SHARED_FIELDS, Platform
from providers.message_json import write_message
from providers.scenarios import TEXTS, Channel, find_text_options

CHANNELS = (Channel.SMS.value, Channel.EMAIL.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A field that a route does not carry as it was written.

    `field` is a path such as `android.priority`, `name` what the vendor calls it, `note` a
    sentence. A renamed field arrives whole; the others lose something.
    """

    platform: str
    account: str
    dialect: str
    field: str
    fate: Fate
    name: str = ""
    note: str = ""

    @property
    def is_lossy(self) -> bool:
        """Whether something of the field is lost, so that strict mode refuses it."""
        return self.fate in {Fate.DROPPED, Fate.TRUNCATED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something to mend before launch, or to know; `field` is a path of the native API.

    `subject` is what it is mended at, if that is not the campaign: `account:<id>`, `app:<id>`,
    `scenario:<id>`, `campaign:<id>` or `transfer:<id>`.
    """

    code: str
    field: str
    sentence: str
    is_blocking: bool = True
    subject: str = ""


def find_losses(
    app: App, message: PushMessage, platforms: Iterable[str], *, runs_at_vendor: bool = False
) -> tuple[Loss, ...]:
    """Fields that each platform's first route renames, truncates or drops; also of one that is not
    set, where what another platform says there would arrive. `runs_at_vendor` as in Scenario."""
    routes = find_first_routes(app)
    chosen = [(platform, routes[platform]) for platform in platforms if platform in routes]
    spoken = {route.account.dialect for _platform, route in chosen}
    shared = {loss.field: loss for loss in _find_shared_losses(message, chosen)}
    losses = [
        loss
        for platform, route in chosen
        for loss in _find_route_losses(
            message, platform, route, _find_speech(route, runs_at_vendor=runs_at_vendor)
        )
        if loss.field not in shared
    ]
    extras = _leave_texts(message, routes)
    rest = replace(message, extras=extras)
    unheard = [key for key in extras if key not in spoken and _says_more(key, rest)]
    return (*losses, *shared.values(), *(_lose_extras(key, chosen) for key in unheard))


def _leave_texts(message: PushMessage, routes: Mapping[str, Route]) -> dict[str, Mapping[str, Any]]:
    """A message's extras without options of texts that leave in the very dialect that gave them."""
    left: dict[str, Mapping[str, Any]] = {}
    for key, values in message.extras.items():
        texts = {
            channel: options
            for channel in CHANNELS
            if (options := find_text_options(message.extras, key, channel))
            and (channel not in routes or routes[channel].account.dialect != key)
        }
        kept = {name: value for name, value in values.items() if name != TEXTS}
        if kept or texts or not values:
            left[key] = {**kept, TEXTS: texts} if texts else kept
    return left


def _find_shared_losses(
    message: PushMessage, chosen: Iterable[tuple[str, Route]]
) -> Iterator[Loss]:
    by_account: dict[int, tuple[Route, list[str]]] = {}
    for platform, route in chosen:
        by_account.setdefault(route.account.pk, (route, []))[1].append(platform)
    for route, platforms in by_account.values():
        dialect = registry.get(route.account.dialect)
        for field, (platform, name) in find_shared(dialect, message, platforms).items():
            yield Loss(
                platform=platform,
                account=route.account.name,
                dialect=dialect.label,
                field=find_source(message, field),
                fate=Fate.TRUNCATED,
                name=name,
                note=_("One for all platforms; here they differ."),
            )


def _find_speech(route: Route, *, runs_at_vendor: bool) -> Dialect:
    """The dialect of a route, as it carries a push that a scenario of the vendor begins with."""
    dialect = registry.get(route.account.dialect)
    if not runs_at_vendor or not dialect.runs_scenarios:
        return dialect
    return replace(dialect, carries={**dialect.carries, **dialect.scenario_carries})


def _find_route_losses(
    message: PushMessage, platform: str, route: Route, dialect: Dialect
) -> Iterator[Loss]:
    for field in list_set_fields(message, platform):
        carry = find_message_carry(dialect, message, platform, field)
        if carry.fate is not Fate.CARRIED:
            yield Loss(
                platform=platform,
                account=route.account.name,
                dialect=dialect.label,
                field=field,
                fate=carry.fate,
                name=carry.name,
                note=_(carry.note) if carry.note else "",
            )


def _says_more(key: str, message: PushMessage) -> bool:
    """Whether extras hold more than the fields; those of a dialect that nobody knows do."""
    known = {dialect.key: dialect for dialect in registry.all_dialects()}
    return key not in known or known[key].says_more(message)


def _lose_extras(key: str, chosen: Iterable[tuple[str, Route]]) -> Loss:
    """By all accounts that the message leaves through: none of them speaks that dialect."""
    accounts = {route.account.pk: route.account for _platform, route in chosen}.values()
    dialects = dict.fromkeys(registry.get(account.dialect).label for account in accounts)
    return Loss(
        platform="",
        account=", ".join(account.name for account in accounts),
        dialect=", ".join(dialects) or key,
        field=f"extras.{key}",
        fate=Fate.DROPPED,
        note=_("No route of this audience speaks that dialect."),
    )


def list_set_fields(message: PushMessage, platform: str) -> list[str]:
    """Paths of the fields that this message sets for one platform."""
    body = write_message(replace(message, in_app=message.resolve_in_app()))
    paths = [name for name in TEXT_FIELDS if body.get(name)]
    paths += [f"{platform}.{name}" for name in body.get(platform, {})]
    own = body.get(platform, {})
    common = [spec.name for spec in SHARED_FIELDS if spec.name in body]
    paths += [one for one in common if find_place(one, platform).rpartition(".")[2] not in own]
    paths += [f"in_app.{name}" for name in body.get("in_app", {})]
    paths += ["channel"] if message.channel else []
    return paths + (["translations"] if message.translations else [])


def has_text(message: PushMessage, platform: Platform) -> bool:
    """Whether a recipient there would get something: a text in some language, or a silent push."""
    block = getattr(message, platform.value, None)
    if getattr(block, "silent", None):
        return True
    if not message.has_platform(platform):
        return False
    return any(message.resolve(platform, language).body for language in ["", *message.translations])


def find_message_problems(
    app: App, message: PushMessage, counts: Mapping[str, int]
) -> tuple[Problem, ...]:
    """What stands against sending this message to so many recipients per platform of one app.

    What concerns only some of the platforms is told; what leaves nobody to reach blocks.
    """
    platforms = [Platform(name) for name, count in counts.items() if count]
    routes = find_first_routes(app)
    served = [platform for platform in platforms if platform.value in routes]
    spoken = [platform for platform in platforms if has_text(message, platform)]
    problems = list(_find_text_problems(message, platforms, spoken))
    problems += _find_route_problems(app, platforms, served)
    for platform in served:
        if platform in spoken:
            problems += _find_account_problems(message, platform, routes[platform.value].account)
    return tuple(problems)


def find_addressing_problems(wanted: Wanted) -> tuple[Problem, ...]:
    """Why vendors that select recipients themselves cannot be told exactly who is meant."""
    return tuple(
        Problem(code="not_addressable", field="audience", sentence=aim.obstacle)
        for aim in find_obstacles(wanted)
    )


def _find_text_problems(
    message: PushMessage, platforms: list[Platform], spoken: list[Platform]
) -> Iterator[Problem]:
    if not any(has_text(message, platform) for platform in platforms or list(Platform)):
        yield Problem(
            code="no_text",
            field="message.body",
            sentence=_("The message has no text. Write what recipients should read."),
        )
        return
    for platform in platforms:
        if platform not in spoken:
            yield _describe_silence(platform, is_meant=bool(getattr(message, platform, None)))
    if Platform.IOS in spoken and not _has_title(message, Platform.IOS):
        yield Problem(
            code="no_title",
            field="message.ios.title",
            sentence=_("iOS shows a push without a title; some vendors refuse it."),
            is_blocking=False,
        )


def _describe_silence(platform: Platform, *, is_meant: bool) -> Problem:
    field = f"message.{platform}.body"
    if is_meant:
        words = _("The %(platform)s fields have no text. Write one, or clear these fields.")
        return Problem(code="no_text", field=field, sentence=words % {"platform": platform})
    words = _("There is no text for %(platform)s: its recipients are skipped.")
    sentence = words % {"platform": platform}
    return Problem(code="no_message", field=field, sentence=sentence, is_blocking=False)


def _has_title(message: PushMessage, platform: Platform) -> bool:
    block = getattr(message, platform.value, None)
    return bool(message.resolve(platform).title or getattr(block, "silent", None))


def _find_route_problems(
    app: App, platforms: list[Platform], served: list[Platform]
) -> Iterator[Problem]:
    for platform in platforms:
        if platform in served:
            continue
        is_off = has_disabled_route(app, platform.value)
        sentence = (
            _("Every account that serves %(platform)s of %(app)s is switched off.")
            if is_off
            else _("No route serves %(platform)s of %(app)s: its recipients are skipped.")
        )
        yield Problem(
            code="account_disabled" if is_off else "no_route",
            field="audience",
            sentence=sentence % {"platform": platform, "app": app.name},
            is_blocking=is_off or not served,
            subject=f"app:{app.pk}",
        )


def _find_account_problems(
    message: PushMessage, platform: Platform, account: Account
) -> Iterator[Problem]:
    dialect = registry.get(account.dialect)
    if account.health == Account.Health.BAD:
        words = _("%(account)s was refused when it was last checked: %(words)s")
        yield Problem(
            code="account_unhealthy",
            field="audience",
            sentence=words % {"account": account.name, "words": account.health_words},
            is_blocking=False,
            subject=f"account:{account.pk}",
        )
    sizes = measure_languages(dialect, message, platform)
    longest = max(sizes, key=lambda language: sizes[language].bytes)
    if sizes[longest].is_over:
        yield describe_oversize(dialect, platform, longest, sizes[longest])
        return  # what else the vendor has to say of it, its length included
    yield from _find_vendor_faults(dialect, message, platform)


def describe_oversize(
    dialect: Dialect, platform: str, language: str, size: Payload, *, of_some: bool = False
) -> Problem:
    """A message that is too long; `of_some` where only those are meant who have long values."""
    words = _(
        "%(vendor)s takes %(limit)s bytes at most: the %(platform)s message in %(language)s is "
        "%(size)s bytes long."
    )
    if of_some:
        words = _(
            "%(vendor)s takes %(limit)s bytes at most: with the longest values that were found "
            "the %(platform)s message in %(language)s is %(size)s bytes long. Whoever has such "
            "gets nothing."
        )
    names = {
        "vendor": dialect.label,
        "platform": platform,
        "language": name_language(language) if language else _("the default language"),
        "size": f"{size.bytes:,}",
        "limit": f"{size.limit:,}",
    }
    field = f"message.translations.{language}.body" if language else "message.body"
    return Problem(
        code="payload_too_big", field=field, sentence=words % names, is_blocking=not of_some
    )


def _find_vendor_faults(
    dialect: Dialect, message: PushMessage, platform: Platform
) -> Iterator[Problem]:
    """What the vendor itself would refuse, at once or only after it has taken the call."""
    yield from _find_refused_fields(dialect, message, platform)
    if dialect.find_faults is None:
        return
    push = SendPush(parts=(PushPart(message.resolve(platform), ()),))
    if dialect.find_faults(push):
        words = _("%(vendor)s refuses a visible %(platform)s push without a title and a text.")
        yield Problem(
            code="vendor_refuses",
            field=f"message.{platform}.title",
            sentence=words % {"vendor": dialect.label, "platform": platform},
        )


def _find_refused_fields(
    dialect: Dialect, message: PushMessage, platform: Platform
) -> Iterator[Problem]:
    """Fields that the vendor would not take, in any language."""
    if dialect.find_message_faults is None or message.template:
        return  # texts with variables are looked at when they are rendered, one by one
    faults: dict[str, str] = {}
    for language in ["", *message.translations]:
        faults |= dialect.find_message_faults(message.resolve(platform, language))
    for field, fault in faults.items():
        words = _("%(vendor)s does not take it: %(field)s %(fault)s.")
        source = find_source(message, field)
        names = {"vendor": dialect.label, "field": source, "fault": fault}
        yield Problem(code="vendor_refuses", field=f"message.{source}", sentence=words % names)
