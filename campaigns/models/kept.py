"""What composers keep for the next campaign: templates of messages, and groups that get tests."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.access import Workspace, visible_app_ids, visible_workspace_ids
from campaigns.models.apps import App
from campaigns.models.audience import Device, Person
from campaigns.models.scoping import ScopedQuerySet

MAX_TESTERS = 10  # as many as a test may reach


class TemplateQuerySet(ScopedQuerySet):
    """One of an app is seen by whoever sees the app, one of a whole workspace by its members."""

    def _visible_to(self, principal: Any) -> Q:
        shared = Q(app__isnull=True, workspace__in=visible_workspace_ids(principal))
        return shared | Q(app__in=visible_app_ids(principal))


class MessageTemplate(models.Model):
    """A message to begin with: for one app, or without one for every app of the workspace.

    `content` as in Message. What was composed from it does not change with it.
    """

    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="message_templates", verbose_name=_("workspace")
    )
    app = models.ForeignKey(
        App,
        models.CASCADE,
        related_name="message_templates",
        null=True,
        blank=True,
        verbose_name=_("app"),
    )
    name = models.CharField(_("name"), max_length=120)
    description = models.CharField(_("description"), max_length=255, blank=True)
    content = models.JSONField(_("content"), default=dict)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"))
    updated_at = models.DateTimeField(_("changed"))
    created_by = models.CharField(_("created by"), max_length=150)

    objects = TemplateQuerySet.as_manager()

    class Meta:
        verbose_name = _("template")
        verbose_name_plural = _("templates")
        constraints = [
            models.UniqueConstraint(
                fields=["app", "name"],
                condition=Q(app__isnull=False),
                name="message_template_in_app_once",
            ),
            models.UniqueConstraint(
                fields=["workspace", "name"],
                condition=Q(app__isnull=True),
                name="message_template_shared_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def place(self) -> App | Workspace:
        """Where a role must be held to change it."""
        return self.app or self.workspace

    @property
    def headline(self) -> str:
        """The title, else the text, of the common content or of the first platform with one."""
        blocks = [self.content, *(self.content.get(key) or {} for key in ("android", "ios", "web"))]
        texts = [block.get(part) for part in ("title", "body") for block in blocks]
        return next((text for text in texts if text), "")


class TestGroup(models.Model):
    """A named set of an app's devices and persons that get tests; at most `MAX_TESTERS` rows."""

    __test__ = False  # test runners collect classes with this prefix

    app = models.ForeignKey(App, models.CASCADE, related_name="test_groups", verbose_name=_("app"))
    name = models.CharField(_("name"), max_length=120)
    created_at = models.DateTimeField(_("created"))
    created_by = models.CharField(_("created by"), max_length=150)

    objects = ScopedQuerySet.as_manager()
    app_path = "app"

    class Meta:
        verbose_name = _("test group")
        verbose_name_plural = _("test groups")
        constraints = [models.UniqueConstraint(fields=["app", "name"], name="test_group_name_once")]

    def __str__(self) -> str:
        return self.name


class Tester(models.Model):
    """One device of a test group, or one person with all devices that he has in the app."""

    group = models.ForeignKey(TestGroup, models.CASCADE, related_name="testers")
    device = models.ForeignKey(
        Device, models.CASCADE, related_name="testers", null=True, blank=True
    )
    person = models.ForeignKey(
        Person, models.CASCADE, related_name="testers", null=True, blank=True
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(device__isnull=False) ^ Q(person__isnull=False),
                name="tester_device_or_person",
            ),
            models.UniqueConstraint(fields=["group", "device"], name="tester_device_once"),
            models.UniqueConstraint(fields=["group", "person"], name="tester_person_once"),
        ]
