"""A new import: the app and the file are chosen, and the file is taken in."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.errors import NotFound, Refused
from campaigns.models import Import, Label
from campaigns.pages.last_app import recall_app, remember_app
from campaigns.pages.lookups import find_app
from campaigns.pages.shell import draw_page, operator_page
from campaigns.pages.without_app import draw_composed
from campaigns.selectors.row_ids import read_id
from campaigns.services.access import Role, find_apps, name_actor, require_role
from campaigns.services.import_targets import list_targets
from campaigns.services.import_uploads import read_blocks
from campaigns.services.imports import Told, begin_import
from providers.outcomes import HTTP_STATUS


@operator_page
def new_import(request: HttpRequest) -> HttpResponse:
    """Choose an app and a file, and say where its people come from."""
    label = _find_label(request, request.GET.get("label", ""))
    apps = list(find_apps(request.user, Role.COMPOSER).order_by("pk"))
    if not apps:
        return draw_composed(request, _("New import"))
    context = {
        "apps": [label.app] if label else apps,
        "chosen": request.GET.get("app", "") or recall_app(request),
        "label": label,
        "verb": "remove" if request.GET.get("verb") == "remove" else "add",
        "most": settings.MAX_IMPORT_BYTES,
        "targets": list_targets(),
    }
    return draw_page(request, "pages/import_new.html", _("New import"), context)


def _find_label(request: HttpRequest, text: str) -> Label | None:
    """The label that people are to get or lose, if the address names one. Raises NotFound."""
    if not text:
        return None
    rows = Label.objects.for_user(request.user).select_related("app")
    label: Label | None = rows.filter(pk=read_id(text)).first()
    if label is None:
        raise NotFound(_("There is no such label."))
    return label


@require_POST
@operator_page
def upload(request: HttpRequest) -> HttpResponse:
    """Takes a file in as the body, block by block; answers where its page is, or what is wrong."""
    if request.content_type == "multipart/form-data":
        return JsonResponse({"message": _("Send the file as the body.")}, status=415)
    try:
        one = _take_in(request)
    except Refused as refusal:
        return JsonResponse({"message": refusal.message}, status=_find_status(refusal))
    return JsonResponse({"address": reverse("import", args=[one.pk])}, status=201)


def _find_status(refusal: Refused) -> int:
    status = HTTP_STATUS[refusal.kind]
    return 422 if status == 400 else status


def _take_in(request: HttpRequest) -> Import:
    app = find_app(request.user, request.GET.get("app", ""))
    require_role(request.user, app, Role.COMPOSER)
    remember_app(request, app)
    label = _find_label(request, request.GET.get("label", ""))
    verb = request.GET.get("verb", "") if label else Import.Verb.SAVE
    told = Told(
        request.GET.get("name", ""),
        request.GET.get("source", ""),
        verb if verb in Import.Verb.values else Import.Verb.ADD,
        (label.pk,) if label else (),
    )
    blocks = read_blocks(request, request.headers.get("Content-Length", ""))
    return begin_import(app, blocks, told, actor=name_actor(request.user), now=timezone.now())
