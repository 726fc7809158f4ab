"""The page of one person: who they are, what they have, what they were sent, what came back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.errors import Forbidden, Invalid, NotFound, Refused
from campaigns.models import App, Device, Label, Membership, Person
from campaigns.pages.offer import Offer, read_offer
from campaigns.pages.shell import draw_page, operator_page, tell_refusal
from campaigns.pages.sources import Sources
from campaigns.pages.stretch import read_stretch
from campaigns.selectors.profile import (
    MOST_DEVICES,
    find_device,
    find_person,
    list_events,
    list_labels,
    list_merges,
    mask_token,
    select_devices,
)
from campaigns.selectors.row_ids import read_id
from campaigns.selectors.sent import cut_sent, describe_sent, select_sent
from campaigns.services.access import find_apps, has_role, name_actor
from campaigns.services.audience import add_members, remove_members
from campaigns.services.erase import may_erase
from campaigns.services.merges import unmerge
from campaigns.services.permissions import may
from campaigns.services.persons import enable_token, opt_in, opt_out
from campaigns.templatetags.pa import plain

PAGE = 25
# On a person's page: devices and labels at a time; of each device attributes, ids and marks, and
# letters of a value and of a token.
DEVICES, LABELS, ATTRIBUTES, LETTERS, TOKEN = 20, 50, 10, 120, 300
Role = Membership.Role


@operator_page
def person_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One person; an address of somebody who was merged leads to whom they were merged into."""
    person = find_person(request.user, pk)
    if person.pk != pk:
        return redirect("person", pk=person.pk)
    rows = select_devices(request.user, person)
    devices = list(rows[:MOST_DEVICES])
    part = read_stretch(request, "devices", rows.prefetch_related("identifiers", "marks"), DEVICES)
    shown = [*_find_asked(request, part.rows, rows), *part.rows]
    labels = list_labels(request.user, person)
    label_part = read_stretch(request, "labels", labels, LABELS)
    history = list_history(request, devices, person)
    known = [*devices, *shown]
    sources = Sources(request.user, person, known, may_audit=history["may_audit"])
    context = {
        "person": person,
        "zone": _find_zone(request, person, devices),
        "standing": _name_standing(person, rows),
        "merges": list_merges(person),
        "attributes": sorted(person.attributes.items()),
        "devices": [_cut_device(told) for told in describe_devices(request, shown, sources)],
        "made": sources.of_moment(person.created_at),
        "changed": sources.of_moment(person.updated_at),
        "opt_out": sources.of_opt_out(person),
        "device_part": part,
        "label_part": label_part,
        "labels": _describe_labels(request, label_part.rows),
        "offered": _offer_labels(request, person, labels, rows),
        "may_change": may(request.user, "change", person),
        "may_erase": bool(may_erase(request.user, person.workspace, [person.pk])),
        **list_sent(request, devices, person),
        **history,
    }
    return draw_page(request, "pages/person.html", str(person), context)


def _find_zone(request: HttpRequest, person: Person, devices: Iterable[Device]) -> str:
    """The one clock of the page: that of the first app in which they have a device, or else of the
    first one that the operator sees."""
    if places := [device.app for device in devices]:
        return min(places, key=lambda app: app.pk).timezone
    apps = App.objects.for_user(request.user).filter(workspace=person.workspace_id)
    return apps.order_by("pk").values_list("timezone", flat=True).first() or "UTC"


def _name_standing(person: Person, devices: QuerySet[Device]) -> tuple[str, str]:
    """Whether a push can reach them: the tone of a chip and its words. A device without a token
    that has an id of a vendor may be reached by that."""
    if person.opted_out_at:
        return "warn", _("Opted out")
    states = Device.TokenState
    known = Q(token_state=states.MISSING, identifiers__isnull=False)
    if devices.filter(known | Q(token_state=states.ACTIVE)).exists():
        return "good", _("May be sent to")
    if devices.exists():
        return "warn", _("No device with a token that works: pushes do not reach them")
    return "warn", _("No device: pushes do not reach them")


