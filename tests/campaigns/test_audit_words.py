"""What the audit log calls what was done: every code in the sources has words of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from campaigns.services import audit_words
from campaigns.services.audit_words import (
    VERBS,
    list_kinds,
    list_verbs,
    name_fields,
    name_kind,
    name_verb,
)

SOURCES = Path(audit_words.__file__).parents[1]
PUBLIC = {"record_audit", "save_new", "leave_entry"}
MANY = 99  # no place: by its name only


def read_files() -> list[list[ast.AST]]:
    """All nodes of each source of the package, its migrations left out."""
    files = (file for file in SOURCES.rglob("*.py") if "migrations" not in file.parts)
    return [list(ast.walk(ast.parse(file.read_text()))) for file in files]


def find_places(nodes: Iterable[ast.AST]) -> dict[str, int]:
    """By function, where it takes the verb of an entry."""
    places = {}
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            names = [arg.arg for arg in node.args.args if arg.arg != "self"]
            if "verb" in names and (node.name in PUBLIC or node.name.startswith("_")):
                places[node.name] = names.index("verb")
    return places


def name_callee(call: ast.Call) -> str:
    """What is called, without whose it is."""
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def find_verbs(nodes: Iterable[ast.AST], places: dict[str, int]) -> Iterator[str]:
    """Verbs that are written out in calls of these functions."""
    for node in nodes:
        if isinstance(node, ast.Call) and (name := name_callee(node)) in places:
            place = places[name]
            named = [keyword.value for keyword in node.keywords if keyword.arg == "verb"]
            given = [*node.args[place : place + 1], *named]
            yield from (str(one.value) for one in given if isinstance(one, ast.Constant))


def find_written() -> set[str]:
    """Verbs that the sources write out where an entry is made."""
    files = read_files()
    shared = {"AuditEntry": MANY}
    for nodes in files:
        shared |= {name: at for name, at in find_places(nodes).items() if name in PUBLIC}
    return {verb for nodes in files for verb in find_verbs(nodes, shared | find_places(nodes))}


def test_every_verb_that_is_written_has_words():
    written = find_written()

    assert {"approve_campaign", "move", "opt_out", "create_template", "suppress"} <= written
    assert sorted(written - VERBS.keys()) == []


def test_no_two_codes_have_the_same_words():
    for named in (list_verbs(), list_kinds()):
        words = [words for _code, words in named]
        assert sorted(words) == sorted(set(words))


def test_fields_are_told_as_forms_call_them():
    asked = ["device.token", "person.external_user_id", "members", "a_b"]

    told = "device: token, person: external user id, members, a b"
    assert name_fields("import", asked) == told


def test_attributes_keep_the_names_that_people_gave_them():
    asked = ["attributes.home_team", "attributes.email", "email"]

    assert name_fields("person", asked) == "attribute home_team, attribute email, e-mail"
    assert name_fields("import", ["person.custom.email:text"]) == "person: attribute email:text"


def test_verbs_of_jobs_and_of_statuses_are_told_by_their_names():
    assert name_verb("start_import_apply") == "Job begun: Import"
    assert name_verb("download_report") == "Downloaded: The report as CSV"
    assert name_verb("failed_campaign") == "Campaign: Failed"
    assert (name_verb("sing_along"), name_kind("old_kind")) == ("sing along", "old kind")
