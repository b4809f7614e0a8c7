"""What ``/metrics`` says: counters of this node, and a few readings of the store when it is scraped."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gardefou.domain.records import Enforcement
from gardefou.flow.app import App
from gardefou.storage import tables
from gardefou.web.processes import COUNTERS

_e = tables.enforcement.c
#: As the partial index has it: reading it never touches what has ended.
_ACTIVE = (
    sa.select(_e.state, sa.func.count())
    .where(sa.text("state IN ('placed', 'waiting', 'ready', 'executing', 'unknown', 'restoring')"))
    .group_by(_e.state)
)
_PENDING = sa.select(sa.func.count()).select_from(tables.event_pending)
_QUEUES = (
    sa.select(tables.case.c.queue, sa.func.count())
    .where(tables.case.c.state == sa.literal("open", literal_execute=True))
    .group_by(tables.case.c.queue)
)
_NOTICES = (
    sa.select(tables.delivery.c.channel, sa.func.count())
    .where(tables.delivery_waiting)
    .group_by(tables.delivery.c.channel)
)
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The counters of one node, whose processes count together."""

    def __init__(self, app: App) -> None:
        self.registry = CollectorRegistry()
        self._shown = self.registry
        self.reports = Counter("gardefou_reports", "Reports taken by this node.", ["merged"], registry=self.registry)
        self.merged = {merged: self.reports.labels(str(merged).lower()) for merged in (False, True)}
        self.decisions = Counter(
            "gardefou_decisions", "Decisions made through this node.", ["outcome"], registry=self.registry
        )
        self.placed = Counter(
            "gardefou_enforcements", "Enforcements by action and by how they stood when answered.",
            ["action", "state"], registry=self.registry,
        )  # fmt: skip
        self.nets = Counter("gardefou_nets_spoke", "Nets that asked for something.", ["net"], registry=self.registry)
        self.restores = Histogram(
            "gardefou_restore_seconds", "From the call to seen there.", buckets=_BUCKETS, registry=self.registry
        )
        if COUNTERS in os.environ:
            self._shown = CollectorRegistry()
            multiprocess.MultiProcessCollector(self._shown)  # type: ignore[no-untyped-call]
        self._shown.register(_Readings(app))

    def count(self, shown: Sequence[Enforcement]) -> None:
        """Count what was just placed, and the nets that spoke."""
        for one in shown:
            self.placed.labels(one.action, one.state).inc()
            for reason in one.verdict.get("reasons", ()):
                self.nets.labels(str(reason["net"])).inc()

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._shown)


class _Readings(Collector):
    """Reads the store at each scrape."""

    def __init__(self, app: App) -> None:
        self._app = app

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Say nothing beforehand: registering asks the store nothing."""
        return ()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Read what waits."""
        with self._app.works.read() as connection:
            active = connection.execute(_ACTIVE).all()
            pending = connection.execute(_PENDING).scalar_one()
            queues = connection.execute(_QUEUES).all()
            notices = connection.execute(_NOTICES).all()
        states = GaugeMetricFamily("gardefou_enforcements_open", "Enforcements on their way.", labels=["state"])
        for state, number in active:
            states.add_metric([state], number)
        waiting = GaugeMetricFamily("gardefou_events_pending", "Events that no checkpoint covers yet.", value=pending)
        depth = GaugeMetricFamily("gardefou_queue_cases", "Open cases, by queue.", labels=["queue"])
        for queue, number in queues:
            depth.add_metric([queue], number)
        told = GaugeMetricFamily("gardefou_notices_waiting", "Notices not delivered yet.", labels=["channel"])
        for channel, number in notices:
            told.add_metric([channel], number)
        return (states, waiting, depth, told)
