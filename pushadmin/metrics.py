"""`/metrics`: how the engine stands, for Prometheus. Few queries, over what is open only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db.models import Count, F, Min, Q, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from campaigns.dispatch.engine import read_clock
from campaigns.models import Account, Batch, Part, Rollup, Transfer

Pairs = list[tuple[str, float]]


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures, to whoever shows PUSHADMIN_METRICS_TOKEN; to others there is no such page."""
    given = request.headers.get("Authorization", "")
    token = settings.METRICS_TOKEN
    if not token or not constant_time_compare(given, f"Bearer {token}"):
        raise Http404
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Engine(read_clock()))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Engine(Collector):
    """What is read for one answer."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield _write("transfers", "Transfers that have not ended.", "status", self._count_open())
        yield _write("batches", "Batches not done, of those.", "state", self._count_batches())
        for name, text, value in self._read_queue():
            yield _write(name, text, "", [("", value)])
        yield _write(
            "settled_this_hour", "Recipients whose batch closed in this hour (UTC).", "outcome",
            self._count_settled(),
        )  # fmt: skip
        unhealthy = Account.objects.filter(health=Account.Health.BAD).count()
        yield _write("accounts_unhealthy", "Accounts that a vendor refuses.", "", [("", unhealthy)])

    def _count_open(self) -> Pairs:
        rows = _list_open().values_list("status").annotate(n=Count("pk")).order_by()
        return [(status, count) for status, count in rows]

    def _list_batches(self) -> QuerySet[Batch]:
        states = [Batch.State.READY, Batch.State.LEASED]
        return Batch.objects.filter(transfer__in=_list_open(), is_folded=False, state__in=states)

    def _count_batches(self) -> Pairs:
        counts = dict(self._list_batches().values_list("state").annotate(n=Count("pk")).order_by())
        return [(state, counts.get(state, 0)) for state in ("ready", "leased")]

    def _read_queue(self) -> list[tuple[str, str, float]]:
        due = Q(state="ready", transfer__status=Transfer.Status.SENDING, due_at__lte=self.now)
        found = self._list_batches().aggregate(
            owed=Sum(F("count") - F("settled")),
            oldest=Min("due_at", filter=due),
            lost=Count("pk", filter=Q(state="leased", lease_until__lte=self.now)),
        )
        resent = Part.objects.filter(transfer__in=_list_open()).aggregate(n=Sum("resent"))["n"]
        waited = (self.now - found["oldest"]).total_seconds() if found["oldest"] else 0
        return [
            ("recipients_owed", "Recipients without an outcome.", found["owed"] or 0),
            ("oldest_due_seconds", "How long the oldest due batch has waited.", waited),
            ("leases_expired", "Batches whose worker has gone.", found["lost"]),
            ("resent", "Recipients who may have got it twice, of open transfers.", resent or 0),
        ]

    def _count_settled(self) -> Pairs:
        hour = self.now.replace(minute=0, second=0, microsecond=0)
        rows = Rollup.objects.filter(hour=hour).values_list("outcome")
        return [(outcome, count) for outcome, count in rows.annotate(n=Sum("count")).order_by()]


def _list_open() -> QuerySet[Transfer]:
    return Transfer.objects.filter(finished_at__isnull=True)


def _write(name: str, text: str, label: str, pairs: Pairs) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"pushadmin_{name}", text, labels=[label] if label else [])
    for value, number in pairs:
        family.add_metric([value] if label else [], number)
    return family
