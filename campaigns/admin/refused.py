"""A staff page of which a service refuses something: it is drawn again as it was typed."""

from __future__ import annotations

from copy import copy
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.admin import ModelAdmin

from campaigns.errors import Refused


class DrawsAgain(ModelAdmin):
    """Forms that lose nothing when a service says no, which it may only when they are saved."""

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        refusal: Refused | None = getattr(request, "refusal", None)
        return _refuse(form, refusal) if refusal else form

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Refused as refusal:
            asked: Any = copy(request)
            asked.refusal = refusal
            return super().changeform_view(asked, *args, **kwargs)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except Refused as refusal:
            return self.tell_refusal(request, refusal)

    def tell_refusal(self, request: HttpRequest, refusal: Refused) -> HttpResponse:
        """Say why not, on the page that was asked for; nothing has been changed."""
        messages.error(request, " ".join(_list_sentences(refusal).values()))
        return redirect(request.get_full_path())

    def draw_typed(self, request: HttpRequest, object_id: str, refusal: Refused) -> Any:
        """The page of a row whose panel was refused; the panel finds what was typed in `POST`."""
        messages.error(request, refusal.message)
        drawn = copy(request)
        drawn.method = "GET"  # the form of the row itself was not sent
        return self.changeform_view(drawn, object_id)


def _refuse(form: type[forms.ModelForm], refusal: Refused) -> type[forms.ModelForm]:
    """The same form, which finds that wrong which a service has refused."""

    class RefusedForm(form):  # type: ignore[valid-type,misc]  # made by the admin
        def clean(self) -> Any:
            cleaned = super().clean()
            for name, words in _list_sentences(refusal).items():
                self.add_error(name if name in self.fields else None, words)
            return cleaned

    return RefusedForm


def _list_sentences(refusal: Refused) -> dict[str, str]:
    """Each sentence once, by the field that it is about."""
    named = dict(refusal.fields)
    return named if refusal.message in named.values() else {"": refusal.message, **named}
