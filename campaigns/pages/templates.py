"""The template library: the list, a page per template, and keeping what is composed."""

from __future__ import annotations

from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.errors import NotFound, Refused
from campaigns.models import App, Membership, MessageTemplate
from campaigns.pages.composition import Place, read_composition
from campaigns.pages.languages import describe_language
from campaigns.pages.lookups import find_template
from campaigns.pages.row_history import find_history
from campaigns.pages.samples import mark_fates
from campaigns.pages.shell import draw_fragment, draw_page, operator_page
from campaigns.pages.template_form import (
    TemplateForm,
    TemplatePage,
    find_keeping_place,
    find_template_place,
    make_keep_form,
    name_place,
    read_template_page,
    start_template_page,
)
from campaigns.pages.translation_form import TranslationForm
from campaigns.selectors.language_names import list_languages
from campaigns.services.access import has_role, name_actor, require_role
from campaigns.services.templates import (
    archive_template,
    create_template,
    restore_template,
    search_templates,
    update_template,
)
from providers.languages import RIGHT_TO_LEFT

Role = Membership.Role
PAGE = 50
VERBS = {"archive": archive_template, "restore": restore_template}
SCRIPTS = [
    f"pushadmin/{name}.js"
    for name in (
        *("compose", "compose_left", "compose_languages", "compose_rows", "compose_preview"),
        *("compose_data", "compose_buttons", "compose_titles", "compose_save"),
        "compose_variables",
    )
]


@operator_page
def templates(request: HttpRequest) -> HttpResponse:
    """The library by name: searched, of one app, or what was put away."""
    require_role(request.user, None, Role.VIEWER)
    apps = App.objects.for_user(request.user).order_by("pk")
    term, slug = (request.GET.get(name, "").replace("\0", "") for name in ("q", "app"))
    term = term.strip()[:100]
    is_archived = "archived" in request.GET
    rows = MessageTemplate.objects.for_user(request.user).select_related("app", "workspace")
    rows = rows.filter(archived_at__isnull=not is_archived)
    if slug:
        rows = rows.filter(app__in=apps.filter(slug=slug))
    start = _read_start(request)
    found = list(search_templates(rows, term).order_by("name", "pk")[start : start + PAGE + 1])
    context = {
        "rows": [(row, name_place(row)) for row in found[:PAGE]],
        "next": start + PAGE if len(found) > PAGE else 0,
        "start": start,
        "apps": apps[:200],
        "term": term,
        "slug": slug,
        "is_archived": is_archived,
        "is_narrowed": bool(term or slug),
        "may_compose": has_role(request.user, None, Role.COMPOSER),
    }
    return draw_page(request, "pages/templates.html", _("Templates"), context)


def _read_start(request: HttpRequest) -> int:
    text = request.GET.get("start", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else 0


@operator_page
def template(request: HttpRequest, pk: int) -> HttpResponse:
    """One template with its preview, changed by who may compose in its place."""
    kept = find_template(request.user, pk)
    place = find_template_place(request.user, kept)
    if place is None:
        raise NotFound(_("There is no app to show it for."))
    if request.method != "POST":
        return _draw(request, kept, start_template_page(request.user, kept, place))
    require_role(request.user, kept.place, Role.COMPOSER)
    page = read_template_page(request, place)
    if page.is_valid() and _save(request, kept, page, timezone.now()):
        messages.success(request, _("The template is saved."))
        return redirect("templates")
    return _draw(request, kept, page, status=422)


def _save(request: HttpRequest, kept: MessageTemplate, page: TemplatePage, now: datetime) -> bool:
    """Whether it was saved; what was wrong stands at its field."""
    try:
        values = page.form.read_values(page.write_content(kept.content))
        actor = name_actor(request.user)
        update_template(kept, values, actor=actor, now=now, seen=page.composition.version)
    except Refused as refusal:
        left = page.form.place_template_faults(refusal.fields or {"": refusal.message})
        page.composition.place_faults(left)
        return False
    return True


@require_POST
@operator_page
def change_template(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Put it away, or take it out again."""
    kept = find_template(request.user, pk)
    if verb not in VERBS:
        raise NotFound(_("There is no such thing to do."))
    require_role(request.user, kept.place, Role.COMPOSER)
    VERBS[verb](kept, actor=name_actor(request.user), now=timezone.now())
    done = _("Archived: nobody is offered it any more.")
    messages.success(request, done if verb == "archive" else _("It is offered again."))
    return redirect("template", pk=pk)


@require_POST
@operator_page
def keep_template(request: HttpRequest) -> HttpResponse:
    """Keep what stands on the compose page; the answer goes into its dialog."""
    composition = read_composition(request.user, request.POST)
    apps = composition.place.apps
    form = make_keep_form(request.user, apps, request.POST)
    if not composition.target.is_valid():  # `apps` are others than those that it is written for
        return _draw_kept(
            request, form, faults=tuple(map(str, composition.target.errors["target"]))
        )
    is_whole = composition.message.is_valid() and composition.translations.is_valid()
    page = TemplatePage(form, composition)
    if not page.is_valid():
        words = _("The message is not whole yet: close this and mend what is marked.")
        return _draw_kept(request, form, faults=() if is_whole else (words,))
    place = find_keeping_place(form, apps)
    require_role(request.user, place, Role.COMPOSER)
    try:
        kept = create_template(
            apps[0].workspace, place if isinstance(place, App) else None,
            form.read_values(page.write_content({})),
            actor=name_actor(request.user), now=timezone.now(),
        )  # fmt: skip
    except Refused as refusal:
        left = form.place_template_faults(refusal.fields or {"": refusal.message})
        return _draw_kept(request, form, faults=tuple(left.values()))
    return _draw_kept(request, make_keep_form(request.user, apps), kept=kept)


def _draw_kept(
    request: HttpRequest,
    form: TemplateForm,
    *,
    kept: MessageTemplate | None = None,
    faults: tuple[str, ...] = (),
) -> HttpResponse:
    context = {"keep_form": form, "kept": kept, "faults": faults}
    return draw_fragment(request, "pages/compose_keep.html", context)


def _draw(
    request: HttpRequest, kept: MessageTemplate, page: TemplatePage, *, status: int = 200
) -> HttpResponse:
    place: Place = page.composition.place
    app = place.apps[0]
    mark_fates(page.composition)
    context = {
        "kept": kept,
        "history_page": find_history(request.user, kept, kept.workspace),
        "place_name": name_place(kept),
        "form": page.form,
        "composition": page.composition,
        "app": app,
        "has_errors": status != 200,
        "may_edit": has_role(request.user, kept.place, Role.COMPOSER),
        "may_use": has_role(request.user, app, Role.COMPOSER) and kept.archived_at is None,
        "empty_translation": TranslationForm(prefix="translations-__prefix__"),
        "default_language": describe_language(app.default_language),
        "known_languages": list_languages(),
        "right_to_left": sorted(RIGHT_TO_LEFT),
        "page_scripts": SCRIPTS,
    }
    return draw_page(request, "pages/template.html", kept.name, context, status=status)
