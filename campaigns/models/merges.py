"""Persons who turned out to be one: what became of the second one, until it is taken back."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from campaigns.models.access import Workspace
from campaigns.models.audience import Person
from campaigns.models.scoping import ScopedQuerySet


class KeptText(models.Func):
    """A text in a column of JSON, said as an index can say it: Django binds the key's name to a
    parameter, and SQLite takes no parameter for what stands in an index."""

    template = "JSON_EXTRACT(%(expressions)s, '$.%(key)s')"

    def __init__(self, expression: Any, key: str) -> None:
        super().__init__(expression, key=key, output_field=models.TextField())

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(%(expressions)s ->> '%(key)s')"
        return self.as_sql(compiler, connection, template=template, **context)


class PersonMerge(models.Model):
    """`gone_id` was merged into `kept_id`; `person` is who has them now.

    Until it is taken back, whoever names the gone one by `external_user_id` means `person`.
    `values` are the gone one's columns as they were, `moved` the ids of what went over:
    `{"devices": [], "labels": [], "filled": {column: what the kept one had}}`.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    person = models.ForeignKey(Person, models.CASCADE, related_name="merges")
    kept_id = models.BigIntegerField()
    gone_id = models.BigIntegerField()
    external_user_id = models.CharField(_("external user id"), max_length=255, blank=True)
    values = models.JSONField(default=dict)
    moved = models.JSONField(default=dict)
    at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    undone_at = models.DateTimeField(null=True)
    undone_by = models.CharField(max_length=150, blank=True)

    objects = ScopedQuerySet.as_manager()
    workspace_path = "workspace"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "external_user_id"],
                condition=Q(undone_at__isnull=True) & ~Q(external_user_id=""),
                name="person_merge_alias_once",
            ),
            models.UniqueConstraint(
                fields=["gone_id"],
                condition=Q(undone_at__isnull=True),
                name="person_merge_gone_once",
            ),
        ]
        # Of the JSON itself: what a worker of an older version writes is found, too.
        indexes = [
            models.Index(
                models.F("workspace"),
                Lower(KeptText("values", "email")),
                condition=Q(undone_at__isnull=True),
                name="person_merge_email",
            ),
            models.Index(
                models.F("workspace"),
                KeptText("values", "phone"),
                condition=Q(undone_at__isnull=True),
                name="person_merge_phone",
            ),
        ]