def _find_asked(
    request: HttpRequest, shown: Iterable[Device], rows: QuerySet[Device]
) -> list[Device]:
    """The device that a search has led to, where it is not among those that are shown."""
    asked = read_id(request.GET.get("device", ""))
    is_shown = not asked or any(device.pk == asked for device in shown)
    return [] if is_shown else list(rows.filter(pk=asked))


def _cut_device(told: dict[str, Any]) -> dict[str, Any]:
    """What there is room for on a page of many; the device's own page has the rest."""
    attributes, ids, marks = told["attributes"], told["ids"], told["marks"]
    values = attributes[:ATTRIBUTES]
    is_long = any(len(text) > LETTERS for pair in values for text in pair)
    more = sum(max(0, len(rows) - ATTRIBUTES) for rows in (attributes, ids, marks))
    is_token_long = len(told["token"]) > TOKEN
    return told | {
        "attributes": [(_cut(name), _cut(value)) for name, value in values],
        "ids": ids[:ATTRIBUTES],
        "marks": marks[:ATTRIBUTES],
        "left_out": more,
        "is_cut": is_long or bool(more) or is_token_long,
        "token": "" if is_token_long else told["token"],
    }


def _cut(text: str) -> str:
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"


@operator_page
def device_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One device, whoever has it."""
    device = find_device(request.user, pk)
    history = list_history(request, [device], None)
    sources = Sources(request.user, None, [device], may_audit=history["may_audit"])
    context = {
        "device": device,
        "zone": device.app.timezone,
        "devices": describe_devices(request, [device], sources),
        **list_sent(request, [device], None),
        **history,
    }
    return draw_page(request, "pages/device.html", str(device), context)


def describe_devices(
    request: HttpRequest, devices: Iterable[Device], sources: Sources
) -> list[dict[str, Any]]:
    """Devices with what this operator may see and do of each."""
    composed = _list_held(request, Role.COMPOSER)
    sent = _list_held(request, Role.SENDER)
    return [
        {
            "row": device,
            "source": sources.of_token(device),
            "made": sources.of_moment(device.created_at),
            "masked": mask_token(device.token) if device.token else "",
            "token": device.token if device.app_id in composed else "",
            "may_enable": device.app_id in sent
            and bool(device.token)
            and device.token_state == Device.TokenState.DISABLED,
            "ids": sorted((one.kind, one.value) for one in device.identifiers.all()),
            "marks": sorted((mark.get_kind_display(), mark.name) for mark in device.marks.all()),
            "attributes": [
                (name, plain(value)) for name, value in sorted(device.attributes.items())
            ],
        }
        for device in devices
    ]


def _list_held(request: HttpRequest, role: str) -> set[int]:
    return set(find_apps(request.user, role).values_list("pk", flat=True))


def list_sent(
    request: HttpRequest, devices: Iterable[Device], person: Person | None
) -> dict[str, Any]:
    """One page of what they were sent in apps that the operator sees."""
    apps = App.objects.for_user(request.user).values_list("pk", flat=True)
    persons = [person.pk, *(merge.gone_id for merge in list_merges(person))] if person else []
    rows = select_sent([device.pk for device in devices], persons, apps)
    after = request.GET.get("after", "")
    page, following = cut_sent(rows, after, PAGE)
    return {"sent": describe_sent(page), "after": following, "is_first": not after}


def list_history(
    request: HttpRequest, devices: Iterable[Device], person: Person | None
) -> dict[str, Any]:
    """The newest audit entries, for who may read these."""
    devices = list(devices)
    workspace = person.workspace if person else devices[0].app.workspace
    is_admin = has_role(request.user, workspace, Role.ADMIN)
    return {"events": list_events(person, devices) if is_admin else [], "may_audit": is_admin}


def _describe_labels(request: HttpRequest, labels: Iterable[Label]) -> list[tuple[Label, bool]]:
    held = _list_held(request, Role.COMPOSER)
    return [(label, label.app_id in held) for label in labels]


def _offer_labels(
    request: HttpRequest, person: Person, carried: Iterable[Label], devices: QuerySet[Device]
) -> Offer:
    """Labels that the operator may add: the first of them, or those that a search finds. Of apps
    in which the person has a device: in another one a label would mean nobody."""
    rows = Label.objects.filter(
        app__in=find_apps(request.user, Role.COMPOSER),
        app__workspace=person.workspace_id,
        archived_at__isnull=True,
    ).exclude(pk__in=[label.pk for label in carried])
    places = set(devices.order_by().values_list("app_id", flat=True).distinct())
    rows = rows.filter(app__in=places) if places else rows
    ordered = rows.select_related("app").order_by("app__name", "name", "pk")
    return read_offer(request, "label_search", ordered, request.GET.get("label", ""))


@require_POST
@operator_page
def change_person(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Opt out or in, add or take a label; and back to the page."""
    person = find_person(request.user, pk)
    act = VERBS.get(verb)
    if act is None:
        raise NotFound(_("There is no such button."))
    try:
        messages.success(request, act(request, person))
    except Refused as refusal:
        tell_refusal(request, refusal)
    return redirect("person", pk=person.pk)


