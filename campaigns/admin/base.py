"""What every staff page shares: rows through `for_user`, rights by role, changes in the audit log.

A page shows facts above its form and offers verbs: buttons that post, each of which calls a
service. Nothing is changed by following a link.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.db.models import Field, JSONField, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from unfold.contrib.filters.admin import RelatedDropdownFilter

from campaigns.admin.seen import SavesWhatWasSeen
from campaigns.errors import Refused
from campaigns.models import App, AuditEntry, Workspace
from campaigns.services.access import (
    SUPERUSER,
    find_apps,
    find_workspaces,
    has_role,
    name_actor,
    record_audit,
)
from campaigns.services.permissions import NEEDS, Role, find_place, may
from providers.forms import BoundedJSONField

HISTORY_SIZE = 200


@dataclass(frozen=True, slots=True)
class Fact:
    """One line above the form: text, maybe a link, maybe a chip (good, bad, warn, info)."""

    label: str
    text: str
    link: str = ""
    chip: str = ""
    is_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """A button that posts: `name` is the method of the admin class that does it."""

    name: str
    label: str | Promise
    icon: str
    question: str | Promise = ""  # asked before it is done
    is_dangerous: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A text that is shown once and kept nowhere."""

    title: str
    label: str
    text: str
    note: str
    back: str


class ScopedFilter(RelatedDropdownFilter):
    """A filter by a related row that offers only rows which the user may see."""

    MAX_CHOICES = 200

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        rows = field.remote_field.model.objects.for_user(request.user).order_by("name")
        return [(row.pk, str(row)) for row in rows[: self.MAX_CHOICES]]


class RowsOfParent:
    """An inline whose rights hang on the row of its page.

    Django asks for rights without any row when it fetches an inline's rows, and shows none where
    the answer is no. Whether this inline is on the page at all was decided with the row.
    """

    model: type[Model]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = self.model._default_manager
        visible: QuerySet[Any] = rows.for_user(request.user)
        return visible


