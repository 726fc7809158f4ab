"""Rules of the house that are no imports: each is held against every source file."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
import requests
from django.db import transaction

from providers import registry
from providers.contract import Dialect
from tests.house.sources import ROOT, nodes_of, place, python_files, template_files

MOVER = ROOT / "campaigns/models/moves.py"


def find_status_writes(path: Path) -> list[str]:
    """Places that assign `.status` of a row or put `status` into an UPDATE."""
    return [place(path, node) for node in nodes_of(path) if writes_status(node)]


def writes_status(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        flat = [item for t in targets for item in (t.elts if isinstance(t, ast.Tuple) else [t])]
        return any(isinstance(t, ast.Attribute) and t.attr == "status" for t in flat)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        is_update = node.func.attr in {"update", "bulk_update"}
        return is_update and any(names_status(keyword) for keyword in node.keywords)
    return False


def names_status(keyword: ast.keyword) -> bool:
    if keyword.arg is None and isinstance(keyword.value, ast.Dict):
        return any(getattr(key, "value", "") == "status" for key in keyword.value.keys)
    return keyword.arg == "status"


def test_a_status_is_written_only_by_move_to():
    # A reply's own `status` number is no status of a row: only modules that hold rows count.
    rooms = ("services", "dispatch", "selectors", "models", "admin", "pages", "management")
    files = [
        path
        for path in python_files("campaigns")
        if path != MOVER and path.relative_to(ROOT / "campaigns").parts[0] in rooms
    ]

    writes = [found for path in files for found in find_status_writes(path)]

    assert len(files) > 15
    assert find_status_writes(MOVER), "the rule no longer recognises the one place that writes"
    assert writes == []


def find_clocks(path: Path) -> list[str]:
    """Places that read this machine's clock."""
    return [
        place(path, node)
        for node in nodes_of(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"now", "utcnow", "today", "time"}
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"timezone", "datetime", "date", "time"}
    ]


def test_the_machine_room_reads_one_clock():
    # Leases of several hosts run by the database's; whoever reads another clock cannot tell.
    room = ROOT / "campaigns/dispatch"

    readings = {path.name: find_clocks(path) for path in room.glob("*.py") if find_clocks(path)}

    assert list(readings) == ["engine.py"]
    assert len(readings["engine.py"]) == 1


# A gateway's name is a word of others too: of what their documented formats say, and of files that
# people bring along.
QUOTED = ("providers/vendors/", "campaigns/services/import_targets.py",
          "campaigns/services/import_values.py", "campaigns/services/token_shapes.py")  # fmt: skip


def quotes_gateway(dialect: Dialect, path: Path) -> bool:
    return dialect.fans_out and path.relative_to(ROOT).as_posix().startswith(QUOTED)


def test_nothing_outside_a_vendor_names_it():
    vendors = [dialect for dialect in registry.all_dialects() if not dialect.is_sandbox]
    static = [path for path in (ROOT / "static").rglob("*") if path.suffix in {".js", ".css"}]
    named = [
        f"{path.relative_to(ROOT)} names {dialect.key}"
        for dialect in vendors
        for path in (*python_files(), *template_files(), *static)
        if f"vendors/{dialect.key}/" not in path.as_posix()
        and not quotes_gateway(dialect, path)
        and re.search(rf"{dialect.key}|{re.escape(dialect.label)}", path.read_text(), re.IGNORECASE)
    ]

    assert vendors
    assert named == []


def test_no_wire_and_no_inbound_is_left_out_of_what_is_held_to_be_plain():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    vendors = ROOT / "providers/vendors"
    plain = {path.stem for kind in ("wire", "inbound") for path in vendors.glob(f"*/{kind}*.py")}

    left_out = {
        contract["id"]: sorted(
            name
            for name in plain
            if f"providers.vendors.*.{name}" not in contract["source_modules"]
        )
        for contract in contracts["contracts"]
        if contract["id"] in {"plain-wire", "wire-stands-alone"}
    }

    assert left_out == {"plain-wire": [], "wire-stands-alone": []}


