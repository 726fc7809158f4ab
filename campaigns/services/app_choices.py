"""Which apps a script means that names several, or all but some."""

from __future__ import annotations

from django.db.models import Q
from django.utils.translation import gettext as _

from campaigns.errors import Forbidden, NotFound
from campaigns.models import App, AppGroup
from campaigns.selectors.row_ids import read_id
from campaigns.services.callers import Caller, find_app
from providers.outcomes import Refusal, RefusalKind
from providers.recipients import AppChoice


def choose_apps(choice: AppChoice, caller: Caller) -> list[App]:
    """The apps that are meant; raises Forbidden for one that is named and not the key's, and
    Refusal with the field `apps` when none is left."""
    groups = _find_groups((*choice.groups, *choice.not_groups), caller)
    named = {app.pk: app for app in (_find_own(text, caller) for text in choice.apps)}
    excluded = {_find_own(text, caller).pk for text in choice.not_apps}
    if groups or choice.is_all:
        apps = _select_apps(choice, groups, set(named), excluded, caller)
    else:
        apps = [app for pk, app in sorted(named.items()) if pk not in excluded]
    if not apps:
        raise Refusal(RefusalKind.INVALID, _("No app is left to send to."), field="apps")
    return apps


def _select_apps(
    choice: AppChoice, groups: dict[str, AppGroup], named: set[int], excluded: set[int],
    caller: Caller,
) -> list[App]:  # fmt: skip
    reached = App.objects.for_user(caller.key).select_related("workspace")
    chosen = reached.exclude(
        Q(pk__in=excluded) | Q(app_groups__in=_take(groups, choice.not_groups))
    )
    if not choice.is_all:
        chosen = chosen.filter(Q(pk__in=named) | Q(app_groups__in=_take(groups, choice.groups)))
    return list(chosen.distinct().order_by("pk"))


def _find_own(text: str, caller: Caller) -> App:
    try:
        return find_app(text, caller)
    except NotFound as error:
        words = _("The app %(id)s is not yours.") % {"id": text}
        raise Forbidden(words, fields={"app_ids": words}) from error


def _find_groups(texts: tuple[str, ...], caller: Caller) -> dict[str, AppGroup]:
    ids = {text: read_id(text) for text in texts}
    found = AppGroup.objects.for_user(caller.key).in_bulk(list(ids.values()))
    for text, pk in ids.items():
        if pk not in found:
            words = _("The app group %(id)s is not yours.") % {"id": text}
            raise Forbidden(words, fields={"app_groups": words})
    return {text: found[pk] for text, pk in ids.items()}


def _take(groups: dict[str, AppGroup], texts: tuple[str, ...]) -> list[AppGroup]:
    return [groups[text] for text in texts]
