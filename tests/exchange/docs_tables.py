"""The tables of docs/exchange.md, made from the dialects: `python -m tests.exchange.docs_tables`.

What a dialect can say is what it keeps outbound: its wire reads what it writes.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from providers import registry
from providers.audience import Condition, Op
from providers.contract import Addressing, Dialect, Fate
from providers.message_channels import IN_APP_FIELDS
from providers.message_platforms import BLOCK_FIELDS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "exchange.md"
TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
NAMES = frozenset({Addressing.TOKEN, Addressing.VENDOR_ID, Addressing.USERNAME})
KINDS = {
    Addressing.TOKEN: "tokens",
    Addressing.VENDOR_ID: "device ids",
    Addressing.USERNAME: "persons",
    Addressing.LABEL: "labels",
    Addressing.FILTER: "filters",
    Addressing.EVERYONE: "everyone",
}
LABELLED = Condition("person.label", Op.EQ, "vip")
FATES = {
    Fate.CARRIED: "carried",
    Fate.RENAMED: "renamed",
    Fate.EMULATED: "emulated",
    Fate.TRUNCATED: "cut",
    Fate.DROPPED: "lost",
}
NOT_REACHED = "–"  # noqa: RUF001


def list_doors() -> list[Dialect]:
    return [dialect for dialect in registry.all_dialects() if dialect.has_door]


def list_vendors() -> list[Dialect]:
    """All that pushes leave through; the gateways come last."""
    vendors = [
        dialect
        for dialect in registry.all_dialects()
        if dialect.connect and dialect.platforms and not dialect.is_sandbox
    ]
    return sorted(vendors, key=lambda dialect: dialect.fans_out)


def judge_kind(kind: Addressing, vendor: Dialect) -> str:
    """What becomes of a call that says whom it means in this way: taken, exact or refused."""
    known = vendor.limits.addressing
    if known & NAMES:
        return "taken"
    if kind in NAMES:
        return "refused"
    is_filtered = Addressing.FILTER in known and (
        kind is not Addressing.LABEL or vendor.can_filter(LABELLED)
    )
    return "exact" if kind in known or is_filtered else "refused"


def list_fields(dialect: Dialect) -> list[str]:
    """Paths of the message fields that a call of this dialect can hold."""
    others = ["channel", *(f"in_app.{spec.name}" for spec in IN_APP_FIELDS)]
    others = [path for path in others if path in dialect.carries]
    others += ["translations"] * dialect.takes_translations
    own = [f"extras.{dialect.key}"] if dialect.message_options else []
    paths = [
        f"{platform.value}.{spec.name}"
        for platform, specs in BLOCK_FIELDS.items()
        if platform in dialect.platforms
        for spec in specs
    ]
    return [path for path in paths if find_fate(dialect, path) != "lost"] + others + own


def find_fate(vendor: Dialect, path: str) -> str:
    """How a field fares at a vendor, in a word; a dash where it does not reach the platform."""
    from campaigns.services.carrying import find_carry

    head, _dot, rest = path.partition(".")
    if head == "extras":
        return FATES[Fate.CARRIED if rest == vendor.key else Fate.DROPPED]
    if head in {platform.value for platform in BLOCK_FIELDS.keys() - vendor.platforms}:
        return NOT_REACHED
    return FATES[find_carry(vendor, head, path).fate]


def write_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_addressing_table() -> str:
    vendors = list_vendors()
    rows = [
        [door.label, KINDS[kind], *(judge_kind(kind, vendor) for vendor in vendors)]
        for door in list_doors()
        for kind in KINDS
        if kind in door.limits.addressing
    ]
    return write_table(["in", "names", *(f"out: {vendor.label}" for vendor in vendors)], rows)


def write_pair(door: Dialect, vendor: Dialect) -> str:
    tally = Counter(find_fate(vendor, path) for path in list_fields(door))
    told = ", ".join(f"{tally[word]} {word}" for word in FATES.values() if tally[word])
    return told or NOT_REACHED


def write_pairs_table() -> str:
    vendors = list_vendors()
    rows = [
        [door.label, *(write_pair(door, vendor) for vendor in vendors)] for door in list_doors()
    ]
    return write_table(["in", *(f"out: {vendor.label}" for vendor in vendors)], rows)


def write_fields_tables() -> str:
    vendors = list_vendors()
    parts = []
    for door in list_doors():
        rows = [
            [f"`{path}`", *(find_fate(vendor, path) for vendor in vendors)]
            for path in list_fields(door)
        ]
        table = write_table(["field", *(f"out: {vendor.label}" for vendor in vendors)], rows)
        parts.append(f"### In: {door.label}\n\n{table}")
    return "\n\n".join(parts)


def write_page(text: str) -> str:
    tables = {
        "addressing": write_addressing_table(),
        "pairs": write_pairs_table(),
        "fields": write_fields_tables(),
    }
    return TABLE.sub(lambda found: f"{found[1]}\n{tables[found[2]]}\n\n{found[3]}", text)


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushadmin.settings")
    django.setup()
    PAGE.write_text(write_page(PAGE.read_text()))
