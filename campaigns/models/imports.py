"""Files of people and devices: what was uploaded, what its columns are, what became of it."""

from __future__ import annotations

import re
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models.apps import App
from campaigns.models.jobs import Job
from campaigns.models.scoping import ScopedQuerySet

EVIDENCE = re.compile(r"import ([1-9][0-9]{0,17})")


class Import(models.Model):
    """One uploaded file and what is to be done with it.

    The file lies in the pieces `upload` of the job of that name. `check` is the last dry run,
    `apply` what changed the rows. `mapping` and the fields after it are a `Choice` of
    services.import_targets; they hold from the next dry run on. `columns_hash` is the same for
    files with the same heading, so that a mapping can be proposed again.
    """

    class Verb(models.TextChoices):
        SAVE = "save", _("Save people and devices")
        ADD = "add", _("Add labels")
        REMOVE = "remove", _("Remove labels")

    app = models.ForeignKey(App, models.CASCADE, related_name="imports", verbose_name=_("app"))
    file_name = models.CharField(_("file"), max_length=255, blank=True)
    source = models.CharField(_("source"), max_length=255)
    size = models.BigIntegerField(_("bytes"), default=0)
    shape = models.JSONField(default=dict)
    columns_hash = models.BigIntegerField(null=True, editable=False)
    mapping = models.JSONField(default=dict)
    verb = models.CharField(max_length=8, choices=Verb, default=Verb.SAVE)
    platform = models.CharField(max_length=8, blank=True)
    labels = models.JSONField(default=list)
    moves_devices = models.BooleanField(default=False)
    is_wide = models.BooleanField(default=False)
    upload = models.OneToOneField(Job, models.SET_NULL, related_name="uploaded", null=True)
    check_job = models.OneToOneField(Job, models.SET_NULL, related_name="checked", null=True)
    apply_job = models.OneToOneField(Job, models.SET_NULL, related_name="applied", null=True)
    created_at = models.DateTimeField(_("created"), db_index=True)
    created_by = models.CharField(_("created by"), max_length=150)

    objects = ScopedQuerySet.as_manager()
    app_path = "app"

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        indexes = [
            models.Index(fields=["app", "columns_hash", "created_at"], name="import_columns")
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.file_name}".strip()

    @property
    def evidence(self) -> str:
        """What a token and an opt-out that it has brought are said to come from."""
        return f"import {self.pk}"

    @staticmethod
    def read_evidence(text: str) -> int:
        """The number of the import that this names; 0 for none."""
        found = EVIDENCE.fullmatch(text)
        return int(found[1]) if found else 0


class ImportKey(models.Model):
    """What rows of a file have named so far, while a dry run looks for rows that contradict one
    another: a hash of a person's or device's id. `entity` is the first key of the same one, whose
    row holds in `marks` what was said of it, as services.import_keys packs it.
    """

    pk: Any = models.CompositePrimaryKey("job_id", "key")
    job = models.ForeignKey(Job, models.CASCADE, related_name="+", db_index=False)
    key = models.BigIntegerField()
    entity = models.BigIntegerField()
    marks = models.BinaryField(default=b"")
