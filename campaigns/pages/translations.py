"""The texts of a draft as a file: taken away, looked at when it comes back, then taken in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import ChangedMeanwhile, Conflict, Refused
from campaigns.models import Campaign, Membership
from campaigns.pages.composition import write_version
from campaigns.pages.digests import digest
from campaigns.pages.fields import PageForm
from campaigns.pages.layout import measure
from campaigns.pages.lookups import find_campaign, may
from campaigns.pages.shell import draw_page, operator_page
from campaigns.selectors.campaign_apps import list_apps
from campaigns.services.access import name_actor, require_role
from campaigns.services.translation_files import (
    Difference,
    apply_translations,
    compare_translations,
    write_translation_csv,
    write_translation_json,
)

Role = Membership.Role
MOST_BYTES = 2_000_000  # it comes back as a field of a form, and these are bounded
MOST_SHOWN = 100_000  # bytes of it in the page that shows what it would change
FILES = {
    "csv": (write_translation_csv, "text/csv; charset=utf-8"),
    "json": (write_translation_json, "application/json"),
}


class TranslationFileForm(PageForm):
    """A file with texts, or, once it was looked at, what it said."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        help_text=gettext_lazy("CSV or JSON as it was taken from here, in UTF-8."),
    )
    text = forms.CharField(widget=forms.HiddenInput(), required=False, strip=False)

    def clean(self) -> dict[str, Any]:
        """The text of the file, whichever way it came."""
        given = self.cleaned_data
        upload = given.get("file")
        if upload is not None:
            given["text"] = self._read(upload)
        if not given.get("text") and not self.errors:
            self.add_error("file", _("Choose a file."))
        return given

    def _read(self, upload: UploadedFile[Any]) -> str:
        if (upload.size or 0) > MOST_BYTES:
            self.add_error("file", _("The file is larger than 2 MB. Send it in parts."))
            return ""
        try:
            return bytes(upload.read()).decode("utf-8-sig")
        except UnicodeDecodeError:
            self.add_error("file", _("This is no text in UTF-8. Save it as CSV UTF-8."))
            return ""


@operator_page
def translation_file(request: HttpRequest, pk: int) -> HttpResponse:
    """The texts as `?format=csv` or `json`; a post compares a file, or with `apply` takes it in."""
    campaign = find_campaign(request.user, pk)
    kind = request.GET.get("format", "")
    if kind in FILES and request.method != "POST":
        write, content_type = FILES[kind]
        name = f'attachment; filename="campaign-{pk}-texts.{kind}"'
        headers = {"Content-Disposition": name}
        return HttpResponse(write(campaign.message.content), content_type, headers=headers)
    if request.method != "POST":
        return _draw(request, campaign, TranslationFileForm())
    for app in list_apps(campaign):
        require_role(request.user, app, Role.COMPOSER)
    form = TranslationFileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _draw(request, campaign, form)
    try:
        found = _take(request, campaign, form.cleaned_data["text"])
    except Refused as refusal:
        form.add_error("file", next(iter((refusal.fields or {}).values()), refusal.message))
        return _draw(request, campaign, form)
    if "apply" in request.POST:
        messages.success(request, _("The texts are in the draft."))
        return redirect("edit", pk=pk)
    return _draw(request, campaign, form, found)


def _take(request: HttpRequest, campaign: Campaign, text: str) -> Difference:
    if campaign.status not in Campaign.EDITABLE:
        words = _("Only a draft can be changed. Copy the campaign to change it.")
        raise Conflict(words, code="not_editable")
    if "apply" not in request.POST:
        return compare_translations(campaign.message.content, text)
    if request.POST.get("digest", digest(text)) != digest(text):
        words = _("This is not the file that you have looked at. Look at it first.")
        raise ChangedMeanwhile(words)
    if request.POST.get("version") != write_version(campaign):
        raise ChangedMeanwhile(_("Somebody else has just changed this. Choose the file again."))
    actor, now = name_actor(request.user), timezone.now()
    return apply_translations(campaign, request.user, text, actor=actor, now=now)


def _describe_text(text: str) -> dict[str, Any]:
    """What was looked at, to be taken in; of a long file only what it is known by, for it is
    chosen once more."""
    is_long = measure(text) > MOST_SHOWN
    return {"text": "" if is_long else text, "digest": digest(text) if is_long else ""}


def _draw(
    request: HttpRequest,
    campaign: Campaign,
    form: TranslationFileForm,
    found: Difference | None = None,
) -> HttpResponse:
    context = {
        "campaign": campaign,
        "form": form,
        "found": found,
        **_describe_text(form.cleaned_data["text"] if found else ""),
        "version": write_version(campaign),
        "languages": list(campaign.message.content.get("translations") or {}),
        "may_change": campaign.status in Campaign.EDITABLE
        and may(request.user, list_apps(campaign), Role.COMPOSER),
    }
    title = _("Translations: %(name)s") % {"name": campaign.name}
    status = 422 if form.errors else 200
    return draw_page(request, "pages/translation_file.html", title, context, status=status)
