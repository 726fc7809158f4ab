"""Segments: the list, the editor with its live count, why somebody is in or out."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.errors import Invalid, NotFound, Refused
from campaigns.models import App, Device, Membership, Segment
from campaigns.pages.last_app import recall_app, remember_app
from campaigns.pages.lookups import find_app
from campaigns.pages.named_list import read_list
from campaigns.pages.row_history import find_history
from campaigns.pages.segment_editor import Editor, list_options, open_editor, read_editor
from campaigns.pages.shell import draw_fragment, draw_page, operator_page, tell_refusal
from campaigns.pages.without_app import draw_composed
from campaigns.selectors.audience import Audience, AudienceKind
from campaigns.selectors.audience_fields import find_field
from campaigns.selectors.copy_names import name_copy
from campaigns.selectors.country_names import suggest_countries
from campaigns.selectors.explain import explain_segment
from campaigns.selectors.headcount import take_headcount
from campaigns.selectors.lookup import find_device_ids
from campaigns.selectors.row_ids import read_id
from campaigns.selectors.suggestions import suggest_values
from campaigns.selectors.uses import list_segment_uses
from campaigns.services.access import has_role, name_actor, require_role
from campaigns.services.audience import create_segment, delete_segment, update_segment
from campaigns.services.segment_versions import list_versions

Role = Membership.Role
MAX_ID = 2**53
MOST_DEVICES = 5  # that one search explains


def find_segment(principal: Any, pk: int) -> Segment:
    """Raises NotFound."""
    rows = Segment.objects.for_user(principal).select_related("app__workspace")
    segment: Segment | None = rows.filter(pk=pk).first() if pk < MAX_ID else None
    if segment is None:
        raise NotFound(_("There is no such segment."))
    return segment


def list_composed(principal: Any) -> list[App]:
    """Apps for which the operator may make a segment."""
    apps = App.objects.for_user(principal).select_related("workspace").order_by("pk")
    return [app for app in apps if has_role(principal, app, Role.COMPOSER)]


@operator_page
def segments(request: HttpRequest) -> HttpResponse:
    """Segments that the operator sees, by name, page by page."""
    found, context = read_list(request, Segment.objects.for_user(request.user))
    return draw_page(request, "pages/segments.html", _("Segments"), {"segments": found, **context})


@operator_page
def new_segment(request: HttpRequest) -> HttpResponse:
    """A new segment, empty, of another's expression (`?copy=<id>`), or as it is posted."""
    if request.method == "POST":
        app = find_app(request.user, request.POST.get("app", ""))
        return _save(request, app, None)
    apps = list_composed(request.user)
    if not apps:
        return draw_composed(request, _("New segment"))
    chosen = request.GET.get("app", "") or recall_app(request)
    app = next((one for one in apps if str(one.pk) == chosen), apps[0])
    copied = request.GET.get("copy", "")
    if not copied:
        return _draw(request, open_editor(app, None), None)
    segment = find_segment(request.user, read_id(copied))
    editor = open_editor(segment.app, segment)
    longest = Segment._meta.get_field("name").max_length or 0
    own = Segment.objects.filter(app=segment.app)
    editor.name = name_copy(own, segment.name, longest=longest)
    editor.version = ""
    return _draw(request, editor, None)


