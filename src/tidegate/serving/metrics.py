"""What Prometheus reads at /metrics; with several workers their numbers are added up through a shared folder."""

from __future__ import annotations

import platform

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
    multiprocess,
)

import tidegate

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The service's own metrics."""

    def __init__(self, *, shared: bool = False) -> None:
        """Register them.

        Args:
            shared: whether PROMETHEUS_MULTIPROC_DIR names a folder that all workers write to.
        """
        self._shared = shared
        registry = CollectorRegistry()
        self._registry = registry
        self.requests = Counter("tidegate_requests", "Requests answered", ["route", "status"], registry=registry)
        self.seconds = Histogram(
            "tidegate_request_seconds", "Seconds to answer", ["route"], buckets=_SECONDS, registry=registry
        )
        self.batch = Histogram(
            "tidegate_batch_size",
            "Answers computed together",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128),
            registry=registry,
        )
        self.active = Gauge(
            "tidegate_requests_active", "Requests in work", registry=registry, multiprocess_mode="livesum"
        )
        self.streams = Gauge("tidegate_streams", "Streams kept", registry=registry, multiprocess_mode="livemostrecent")
        self.evicted = Counter("tidegate_streams_evicted", "Streams that had to go for newer ones", registry=registry)
        self.waiting = Gauge(
            "tidegate_waiting",
            "Works that wait for their turn",
            ["queue"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.model = Gauge(
            "tidegate_model_info",
            "1 for the version of a model that is served, 0 for older ones",
            ["model", "version"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        build = Gauge(
            "tidegate_build_info", "1", ["version", "python"], registry=registry, multiprocess_mode="livemostrecent"
        )
        build.labels(tidegate.__version__, platform.python_version()).set(1)
        if not shared:
            ProcessCollector(registry=registry)
        self.loaded = Counter("tidegate_model_loads", "Versions of models taken up", ["model"], registry=registry)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        registry = self._registry
        if self._shared:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)
        return generate_latest(registry)
