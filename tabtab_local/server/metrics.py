"""What the server counts, in Prometheus' format: numbers of requests and tokens, and times. Never any text."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tabtab_local.desk.desk import Desk
from tabtab_local.suggestion import Suggestion

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """The counts of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "tabtab_requests", "Requests, by dialect and outcome.", ("dialect", "outcome"), registry=self._registry
        )
        self._seconds = Histogram(
            "tabtab_request_seconds",
            "From the body to the answer.",
            ("dialect",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._tokens = Counter("tabtab_tokens", "Tokens, by what became of them.", ("kind",), registry=self._registry)
        self._documents = Gauge("tabtab_documents", "Documents that are remembered.", registry=self._registry)
        self._waiting = Gauge("tabtab_waiting", "Documents that wait for their turn.", registry=self._registry)

    def answered(self, dialect: str, outcome: str, took_s: float, suggestion: Suggestion | None) -> None:
        """Count an answer, and the work that it took."""
        self._requests.labels(dialect, outcome).inc()
        self._seconds.labels(dialect).observe(took_s)
        timings = suggestion.timings if suggestion else None
        if timings:
            self._tokens.labels("evaluated").inc(timings.evaluated_tokens)
            # A prompt of which more than one answer was asked may have been read more than once.
            self._tokens.labels("cached").inc(max(0, timings.prompt_tokens - timings.evaluated_tokens))
            self._tokens.labels("decoded").inc(timings.decoded_tokens)

    def failed(self, dialect: str, status: int) -> None:
        """Count a request that was refused or failed."""
        self._requests.labels(dialect, str(status)).inc()

    def page(self, desk: Desk) -> bytes:
        """Return all counts as text."""
        documents, waiting = desk.load
        self._documents.set(documents)
        self._waiting.set(waiting)
        return generate_latest(self._registry)
