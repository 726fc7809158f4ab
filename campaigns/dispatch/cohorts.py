"""Interns what recipients were at send time: one small integer per kind of recipient."""

from __future__ import annotations

from collections.abc import Collection

from campaigns.models import Cohort

CohortKey = tuple[str, str, str, int]  # platform, language, country, app's major version


def intern_cohorts(app_id: int, keys: Collection[CohortKey]) -> dict[CohortKey, int]:
    """The number of each key; unknown keys get one."""
    known = _read_cohorts(app_id)
    missing = set(keys) - set(known)
    if missing:
        Cohort.objects.bulk_create(
            [
                Cohort(app_id=app_id, platform=p, language=lang, country=place, app_major=major)
                for p, lang, place, major in sorted(missing)
            ],
            ignore_conflicts=True,
        )
        known = _read_cohorts(app_id)
    return {key: known[key] for key in keys}


def _read_cohorts(app_id: int) -> dict[CohortKey, int]:
    rows = Cohort.objects.filter(app_id=app_id).values_list(
        "platform", "language", "country", "app_major", "pk"
    )
    return {(row[0], row[1], row[2], row[3]): row[4] for row in rows}
