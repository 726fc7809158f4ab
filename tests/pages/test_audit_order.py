"""The audit log of a million entries is read along an index, whatever it is filtered by.

On SQLite, which goes by the shape of its indexes; PostgreSQL by what it has seen of the rows.
"""

from __future__ import annotations

import pytest

from campaigns.pages.audit import AuditFilter

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({}, "audit_time (workspace_id=?)"),
        ({"date_to": "2026-01-01"}, "audit_time (workspace_id=? AND at<?)"),
        ({"actor": "ann"}, "audit_actor_time (workspace_id=? AND actor=?)"),
        ({"verb": "erase_person"}, "audit_verb_time (workspace_id=? AND verb=?)"),
        ({"kind": "person"}, "audit_kind_time (workspace_id=? AND target_type=?)"),
        ({"number": "7"}, "audit_number_time (workspace_id=? AND target_id=?)"),
    ],
)
def test_an_index_finds_what_the_log_is_filtered_by_in_its_order(app, asked, index):
    plan = AuditFilter(asked).select(app.workspace).explain()

    assert index in plan
    assert "TEMP B-TREE" not in plan, "read to the end to be put in order"
