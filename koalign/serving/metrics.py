"""metrics: what a server has done -> counters, as Prometheus reads them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from koalign.evaluation.solving.voting import Spent
from koalign.serving.load import Load

SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counters of one server."""

    def __init__(self, load: Load) -> None:
        self._registry = CollectorRegistry()
        labels = ["route", "model", "status"]
        self._requests = Counter(
            "koalign_requests", "Requests by their status.", labels, registry=self._registry
        )
        self._seconds = Histogram(
            "koalign_request_seconds", "From the request to the end of its reply.",
            ["route", "model"], buckets=SECONDS, registry=self._registry,
        )  # fmt: skip
        self._tokens = Counter(
            "koalign_tokens", "Tokens by kind.", ["model", "kind"], registry=self._registry
        )
        self._batch = Histogram(
            "koalign_engine_batch", "Prompts in one call of the engine.",
            buckets=SIZES, registry=self._registry,
        )  # fmt: skip
        active = Gauge("koalign_active", "Requests under way.", registry=self._registry)
        active.set_function(lambda: load.active)

    def request(self, route: str, model: str, status: int, seconds: float) -> None:
        """One request is over; 499: its client has gone."""
        self._requests.labels(route, model, str(status)).inc()
        self._seconds.labels(route, model).observe(seconds)

    def tokens(self, model: str, cost: Spent) -> None:
        """What a reply cost."""
        for kind, count in cost.model_dump().items():
            self._tokens.labels(model, kind).inc(count)

    def batch(self, size: int) -> None:
        """One call of the engine."""
        self._batch.observe(size)

    @property
    def text(self) -> bytes:
        """In the text format of Prometheus."""
        return generate_latest(self._registry)
