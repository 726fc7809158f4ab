"""Class names in our templates exist: in the shell's finished stylesheet or in ours."""

from __future__ import annotations

import re
from pathlib import Path

import unfold

ROOT = Path(__file__).resolve().parent.parent.parent
TAGS = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
SHELLS_OWN = {"group", "errors"}  # read by the shell's own widgets


def list_classes() -> set[str]:
    pages = [*ROOT.glob("templates/pages/*.html"), *ROOT.glob("templates/ui/*.html")]
    values = [
        v for p in pages for v in re.findall(r'class="([^"]*)"', TAGS.sub(" ", p.read_text()))
    ]
    # A name that a tag completes, like pa-depth-1, leaves its stem behind.
    return {name for value in values for name in value.split() if not name.endswith("-")}


def test_every_class_of_the_templates_exists():
    sheets = [
        *ROOT.glob("static/pushadmin/*.css"),
        Path(unfold.__file__).parent / "static/unfold/css/styles.css",
    ]
    known = {
        name.replace("\\", "")
        for sheet in sheets
        for name in re.findall(r"\.((?:[\w-]|\\.)+)", sheet.read_text())
    }

    missing = list_classes() - known - SHELLS_OWN

    assert list_classes()
    assert missing == set()
