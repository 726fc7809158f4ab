"""Tags and aliases of the devices of one call: read, decided in memory, written at once."""

from __future__ import annotations

from collections.abc import Iterable

from campaigns.models import App, Device, DeviceMark
from campaigns.models.bulk import IdList
from campaigns.services.device_rows import DeviceRow

TAG, ALIAS = DeviceMark.Kind.TAG, DeviceMark.Kind.ALIAS
MAX_TAGS = 100  # of one device
Mark = tuple[str, str]  # kind and name


class MarkBook:
    """What devices carried before, and what they carry now."""

    def __init__(self, app: App, max_tags: int = MAX_TAGS) -> None:
        self.app, self.max_tags = app, max_tags
        self.rows: dict[int, dict[Mark, int]] = {}  # by the device's id: mark -> its row's id
        self.marks: dict[int, set[Mark]] = {}  # by id() of the device
        self.changed: dict[int, Device] = {}  # by id() of the device

    def load(self, devices: Iterable[Device]) -> None:
        """Read what these devices carry."""
        known = {device.pk: device for device in devices}
        rows = DeviceMark.objects.filter(device__in=IdList(known))
        for pk, device_id, kind, name in rows.values_list("pk", "device_id", "kind", "name"):
            self.rows.setdefault(device_id, {})[kind, name] = pk
            self.marks.setdefault(id(known[device_id]), set()).add((kind, name))

    def change(self, device: Device, row: DeviceRow) -> bool:
        """Give and take what the row says; False, and nothing done, for too many tags."""
        held = self.marks.get(id(device), set())
        old = {name for kind, name in held if kind == TAG}
        tags = _change_tags(old, row)
        if len(tags) > max(self.max_tags, len(old)):
            return False
        aliases = {mark for mark in held if mark[0] == ALIAS}
        if row.alias is not None:
            aliases = {(ALIAS.value, row.alias)} if row.alias else set()
        self.marks[id(device)] = {(TAG.value, name) for name in tags} | aliases
        self.changed[id(device)] = device
        return True

    def save(self) -> None:
        """Write the difference; what is taken away goes first, for a device has one alias."""
        gone, new = [], []
        for place, device in self.changed.items():
            before = self.rows.get(device.pk, {})
            gone += [pk for mark, pk in before.items() if mark not in self.marks[place]]
            new += [
                DeviceMark(app=self.app, device=device, kind=kind, name=name)
                for kind, name in sorted(self.marks[place] - before.keys())
            ]
        if gone:
            DeviceMark.objects.filter(pk__in=IdList(gone)).delete()
        DeviceMark.objects.bulk_create(new)


def _change_tags(held: set[str], row: DeviceRow) -> set[str]:
    kept = held if row.tags is None else set(row.tags)
    return (kept | set(row.add_tags)) - set(row.remove_tags)
