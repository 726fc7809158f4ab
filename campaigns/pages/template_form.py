"""The page of one template as values: its name, and its message as the compose page writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Forbidden
from campaigns.models import App, Membership, MessageTemplate, Workspace
from campaigns.pages.composition import Composition, Place, read_composition, start_composition
from campaigns.pages.fields import PageForm
from campaigns.pages.message_form import MessageForm, read_initial
from campaigns.pages.stored_texts import keep_stored
from campaigns.pages.translation_form import TranslationFormSet, Translations, read_translations
from campaigns.selectors.origins import add_origin
from campaigns.services.access import find_apps, has_role
from campaigns.services.templates import MAX_DESCRIPTION, MAX_NAME, TemplateValues


class TemplateForm(PageForm):
    """What a template is called."""

    kept_name = forms.CharField(
        label=gettext_lazy("Name of the template"), required=False, max_length=MAX_NAME
    )
    description = forms.CharField(
        label=gettext_lazy("Description"),
        required=False,
        max_length=MAX_DESCRIPTION,
        help_text=gettext_lazy("What it is for; the library's search finds its words."),
    )
    shared = forms.BooleanField(
        label=gettext_lazy("For every app of the workspace"), required=False
    )

    def read_values(self, content: Any) -> TemplateValues:
        """As the library takes them. Only when valid."""
        given = self.cleaned_data
        return TemplateValues(given["kept_name"], given["description"], content)

    def place_template_faults(self, faults: dict[str, str]) -> dict[str, str]:
        """Show those of the name and the description; give back the others, by path."""
        return self.place_faults(
            {"kept_name" if path == "name" else path: words for path, words in faults.items()}
        )


@dataclass(slots=True)
class TemplatePage:
    """A template's two halves while they are drawn or read."""

    form: TemplateForm
    composition: Composition

    def is_valid(self) -> bool:
        """Whether both are; the rest of the composition is nobody's business here."""
        message, translations = self.composition.message, self.composition.translations
        return all([self.form.is_valid(), message.is_valid(), translations.is_valid()])

    def write_content(self, before: dict[str, Any]) -> dict[str, Any]:
        """The message, with what the template says for vendors that are on no route shown here."""
        content = self.composition.write_message()
        shown = {dialect.key for dialect in self.composition.message.dialects}
        others = {k: v for k, v in (before.get("extras") or {}).items() if k not in shown}
        extras = others | content.get("extras", {})
        return content | ({"extras": extras} if extras else {})


def find_template_place(principal: Any, template: MessageTemplate) -> Place | None:
    """Whose fields its page shows: its app's, else those of the workspace's first app."""
    apps = App.objects.for_user(principal).filter(workspace=template.workspace_id)
    app = (
        apps.filter(pk=template.app_id).first() if template.app_id else apps.order_by("pk").first()
    )
    return Place(app, None, (app,)) if app else None


def compose_from(principal: Any, template: MessageTemplate) -> Composition:
    """A new campaign with its message, for the first of its apps that one may compose for."""
    apps = find_apps(principal, Membership.Role.COMPOSER).filter(workspace=template.workspace_id)
    offered = apps.filter(pk=template.app_id) if template.app_id else apps
    app = offered.order_by("pk").first()
    if app is None:
        raise Forbidden(_("You may not compose for the apps of this template."))
    composition = start_composition(principal, Place(app, None, (app,)))
    put_template(composition, template)
    return composition


def start_template_page(principal: Any, template: MessageTemplate, place: Place) -> TemplatePage:
    """The page of a stored one."""
    content = template.content
    initial = read_initial(content) | {"translations": read_translations(content)}
    composition = start_composition(principal, place, initial)
    composition.version = template.updated_at.isoformat()
    composition.stored = keep_stored(template)
    named = {"kept_name": template.name, "description": template.description}
    return TemplatePage(_keep_place(TemplateForm(initial=named)), composition)


def read_template_page(request: HttpRequest, place: Place) -> TemplatePage:
    """What was posted, for the template's own place whatever the post says."""
    post: QueryDict = request.POST.copy()
    post["target"] = place.key
    composition = read_composition(request.user, post)
    return TemplatePage(_keep_place(TemplateForm(request.POST)), composition)


def _keep_place(form: TemplateForm) -> TemplateForm:
    """A template stays where it was made."""
    del form.fields["shared"]
    return form


def make_keep_form(
    principal: Any, apps: tuple[App, ...], post: QueryDict | None = None
) -> TemplateForm:
    """What compose asks before it keeps; for every app of the workspace where that is allowed."""
    form = TemplateForm(post)
    if len(apps) > 1 or not has_role(principal, apps[0].workspace, Membership.Role.COMPOSER):
        del form.fields["shared"]
    return form


def find_keeping_place(form: TemplateForm, apps: tuple[App, ...]) -> App | Workspace:
    """Where what is composed for these apps is kept: of several, or when asked, the workspace."""
    is_shared = len(apps) > 1 or form.cleaned_data.get("shared")
    return apps[0].workspace if is_shared else apps[0]


def may_keep(principal: Any, apps: tuple[App, ...]) -> bool:
    """Whether somebody may keep what is composed for these apps."""
    place = apps[0].workspace if len(apps) > 1 else apps[0]
    return has_role(principal, place, Membership.Role.COMPOSER)


def put_template(composition: Composition, template: MessageTemplate) -> None:
    """Let its message take the place of the one that is composed."""
    values = read_initial(template.content)
    rows = read_translations(template.content)
    composition.message = MessageForm(initial=values, dialects=composition.place.dialects())
    translations = TranslationFormSet(prefix="translations", initial=rows)
    composition.translations = cast(Translations, translations)
    composition.origins = add_origin(composition.origins, template)
    composition.stored = keep_stored(template)


def name_place(template: MessageTemplate) -> str:
    """For which apps it is offered."""
    return template.app.name if template.app else str(_("Every app"))
