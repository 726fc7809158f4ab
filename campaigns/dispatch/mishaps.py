"""What cannot be worked on is stopped and a person is told, so that it holds up nobody else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import Error
from django.db.models import Model
from django.utils.translation import gettext as _

from campaigns.errors import ChangedMeanwhile, Refused

logger = logging.getLogger(__name__)


@contextmanager
def stopping(what: Model, stop: Callable[[str], None]) -> Iterator[None]:
    """Call `stop` with a sentence when the work on `what` ends in an error nobody foresaw.

    A database that is away, and a row that somebody else has moved, are nobody's fault: both are
    raised again.
    """
    try:
        yield
    except (Error, ChangedMeanwhile):
        raise
    except Refused as refusal:
        logger.warning("%s %s is stopped: %s", type(what).__name__, what.pk, refusal.message)
        stop(refusal.message[:500])
    except Exception as error:
        # The words of an unforeseen error may name a person: they go to the log alone.
        logger.exception("%s %s is stopped by an error.", type(what).__name__, what.pk)
        words = _("An error stopped it (%(error)s); the log says more. Nothing of it was lost.")
        stop(words % {"error": type(error).__name__})