def _by(request: HttpRequest) -> dict[str, Any]:
    return {"actor": name_actor(request.user), "now": timezone.now()}


def require_change(request: HttpRequest, person: Person) -> None:
    """Raises Forbidden unless the operator may change persons of this workspace."""
    if not may(request.user, "change", person):
        raise Forbidden(_("Only an admin of all apps changes persons. Ask one of yours."))


def _opt_out(request: HttpRequest, person: Person) -> str:
    require_change(request, person)
    done = opt_out(person, reason=request.POST.get("reason", ""), **_by(request))
    return _("Opted out: nothing is sent to them.") if done else _("They were opted out already.")


def _opt_in(request: HttpRequest, person: Person) -> str:
    require_change(request, person)
    done = opt_in(person, **_by(request))
    return _("Opted in: messages reach them again.") if done else _("They were not opted out.")


def _add_label(request: HttpRequest, person: Person) -> str:
    return _change_label(request, person, add_members, _("Label %(name)s added."))


def _remove_label(request: HttpRequest, person: Person) -> str:
    return _change_label(request, person, remove_members, _("Label %(name)s taken away."))


def _change_label(
    request: HttpRequest, person: Person, change: Callable[..., Any], sentence: str
) -> str:
    if not has_role(request.user, None, Role.COMPOSER):
        raise Forbidden(_("You need the role composer in the label's app for this."))
    number = read_id(request.POST.get("label", ""))
    rows = Label.objects.for_user(request.user).select_related("app__workspace")
    label = rows.filter(pk=number, app__workspace=person.workspace_id).first()
    if label is None:
        words = _("Choose a label.")
        raise Invalid(words, fields={"label": words})
    if not has_role(request.user, label.app, Role.COMPOSER):
        raise Forbidden(_("You need the role composer in the label's app for this."))
    who = Person.objects.filter(pk=person.pk)
    change(label, who, principal=request.user, **_by(request))
    return sentence % {"name": label.name}


def _unmerge(request: HttpRequest, person: Person) -> str:
    require_change(request, person)
    merge = person.merges.filter(pk=read_id(request.POST.get("merge", ""))).first()
    if merge is None:
        raise Invalid(_("Say which merge."))
    gone = unmerge(merge, **_by(request))
    return _("Taken back: %(name)s is a person of their own again.") % {"name": gone}


VERBS: dict[str, Callable[[HttpRequest, Person], str]] = {
    "opt-out": _opt_out,
    "opt-in": _opt_in,
    "add-label": _add_label,
    "remove-label": _remove_label,
    "unmerge": _unmerge,
}


@require_POST
@operator_page
def enable_device(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a token that was called dead be sent to again."""
    device = find_device(request.user, pk)
    if not has_role(request.user, device.app, Role.SENDER):
        raise Forbidden(_("You need the role sender in the device's app for this."))
    try:
        enable_token(device, **_by(request))
        words = _("The token is enabled. If a vendor calls it dead again it is switched off again.")
        messages.success(request, words)
    except Refused as refusal:
        tell_refusal(request, refusal)
    if device.person_id:
        return redirect("person", pk=device.person_id)
    return redirect("device", pk=device.pk)