@operator_page
def segment_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One segment: looked at by every member, changed by composers."""
    segment = find_segment(request.user, pk)
    if request.method == "POST":
        return _save(request, segment.app, segment)
    return _draw(request, open_editor(segment.app, segment), segment)


def _save(request: HttpRequest, app: App, segment: Segment | None) -> HttpResponse:
    require_role(request.user, app, Role.COMPOSER)
    remember_app(request, app)
    editor = _read_posted(request, app)
    if editor.check() is None:
        editor.tell_all()
        return _draw(request, editor, segment)
    given: dict[str, Any] = {
        "name": editor.name,
        "description": editor.description,
        "expression": editor.read_body(),
        "actor": name_actor(request.user),
        "now": timezone.now(),
    }
    try:
        if segment is None:
            saved = create_segment(editor.app, **given)
        else:
            saved = update_segment(segment, seen=editor.version, **given)
    except Refused as refusal:
        editor.faults |= refusal.fields or {"name": refusal.message}
        return _draw(request, editor, segment)
    messages.success(request, _("Saved."))
    return redirect("segment", pk=saved.pk)


def _draw(request: HttpRequest, editor: Editor, segment: Segment | None) -> HttpResponse:
    context = {
        **_describe(request, editor),
        "segment": segment,
        "history_page": find_history(request.user, segment, editor.app.workspace)
        if segment
        else "",
        "apps": list_composed(request.user) if segment is None else [],
        "uses": list_segment_uses(segment) if segment else [],
        "versions": list_versions(segment) if segment else [],
    }
    title = segment.name if segment else _("New segment")
    has_faults = bool(editor.faults) or _has_node_faults(editor)
    status = 422 if has_faults else 200
    return draw_page(request, "pages/segment.html", title, context, status=status)


def _has_node_faults(editor: Editor) -> bool:
    return editor.tree is not None and any(node.faults for node in editor.tree.root.walk())


def _describe(request: HttpRequest, editor: Editor) -> dict[str, Any]:
    return {
        "editor": editor,
        "app": editor.app,
        "options": list_options(editor.app),
        "may_change": has_role(request.user, editor.app, Role.COMPOSER),
    }


@require_POST
@operator_page
def segment_draw(request: HttpRequest) -> HttpResponse:
    """The tree after an action, or after a field has changed what stands beside it."""
    editor = _read_posted(request)
    verb, _dash, key = request.headers.get("HX-Trigger-Name", "").partition("-")
    # A comparison without a value, or with a length of time, leaves no type behind.
    if verb == "field" or (verb == "op" and f"type-{key}" not in request.POST):
        editor.take_usual_type(key)
    editor.act(request.POST.get("action", ""))
    response = draw_fragment(request, "pages/segment_builder.html", _describe(request, editor))
    response["HX-Trigger-After-Swap"] = "pa-segment-changed"
    return response


@require_POST
@operator_page
def segment_count(request: HttpRequest) -> HttpResponse:
    """Whom the expression means now, and at each node what is wrong with it."""
    editor = _read_posted(request)
    expression = editor.check()
    editor.hush()
    context: dict[str, Any] = {"editor": editor, "nodes": _list_conditions(editor)}
    if expression is not None:
        context["doubts"] = editor.doubt(expression)
        audience = Audience(AudienceKind.EXPRESSION, expression=expression)
        context["count"] = take_headcount(editor.app, audience)
    return draw_fragment(request, "pages/segment_count.html", context)


def _list_conditions(editor: Editor) -> list[Any]:
    if editor.tree is None:
        return []
    return [node for node in editor.tree.root.walk() if not node.terms]


def _read_posted(request: HttpRequest, app: App | None = None) -> Editor:
    app = app or find_app(request.user, request.POST.get("app", ""))
    try:
        return read_editor(app, request.POST, request.user)
    except Invalid as error:
        raise NotFound(error.message) from error


@require_POST
@operator_page
def segment_values(request: HttpRequest) -> HttpResponse:
    """Values to choose from for the field of one node."""
    app = find_app(request.user, request.POST.get("app", ""))
    key = request.POST.get("key", "")[:8]
    name = request.POST.get(f"field-{key}", "") + request.POST.get(f"own-{key}", "")
    field = find_field(name)
    typed = request.POST.get(f"value-{key}", "").replace("\0", "")
    is_list = request.POST.get(f"op-{key}") == "in"
    term = "" if is_list else typed[:128]
    values = suggest_values(app, field, term) if field else ()
    named = suggest_countries(term) if name.endswith(".country") and term else {}
    context = {"values": values, "named": named, "is_list": is_list, "key": key}
    return draw_fragment(request, "pages/segment_values.html", context)


@operator_page
def segment_why(request: HttpRequest, pk: int) -> HttpResponse:
    """Why the segment means whoever is searched for, node by node."""
    segment = find_segment(request.user, pk)
    who = request.GET.get("who", "").replace("\0", "").strip()[:4096]
    ids = find_device_ids(who, request.user) if who else set()
    devices = Device.objects.filter(app=segment.app, pk__in=ids).select_related("person")
    found = list(devices.order_by("pk")[: MOST_DEVICES + 1])
    context = {
        "who": who,
        "segment": segment,
        "told": [(device, explain_segment(segment, device)) for device in found[:MOST_DEVICES]],
        "has_more": len(found) > MOST_DEVICES,
    }
    return draw_fragment(request, "pages/segment_why.html", context)


@require_POST
@operator_page
def segment_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget it, unless something uses it."""
    segment = find_segment(request.user, pk)
    require_role(request.user, segment.app, Role.COMPOSER)
    try:
        delete_segment(segment, actor=name_actor(request.user), now=timezone.now())
    except Refused as refusal:
        tell_refusal(request, refusal)
        return redirect("segment", pk=pk)
    messages.success(request, _("%(name)s is deleted.") % {"name": segment.name})
    return redirect(reverse("segments"))
