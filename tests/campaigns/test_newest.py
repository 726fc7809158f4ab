"""The newest rows of long lists."""

from __future__ import annotations

from campaigns.models import Suppression
from campaigns.selectors.newest import SPANS, list_newest


def test_the_newest_come_first_however_far_apart_their_numbers_are(app, now):
    numbers = [1, 2, SPANS[0] + 5, SPANS[1] + 10, SPANS[1] + 11]
    Suppression.objects.bulk_create(
        Suppression(pk=pk, workspace=app.workspace, kind="email", seal=f"{pk:032}",
                    reason="bounced", created_at=now, created_by="ann")
        for pk in numbers
    )  # fmt: skip
    rows = Suppression.objects.all()

    found = [[row.pk for row in list_newest(rows, count)] for count in (2, 3, 9)]
    below = [row.pk for row in list_newest(rows, 9, before=SPANS[0] + 5)]
    first = [row.pk for row in list_newest(rows.filter(seal=f"{1:032}"), 2)]

    assert found == [numbers[:-3:-1], numbers[:-4:-1], numbers[::-1]]
    assert (below, first) == ([2, 1], [1])
    assert list_newest(rows.none(), 2) == []


def test_a_full_page_is_read_from_the_newest_numbers_only(app, now, django_assert_num_queries):
    first = SPANS[1] + 1
    Suppression.objects.bulk_create(
        Suppression(pk=pk, workspace=app.workspace, kind="email", seal=f"{pk:032}",
                    reason="bounced", created_at=now, created_by="ann")
        for pk in (1, first, first + 1)
    )  # fmt: skip

    # The highest number, the numbers of a page, its rows.
    with django_assert_num_queries(3) as asked:
        list_newest(Suppression.objects.all(), 2)

    assert f">= {first + 1 - SPANS[0]}" in asked.captured_queries[1]["sql"]