class StaffAdmin(SavesWhatWasSeen):
    """The base of every staff page. Rights come from `permissions.NEEDS`, rows from `for_user`."""

    list_filter_submit = True
    list_per_page = 50
    show_full_result_count = False
    actions = None  # nothing in bulk: rights differ from row to row
    warn_unsaved_form = True
    change_form_outer_before_template = "staff/panel.html"
    fixed_fields: ClassVar[tuple[str, ...]] = ()  # set once, when the row is added
    hidden_fields: ClassVar[tuple[str, ...]] = ()  # no filter may ask for them
    audits_itself = False  # its services leave the audit entry
    verbs: ClassVar[tuple[Verb, ...]] = ()
    own_verbs: ClassVar[tuple[str, ...]] = ()  # of forms of the page's own panel, sent as `_do`

    # --- who sees what ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = self.list_visible(request)
        needs = NEEDS[str(self.opts.model_name)]
        if needs.view != Role.VIEWER and not request.user.is_superuser:
            # As a list: of one workspace it is then a walk along an index in the order of time.
            reached = find_workspaces(request.user, needs.view).values_list("pk", flat=True)
            rows = rows.filter(**{f"{self.model.workspace_path}__in": list(reached)})
        return rows.order_by(*(self.get_ordering(request) or ["-pk"]))

    def list_visible(self, request: HttpRequest) -> QuerySet[Any]:
        visible: QuerySet[Any] = self.model.objects.for_user(request.user)
        return visible

    def allows(self, request: HttpRequest, verb: str, row: Any) -> bool:
        """Whether this user may do that here. A row may come as its id, which says nothing."""
        role = NEEDS[str(self.opts.model_name)].role_for(verb)
        name = f"{self.opts.app_label}.{verb}_{self.opts.model_name}"
        if not role or not request.user.has_perm(name):
            return False
        return not isinstance(row, Model) or may(request.user, verb, row)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, "view", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.allows(request, "add", None)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, "delete", obj)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What the address fills in; where it names related rows, only by their ids."""
        related = {
            field.name
            for field in (*self.opts.fields, *self.opts.many_to_many)
            if field.is_relation
        }
        return {
            name: value
            for name, value in super().get_changeform_initial_data(request).items()
            if name not in related or _are_ids(value)
        }

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> Any:
        # PostgreSQL refuses a NUL, and nothing holds one.
        return super().get_search_results(request, queryset, search_term.replace("\0", ""))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """A number that no column holds finds nothing anywhere: it is as wrong as a letter."""
        try:
            return super().get_changelist_instance(request)
        except (OverflowError, DataError) as error:
            raise IncorrectLookupParameters(error) from error

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        if lookup.split("__", maxsplit=1)[0] in self.hidden_fields:
            return False
        return super().lookup_allowed(lookup, value, request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = self.fixed_fields if obj else ()
        return (*super().get_readonly_fields(request, obj), *fixed)

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, JSONField):
            kwargs.setdefault("form_class", BoundedJSONField)
        formfield = super().formfield_for_dbfield(db_field, request, **kwargs)
        if formfield and isinstance(formfield.widget, RelatedFieldWidgetWrapper):
            for offer in ("add", "change", "delete", "view"):
                setattr(formfield.widget, f"can_{offer}_related", False)
        return formfield

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        model = db_field.remote_field.model
        kwargs.setdefault("queryset", self.list_choices(model, request))
        if model is Workspace and not db_field.blank and len(found := kwargs["queryset"][:2]) == 1:
            kwargs.setdefault("initial", found[0].pk)  # nobody chooses among one
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", self.list_choices(db_field.remote_field.model, request))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def list_choices(self, model: Any, request: HttpRequest) -> QuerySet[Any]:
        """What a field of the form may name: places where the user may change such rows."""
        needs = NEEDS[str(self.opts.model_name)]
        role = needs.add or needs.change or SUPERUSER
        if model is Workspace:
            return find_workspaces(request.user, role).order_by("name")
        if model is App:
            return find_apps(request.user, role).order_by("name")
        visible: QuerySet[Any] = model.objects.for_user(request.user)
        return visible

    # --- what is kept of a change ---

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[str]:
        inner = [
            f"{formset.prefix}.{name}"
            for formset in formsets or ()
            for piece in formset.forms
            if piece.has_changed()
            for name in piece.changed_data
        ]
        return [*form.changed_data, *inner]

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        self.leave_entry(request, "add", obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        self.leave_entry(request, "change", obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Any]) -> None:
        for row in queryset:
            self.leave_entry(request, "delete", row, ())

    def leave_entry(self, request: HttpRequest, verb: str, row: Any, fields: Iterable[str]) -> None:
        if self.audits_itself:
            return
        actor, workspace = name_actor(request.user), _find_workspace(row)
        record_audit(actor, verb, row, workspace=workspace, fields=fields, now=timezone.now())

    def sees_history(self, request: HttpRequest, row: Any) -> bool:
        """Whether this user may read who has changed a row: whoever reads the audit log may."""
        return has_role(request.user, _find_workspace(row), NEEDS["auditentry"].view)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        row = self.find_row(request, object_id)
        if not self.sees_history(request, row):
            raise PermissionDenied(_("Only an admin for all apps of a workspace may see this."))
        entries = (
            AuditEntry.objects.filter(target_type=self.opts.model_name, target_id=str(row.pk))
            .select_related("workspace")
            .order_by("-pk")
        )
        context = {"entries": entries[:HISTORY_SIZE], "object": row, "opts": self.opts}
        title = _("Changes of %(name)s") % {"name": row}
        return self.draw(request, "staff/history.html", title, context)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        # Django would list every row below, and there may be a million.
        rows = list(objs)
        needed = {self.opts.verbose_name for row in rows if not may(request.user, "delete", row)}
        return [str(row) for row in rows], {self.opts.verbose_name: len(rows)}, needed, []

    # --- verbs and panels ---

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_do"
        view = self.admin_site.admin_view(self.do_verb)
        return [path("<path:object_id>/do/<str:verb>/", view, name=name), *super().get_urls()]

    def find_row(self, request: HttpRequest, object_id: str) -> Any:
        """The row if this user may see it, else 404."""
        row = self.get_object(request, unquote(object_id))
        if row is None or not self.has_view_permission(request, row):
            raise Http404(_("There is no such page, or it is not yours."))
        return row

    def do_verb(self, request: HttpRequest, object_id: str, verb: str) -> HttpResponseBase:
        row = self.find_row(request, object_id)
        if request.method != "POST":
            return redirect(self.link_to(row))
        if verb not in {offered.name for offered in self.list_verbs(request, row)}:
            raise PermissionDenied
        try:
            answer: HttpResponse | None = getattr(self, verb)(request, row)
        except Refused as refusal:
            messages.error(request, refusal.message)
            answer = None
        return answer or redirect(self.link_to(row))

    def do_typed(self, request: HttpRequest, row: Any) -> Any:
        """A verb of the page's own panel, sent to the page, which is drawn again if refused."""
        verb = request.POST["_do"]
        if verb not in self.own_verbs or not self.has_change_permission(request, row):
            raise PermissionDenied
        try:
            getattr(self, verb)(request, row)
        except Refused as refusal:
            return self.draw_typed(request, str(row.pk), refusal)
        return redirect(self.link_to(row))

    def list_verbs(self, request: HttpRequest, row: Any) -> list[Verb]:
        """The verbs that make sense for this row now, for who may change it."""
        return list(self.verbs) if self.has_change_permission(request, row) else []

    def list_facts(self, request: HttpRequest, row: Any) -> list[Fact]:
        """Lines to show above the form."""
        return []

    def link_to(self, row: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        row = self.get_object(request, unquote(object_id)) if object_id else None
        if row and request.method == "POST" and "_do" in request.POST:
            return self.do_typed(request, row)
        context: dict[str, Any] = {}
        if row:
            context["panel"] = self.draw_panel(request, row)
            context["show_history"] = self.sees_history(request, row)
        return super().changeform_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )

    def draw_panel(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What `staff/panel.html` shows; pages add keys for a panel of their own."""
        return {
            "row": row,
            "facts": self.list_facts(request, row),
            "verbs": self.list_verbs(request, row),
            "url_name": f"admin:{self.opts.app_label}_{self.opts.model_name}_do",
        }

    def draw(
        self, request: HttpRequest, template: str, title: str, context: dict[str, Any]
    ) -> HttpResponse:
        """A page of its own in the shell."""
        frame = {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        return TemplateResponse(request, template, {**frame, **context})

    def show_once(self, request: HttpRequest, shown: Shown) -> HttpResponse:
        """The only time that a secret is seen; no cache keeps the page."""
        draw = never_cache(
            lambda asked: self.draw(asked, "staff/once.html", shown.title, {"shown": shown})
        )
        response: HttpResponse = draw(request)
        return response


def _find_workspace(row: Any) -> Workspace | None:
    place = find_place(row)
    return place.workspace if isinstance(place, App) else place


def _are_ids(value: Any) -> bool:
    items = value if isinstance(value, list) else [value]
    return all(str(item).isdecimal() and len(str(item)) < 17 for item in items)


class ReadOnlyAdmin(StaffAdmin):
    """Rows that nobody changes by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