def test_no_vendor_is_called_inside_a_transaction(transactional_db):
    with (
        transaction.atomic(),
        pytest.raises(AssertionError, match="inside a transaction"),
    ):
        requests.get("http://127.0.0.1:9/", timeout=1)


WORDS = re.compile(r"[A-Za-z]{2,}")
TRANSLATED = re.compile(
    r"{%-?\s*blocktrans(?:late)?\b.*?{%-?\s*endblocktrans(?:late)?\s*-?%}"
    r"|{%.*?%}|{{.*?}}|{#.*?#}|<!--.*?-->|<script\b.*?</script>|<style\b.*?</style>"
    r"|{%\s*comment.*?endcomment\s*%}",
    re.DOTALL,
)
SPOKEN_ATTRIBUTES = re.compile(r'\b(?:aria-label|title|placeholder|alt)="([^"{]*)"')
ICON = re.compile(r"<span[^>]*material-symbols-outlined[^>]*>[^<]*</span>")


def find_bare_texts(html: str) -> list[str]:
    """Texts in a template that no translation tag holds."""
    spoken = SPOKEN_ATTRIBUTES.findall(TRANSLATED.sub("", html))
    bare = re.sub(r"<[^>]*>", "\n", TRANSLATED.sub("", ICON.sub("", html)))
    return [text.strip() for text in (*spoken, *bare.splitlines()) if WORDS.search(text)]


def test_a_bare_text_in_a_template_would_be_found():
    assert find_bare_texts('<p>Hello</p><a title="Go">{% translate "there" %}</a>') == [
        "Go",
        "Hello",
    ]


def test_every_text_in_templates_goes_through_gettext():
    templates = template_files()
    bare = {
        str(path.relative_to(ROOT)): texts
        for path in templates
        if (texts := find_bare_texts(path.read_text()))
    }

    assert templates
    assert bare == {}


SPOKEN_KEYWORDS = {"verbose_name", "verbose_name_plural", "help_text", "short_description", "label"}
SPOKEN_CALLS = {"success", "error", "warning", "info"}
REFUSALS = {
    "Refused", "Invalid", "NotReady", "NotFound", "Forbidden", "Conflict", "IllegalMove",
    "ChangedMeanwhile", "KeyReused", "ValidationError",
}  # fmt: skip
DOORS_FOR_SCRIPTS = ("api", "compat")


def find_bare_strings(path: Path) -> list[str]:
    """String literals for people that are handed on without gettext."""
    found = []
    for node in nodes_of(path):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        spoken = [k.value for k in node.keywords if k.arg in SPOKEN_KEYWORDS]
        if name in REFUSALS and node.args:
            spoken.append(node.args[0])
        if is_message_call(node):
            spoken.extend(node.args[1:2])
        if name == "FieldSpec":
            continue  # marked by gettext_noop, which the last test here looks at
        found += [place(path, item) for item in spoken if is_bare(item)]
    return found


def is_message_call(node: ast.Call) -> bool:
    function = node.func
    return (
        isinstance(function, ast.Attribute)
        and function.attr in SPOKEN_CALLS
        and getattr(function.value, "id", "") == "messages"
    )


def is_bare(node: ast.expr) -> bool:
    if isinstance(node, ast.JoinedStr):
        return True
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(node.value)


def test_every_string_for_people_goes_through_gettext():
    files = [
        path
        for path in python_files("campaigns", "pushadmin")
        if path.relative_to(ROOT).parts[1] not in DOORS_FOR_SCRIPTS
    ]

    bare = [found for path in files for found in find_bare_strings(path)]

    assert files
    assert bare == []


def test_labels_of_field_specs_are_marked_for_translation():
    specs = [
        (path, node)
        for path in python_files("providers")
        for node in nodes_of(path)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "FieldSpec"
    ]

    bare = [
        place(path, keyword.value)
        for path, node in specs
        for keyword in node.keywords
        if keyword.arg in {"label", "help"} and is_bare(keyword.value)
    ]

    assert specs
    assert bare == []
