"""Guarded status changes: the WHERE clause is the lock, and the move writes its own history."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from django.db import models, transaction
from django.utils.translation import gettext as _

from campaigns.errors import ChangedMeanwhile, IllegalMove


class Moving(models.Model):
    """A model with `status`, `status_since` and an event model at `events`."""

    MOVES: ClassVar[dict[str, set[str]]]
    Status: ClassVar[type[models.TextChoices]]
    pk: Any
    status: Any
    status_since: Any
    events: Any

    class Meta:
        abstract = True

    def move_to(
        self,
        new: str,
        *,
        actor: str,
        now: datetime,
        note: str = "",
        unchanged: Iterable[str] = (),
        **also: Any,
    ) -> None:
        """Change status if the rules allow it and nobody else got there first.

        `unchanged` names columns by which the caller decided and that must still be as they were
        read; `also` are columns set in the same UPDATE. Raises IllegalMove or ChangedMeanwhile.
        """
        old = self.status
        if new not in self.MOVES[old]:
            words = _("What is %(old)s cannot become %(new)s.")
            raise IllegalMove(words % {"old": self._say(old), "new": self._say(new)})
        with transaction.atomic():
            manager: models.Manager[Any] = type(self)._default_manager
            known = {name: getattr(self, name) for name in unchanged}
            unmoved = manager.filter(pk=self.pk, status=old, **known)
            if not unmoved.update(**{"status": new, "status_since": now, **also}):
                raise ChangedMeanwhile(_("Somebody else has just changed this. Reload the page."))
            self.events.create(old=old, new=new, actor=actor, at=now, note=note)
        self.status, self.status_since = new, now
        for name, value in also.items():
            setattr(self, name, value)

    def _say(self, status: str) -> str:
        """As pages call it, in the middle of a sentence."""
        return str(self.Status(status).label).lower()


class StatusEvent(models.Model):
    """One move of a status: from, to, who, when, and a sentence if there is one."""

    old = models.CharField(max_length=12)
    new = models.CharField(max_length=12)
    actor = models.CharField(max_length=150)
    at = models.DateTimeField()
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        abstract = True
        ordering = ["pk"]
