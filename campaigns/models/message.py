"""What is said: one message for every platform and language, stored as its JSON form."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models.apps import App
from campaigns.models.scoping import ScopedQuerySet
from providers.message import PushMessage
from providers.message_json import read_message


class Message(models.Model):
    """`content` is what `message_json.write_message` gives; it never changes once sending."""

    app = models.ForeignKey(
        App, models.CASCADE, related_name="messages", null=True, verbose_name=_("app")
    )
    content = models.JSONField(_("content"), default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet.as_manager()
    app_path = "app"

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")

    def read(self) -> PushMessage:
        """The message as a value."""
        return read_message(self.content)

    @property
    def headline(self) -> str:
        """The title, else the text, of the common content or of the first platform with one."""
        blocks = [self.content, *(self.content.get(key) or {} for key in ("android", "ios", "web"))]
        texts = [block.get(part) for part in ("title", "body") for block in blocks]
        return next((text for text in texts if text), "")
