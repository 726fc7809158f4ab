"""One box that finds a person or a device by whatever they are known by, and labels for those
who are ticked among the found, or for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Refused
from campaigns.models import Device, Person
from campaigns.models.bulk import IdList
from campaigns.pages.fields import PageForm
from campaigns.pages.people_labels import (
    MOST_TICKED,
    Role,
    TickedForm,
    begin_labelling,
    make_ticked_form,
    offer_found,
)
from campaigns.pages.shell import draw_page, operator_page, show_page
from campaigns.selectors.identifiers import MAX_IDENTIFIER
from campaigns.selectors.known_by import By
from campaigns.selectors.lookup import (
    MOST,
    Match,
    count_beginning,
    find_matches,
    is_beginning,
)
from campaigns.selectors.transfer_lookup import MOST_SHOWN as MOST_SHOWN_TRANSFERS
from campaigns.selectors.transfer_lookup import FoundTransfer, TransferBy, find_transfers
from campaigns.services.access import require_role

MOST_SHOWN = MOST_TICKED
WORDS = {
    By.OWN_ID: gettext_lazy("Our id"),
    By.EXTERNAL_USER_ID: gettext_lazy("External user id"),
    By.EXTERNAL_PREFIX: gettext_lazy("Beginning of the external user id"),
    By.EMAIL: gettext_lazy("E-mail"),
    By.EMAIL_PREFIX: gettext_lazy("Beginning of the e-mail"),
    By.PHONE: gettext_lazy("Phone"),
    By.TOKEN: gettext_lazy("Push token"),
    By.ALIAS: gettext_lazy("Alias"),
    By.FORMER_ID: gettext_lazy("Id of somebody merged into them"),
    By.FORMER_NUMBER: gettext_lazy("Our id of somebody merged into them"),
    By.FORMER_EMAIL: gettext_lazy("E-mail of somebody merged into them"),
    By.FORMER_PHONE: gettext_lazy("Phone of somebody merged into them"),
}


TRANSFER_WORDS = {
    TransferBy.OWN_ID: gettext_lazy("Our id"),
    TransferBy.CLIENT_KEY: gettext_lazy("The script's id of it"),
    TransferBy.CALL: gettext_lazy("Our id of the call"),
    TransferBy.CALL_KEY: gettext_lazy("The script's id of the call"),
    TransferBy.MESSAGE: gettext_lazy("Id of a message to one recipient"),
    TransferBy.VENDOR: gettext_lazy("The vendor's id of a call to it"),
}


class SearchForm(PageForm):
    """Whatever somebody is known by."""

    who = forms.CharField(
        label=gettext_lazy("Who"),
        required=False,
        max_length=MAX_IDENTIFIER,
        widget=forms.TextInput({"type": "search", "autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "External user id, e-mail, phone, push token, any id of a device, or #12 for our own. "
            "The beginning of an external user id or e-mail will do; ann* looks for beginnings."
        ),
    )


class FindForm(SearchForm):
    """A transfer, too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        more = _("A transfer by an id of it, of its call or of a message in it.")
        self.fields["who"].help_text = f"{self.fields['who'].help_text} {more}"


