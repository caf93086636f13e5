"""What Prometheus reads at /metrics; with several workers their numbers are added up through a shared folder."""

from __future__ import annotations

import platform
from contextvars import ContextVar

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
from tidegate.serving.contract import ModelVersion

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_asked: ContextVar[tuple[str, str]] = ContextVar("asked", default=("", ""))


def asks(version: ModelVersion) -> ModelVersion:
    """Count the running request as one of this model's; what a client calls a model is no label until it is one."""
    _asked.set((version.name, version.version))
    return version


class Metrics:
    """The service's own metrics.

    Requests are told apart by the model that they asked, empty where they asked none. Of each model the newest version
    and the one before it are kept, so that the labels are bounded however often a model changes.
    """

    def __init__(self, *, shared: bool = False) -> None:
        """Register them.

        Args:
            shared: whether PROMETHEUS_MULTIPROC_DIR names a folder that all workers write to.
        """
        self._shared = shared
        registry = CollectorRegistry()
        self._registry = registry
        self._requests = Counter(
            "tidegate_requests", "Requests answered", ["route", "status", "model", "version"], registry=registry
        )
        self._seconds = Histogram(
            "tidegate_request_seconds",
            "Seconds to answer",
            ["route", "model", "version"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._counted: set[tuple[str, str, str, str]] = set()
        self._versions: dict[str, list[str]] = {}
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
        self._model = Gauge(
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
        self._loaded = Counter("tidegate_model_loads", "Versions of models taken up", ["model"], registry=registry)

    def begin(self) -> None:
        """Begin a request, which has asked no model yet."""
        _asked.set(("", ""))
        self.active.inc()

    def end(self, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self.active.dec()
        model, version = _asked.get()
        if version not in self._versions.get(model, ()):
            version = ""  # it was replaced twice while it answered
        labels = (route, str(status), model, version)
        self._counted.add(labels)
        self._requests.labels(*labels).inc()
        self._seconds.labels(route, *labels[2:]).observe(seconds)

    def serve(self, version: ModelVersion) -> None:
        """Tell that a version of a model is served from now on."""
        versions = self._versions.setdefault(version.name, [])
        if versions:
            self._loaded.labels(version.name).inc()
            self._model.labels(version.name, versions[-1]).set(0)
        self._model.labels(version.name, version.version).set(1)
        if version.version in versions:
            versions.remove(version.version)
        versions.append(version.version)
        if len(versions) > 2:
            self._forget(version.name, versions.pop(0))

    def _forget(self, model: str, version: str) -> None:
        if self._shared:
            return  # what workers share keeps its labels until they end
        self._model.remove(model, version)
        for labels in [labels for labels in self._counted if labels[2:] == (model, version)]:
            self._counted.discard(labels)
            self._requests.remove(*labels)
            self._seconds.remove(labels[0], model, version)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        registry = self._registry
        if self._shared:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)
        return generate_latest(registry)
