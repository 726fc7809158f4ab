"""`manage.py new_vendor acme`: a vendor's package and page, which pass the suite as they are."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from string import Template
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

SCAFFOLD = Path(__file__).resolve().parent.parent / "scaffold"
MODULES = ("__init__.py", "wire.py", "outbound.py", "inbound.py")


class Command(BaseCommand):
    help = "Writes the files of a new vendor: its package, its page in the docs, its answers."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="Lower-case letters and digits, e.g. acme.")
        parser.add_argument("--root", type=Path, default=settings.BASE_DIR)

    def handle(self, *args: Any, **options: Any) -> None:
        key, root = options["name"], options["root"]
        if not re.fullmatch(r"[a-z][a-z0-9]{1,30}", key) or keyword.iskeyword(key):
            raise CommandError("A vendor's name is lower-case letters and digits, like acme.")
        for path, text in write_files(key, root).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with path.open("x") as file:
                    file.write(text)
            except FileExistsError as error:
                raise CommandError(f"{path} exists already.") from error
            self.stdout.write(str(path.relative_to(root)))
        self.stdout.write("Next: docs/adding-a-vendor.md, step 2.")


def write_files(key: str, root: Path) -> dict[Path, str]:
    """Every file of a new vendor, by path."""
    package = root / "providers" / "vendors" / key
    sources = {package / name: f"{name}.txt" for name in MODULES}
    sources[root / "docs" / "vendors" / f"{key}.md"] = "page.md.txt"
    sources[root / "tests" / "fixtures" / key / "errors.json"] = "errors.json.txt"
    names = {"key": key, "label": key.capitalize()}
    return {
        path: Template((SCAFFOLD / source).read_text()).substitute(names)
        for path, source in sources.items()
    }