@dataclass(slots=True)
class Hit:
    """A person with the devices that matched, or a device that is nobody's; `by` says why."""

    person: Person | None = None
    device: Device | None = None
    by: list[str] = field(default_factory=list)
    devices: Mapping[str, int] = field(default_factory=dict)  # by platform, how many

    @property
    def link(self) -> str:
        """The page of the person, at the device that matched, or of the device."""
        if self.person is None:
            return reverse("device", args=[self.device.pk if self.device else 0])
        page = reverse("person", args=[self.person.pk])
        return f"{page}?device={self.device.pk}#device-{self.device.pk}" if self.device else page


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to; `hits` are as many as it looks for, which may not be all."""

    term: str
    matches: list[Match]
    hits: list[Hit]
    transfers: tuple[FoundTransfer, ...] = ()

    @property
    def only_link(self) -> str:
        """Where the only one that is found leads; "" where there are others or none."""
        links = [hit.link for hit in self.hits]
        links += [reverse("transfer", args=[found.transfer.pk]) for found in self.transfers]
        return links[0] if len(links) == 1 else ""


@operator_page
def people(request: HttpRequest) -> HttpResponse:
    """The search; who or what is the only one that it finds is shown at once."""
    form = FindForm(request.GET if "who" in request.GET else None)
    found = _search(request, form)
    if found.only_link:
        return redirect(found.only_link)
    return _draw(request, form, found, make_ticked_form(request))


@operator_page
def label_people(request: HttpRequest) -> HttpResponse:
    """Begin to add or remove who is ticked or found, as a job; what is refused keeps its ticks."""
    if request.method != "POST":
        return show_page(request, "people")
    require_role(request.user, None, Role.COMPOSER)
    ticked = make_ticked_form(request, request.POST)
    if ticked.is_valid():
        try:
            return redirect("job", begin_labelling(request, ticked).pk)
        except Refused as refusal:
            ticked.add_error(None, refusal.message)
    form = FindForm(request.POST)
    found = _search(request, form)
    if found.hits:
        return _draw(request, form, found, ticked)
    messages.error(request, _("Nothing was changed: search again, tick people, choose a label."))
    return redirect("people")


def _search(request: HttpRequest, form: SearchForm) -> Found:
    term = form.cleaned_data["who"].strip() if form.is_valid() else ""
    matches = find_matches(term, request.user)
    return Found(term, matches, list_hits(matches), find_transfers(term, request.user))


def _draw(request: HttpRequest, form: SearchForm, found: Found, ticked: TickedForm) -> HttpResponse:
    shown = found.hits[:MOST_SHOWN]
    _count_devices(request, shown)
    is_offered = bool(ticked.labels or (ticked.offered and ticked.offered.search))
    may_label = is_offered and any(hit.person for hit in shown)
    count, is_more = _count(request, found)
    if may_label:
        offer_found(ticked, count, is_more=is_more)
    context: dict[str, Any] = {
        "form": form,
        "term": found.term,
        "hits": shown,
        "transfers": [
            (row.transfer, [TRANSFER_WORDS[by] for by in row.by])
            for row in found.transfers[:MOST_SHOWN_TRANSFERS]
        ],
        "has_more_transfers": len(found.transfers) > MOST_SHOWN_TRANSFERS,
        "is_cut": len(found.hits) > MOST_SHOWN,
        "people": count,
        "total": max(count, len(found.hits)),  # devices that are nobody's are no people
        "is_more": is_more,
        "ticked": ticked,
        "may_label": may_label,
    }
    status = 422 if ticked.errors else 200
    return draw_page(request, "pages/people.html", _("People"), context, status=status)


def _count_devices(request: HttpRequest, hits: Iterable[Hit]) -> None:
    """Tell each person's devices of the apps that the operator sees, all of them with one query."""
    by_person = {hit.person.pk: hit for hit in hits if hit.person}
    rows = Device.objects.for_user(request.user).filter(person_id__in=IdList(by_person))
    counted = rows.order_by().values_list("person_id", "platform").annotate(n=Count("pk"))
    for person, platform, n in sorted(counted):
        hit = by_person[person]
        hit.devices = {**hit.devices, platform: n}


def _count(request: HttpRequest, found: Found) -> tuple[int, bool]:
    """How many people the search finds; True where there may be more."""
    if is_beginning(found.matches):
        return count_beginning(found.term, request.user)
    persons = {hit.person.pk for hit in found.hits if hit.person}
    return len(persons), len(found.matches) >= MOST


def list_hits(matches: Iterable[Match]) -> list[Hit]:
    """Persons and devices that matched, each once: a device stands under its person."""
    matches = list(matches)
    persons = _load_persons(match.pk for match in matches if match.kind == "person")
    devices = _load_devices(match.pk for match in matches if match.kind == "device")
    hits: dict[tuple[str, int], Hit] = {}
    for match in matches:
        device = devices.get(match.pk) if match.kind == "device" else None
        person = device.person if device else persons.get(match.pk)
        key = ("person", person.pk) if person else ("device", match.pk)
        hit = hits.setdefault(key, Hit(person))
        hit.device = hit.device or device
        hit.by.append(name_match(match.by))
    return list(hits.values())


def name_match(by: str) -> str:
    """What was typed is, in words; the kind of a device's id is a word of its own."""
    return str(WORDS[By(by)]) if by in set(By) else by


def _load_persons(ids: Iterable[int]) -> dict[int, Person]:
    return Person.objects.filter(pk__in=IdList(ids)).in_bulk()


def _load_devices(ids: Iterable[int]) -> dict[int, Device]:
    rows = Device.objects.filter(pk__in=IdList(ids)).select_related("app", "person")
    return rows.in_bulk()
