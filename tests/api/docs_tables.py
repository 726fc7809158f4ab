"""The tables of docs/api.md that are made from the code: `python -m tests.api.docs_tables`."""

from __future__ import annotations

import os
import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

UNITS = {"int": "", "number": "", "buttons": " of them"}


def write_message_table(specs) -> str:
    lines = ["| field | type | what it is |", "|---|---|---|"]
    for spec in specs:
        words = " ".join(
            text for text in (spec.help or f"{spec.label}.", write_bounds(spec)) if text
        )
        lines.append(f"| `{spec.name}` | {spec.kind.replace('_', ' ')} | {words} |")
    return "\n".join(lines)


def write_bounds(spec) -> str:
    if spec.choices:
        return "One of " + ", ".join(f"`{choice}`" for choice in spec.choices if choice) + "."
    unit = UNITS.get(spec.kind, " characters")
    if spec.minimum is not None:
        return f"From {spec.minimum} to {spec.maximum}{unit}."
    return f"At most {spec.maximum}{unit}." if spec.maximum is not None else ""


def write_audience_table(fields) -> str:
    lines = ["| field | type | ops |", "|---|---|---|"]
    lines += [
        f"| `{field.name}` | {field.kind.value} | {', '.join(f'`{op}`' for op in field.ops)} |"
        for field in fields
    ]
    return "\n".join(lines)


def write_tables() -> dict[str, str]:
    from campaigns.selectors.audience_fields import field_catalogue
    from providers.message_channels import OTHER_BLOCKS
    from providers.message_faults import TOP_FIELDS
    from providers.message_platforms import BLOCK_FIELDS

    tables = {"audience": write_audience_table(field_catalogue())}
    tables["common"] = write_message_table(TOP_FIELDS)
    tables |= {name: write_message_table(specs) for name, specs in OTHER_BLOCKS.items()}
    return tables | {
        platform.value: write_message_table(specs) for platform, specs in BLOCK_FIELDS.items()
    }


def write_page(text: str) -> str:
    tables = write_tables()
    return TABLE.sub(lambda found: f"{found[1]}\n{tables[found[2]]}\n\n{found[3]}", text)


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushadmin.settings")
    django.setup()
    PAGE.write_text(write_page(PAGE.read_text()))
