"""What the routes do with the message, as the compose page words it: worst first, each once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models.audience import PLATFORMS
from campaigns.services.messages import Loss
from providers.contract import Fate
from providers.message_channels import OTHER_BLOCKS
from providers.message_fields import COMMON_FIELDS, DELIVERY_FIELDS, SHARED_FIELDS
from providers.message_platforms import BLOCK_FIELDS

FATES = {
    Fate.DROPPED: gettext_lazy("Lost"),
    Fate.TRUNCATED: gettext_lazy("Cut"),
    Fate.EMULATED: gettext_lazy("Done by us"),
    Fate.RENAMED: gettext_lazy("Renamed"),
}
WORST_FIRST = list(FATES)


@dataclass(slots=True)
class LossLine:
    """One thing that happens to one field, at whatever platforms it happens."""

    loss: Loss
    platforms: list[str]

    @property
    def fate(self) -> str:
        """Its fate in a word for people."""
        return str(FATES[self.loss.fate])

    @property
    def label(self) -> str:
        """The field as the form calls it."""
        return name_field(self.loss.field)


def gather_losses(losses: Iterable[Loss]) -> list[LossLine]:
    """The same loss at several platforms becomes one line; what loses most comes first."""
    names = dict(PLATFORMS)
    lines: dict[tuple[str, ...], LossLine] = {}
    for loss in losses:
        key = (loss.field, loss.fate, loss.name, loss.note, loss.dialect)
        line = lines.setdefault(key, LossLine(loss, []))
        platform = str(names.get(loss.platform, loss.platform))
        if platform and platform not in line.platforms:
            line.platforms.append(platform)
    return sorted(lines.values(), key=lambda line: WORST_FIRST.index(line.loss.fate))


def name_field(path: str) -> str:
    """What the form calls the field of a path such as `android.priority`."""
    block, _dot, name = path.rpartition(".")
    if block == "extras":
        return _("Fields of %(vendor)s") % {"vendor": name}
    labels = {spec.name: spec.label for spec in BLOCKS.get(block, ())}
    return _(labels[name]) if name in labels else str(UNLISTED.get(path, path))


BLOCKS = {
    "": (*COMMON_FIELDS, *SHARED_FIELDS, *DELIVERY_FIELDS),
    **OTHER_BLOCKS,
    **{platform.value: specs for platform, specs in BLOCK_FIELDS.items()},
}
UNLISTED = {"translations": gettext_lazy("Other languages")}
