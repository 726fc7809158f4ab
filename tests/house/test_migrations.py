"""An old worker may run beside the new schema: migrations after the first only add."""

from __future__ import annotations

import pytest
from django.contrib.postgres.operations import ValidateConstraint
from django.db import connection, models
from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.models import NOT_PROVIDED

from campaigns.services.installation import find_newest_migration

TAKES_AWAY = (
    operations.RemoveField,
    operations.RenameField,
    operations.DeleteModel,
    operations.RenameModel,
    operations.AlterModelTable,
)

# Tables with a row for every call or recipient.
LONG = {"attempt", "batch", "delivery", "receiptrow"}


def read_migrations() -> dict[str, Migration]:
    found = MigrationLoader(None).disk_migrations.items()
    return {name: migration for (label, name), migration in found if label == "campaigns"}


def list_operations() -> list[tuple[str, Operation]]:
    """What every migration after the released one does."""
    return [
        (name, operation)
        for name, migration in sorted(read_migrations().items())
        if name > "0002"
        for operation in migration.operations
    ]


def may_be_left_out(field: models.Field) -> bool:
    """Whether the INSERT of a program that does not know the column still works."""
    return field.null or field.many_to_many or field.db_default is not NOT_PROVIDED


def test_nothing_is_taken_away_that_an_older_worker_needs():
    taken = [f"{name}: {op}" for name, op in list_operations() if isinstance(op, TAKES_AWAY)]

    assert taken == []


def test_an_older_worker_can_leave_out_every_column_that_it_does_not_know():
    every = list_operations()
    fresh = {op.name.lower() for _name, op in every if isinstance(op, operations.CreateModel)}

    needed = [
        f"{name}: {op.model_name}.{op.name}"
        for name, op in every
        if isinstance(op, operations.AddField)
        and op.model_name.lower() not in fresh
        and not may_be_left_out(op.field)
    ]

    assert every
    assert needed == []


def test_no_table_that_workers_write_to_is_held_while_an_index_of_it_is_built():
    every = [pair for pair in list_operations() if pair[0] >= "0009"]
    fresh = {op.name.lower() for _name, op in every if isinstance(op, operations.CreateModel)}

    added = [(name, op) for name, op in every if isinstance(op, operations.AddIndex)]
    holding = [
        f"{name}: {op.model_name} {op.index.name}"
        for name, op in added
        if not hasattr(op, "concurrent") and op.model_name.lower() not in fresh
    ]

    assert added
    assert holding == []


def test_no_long_table_is_held_while_its_rows_are_held_against_a_check():
    checks = [
        (name, op)
        for name, op in list_operations()
        if name >= "0009"
        and isinstance(op, operations.AddConstraint)
        and isinstance(op.constraint, models.CheckConstraint)
        and op.model_name in LONG
    ]
    read = [op.name for _name, op in list_operations() if isinstance(op, ValidateConstraint)]

    holding = [name for name, op in checks if not hasattr(op, "concurrent")]

    assert holding == []
    assert [op.constraint.name for _name, op in checks] == read == ["batch_platform_known"]


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_a_migration_that_broke_off_can_be_run_again():
    loader = MigrationLoader(connection)
    stepwise = [
        migration
        for name, migration in sorted(read_migrations().items())
        if name >= "0010" and not migration.atomic
    ]
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX attempt_reference")

    for migration in stepwise:
        before = loader.project_state(("campaigns", migration.name), at_end=False)
        with connection.schema_editor(atomic=False) as editor:
            migration.apply(before, editor)

    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "campaigns_attempt")
    assert [migration.name for migration in stepwise] == [
        "0026_while_sending",
        "0030_person_search",
        "0032_watching_indexes",
        "0035_audit_indexes",
        "0037_person_opted_out",
        "0041_receipt_hours",
        "0042_calendar_index",
        "0046_device_reach",
        "0051_transfer_ended",
        "0056_receipts_waiting",
        "0058_rollup_indexes",
        "0060_audit_order",
        "0062_former_addresses",
        "0063_clients_ids",
        "0065_larger_script_sends",
        "0066_ends_of_transfers",
    ]
    assert {"attempt_to_recall", "attempt_reference"} <= set(found)


def test_the_program_needs_the_schema_of_its_newest_migration():
    names = [
        name for (label, name) in MigrationLoader(None).disk_migrations if label == "campaigns"
    ]

    assert find_newest_migration() == max(int(name[:4]) for name in names)
