"""What is counted about windows, each figure with its name and its meaning: the one place that `docs/operations.md`,
dashboards and alarms depend on.

Times are seconds and sizes bytes, as Prometheus has it. `kind` is the driver's. Series of a single window are dropped
when it is destroyed (`forget_window`), so their number follows the number of windows.
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_START = (0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
_TURN = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)


class FleetMetrics:
    """All figures of one fleet, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.windows = self._gauge("windows", "Windows by state; see the table of states.", "kind", "status")
        self.starts = self._counter(
            "window_starts",
            "Processes that became ready: cold (spares, too) or resumed; warm is a spare that was claimed.",
            "kind", "origin",
        )  # fmt: skip
        self.start_time = self._histogram(
            "window_start_seconds", "From the request of a process to its being ready.", _START, "kind", "origin"
        )
        self.stop_time = self._histogram(
            "window_stop_seconds", "From the request to stop or destroy a window until nothing of it runs.",
            _START, "kind",
        )  # fmt: skip
        self.failures = self._counter(
            "window_failures", "Processes that ended unasked or were ended, by the kind of failure.", "kind", "failure"
        )
        self.recovery_time = self._histogram(
            "window_recovery_seconds", "From the end of a process until its successor was ready.", _START, "kind"
        )
        self.probe_time = self._histogram("probe_seconds", "How long agents took to answer a probe.", _SHORT, "kind")
        self.turns = self._counter("turns", "Turns that ended: answered, failed or interrupted.", "kind", "outcome")
        self.turn_time = self._histogram(
            "turn_seconds", "From a prompt's delivery to the end of its turn.", _TURN, "kind"
        )
        self.tokens = self._counter(
            "tokens", "Tokens as the agents report them: input, output, cache_read or cache_write.", "kind", "token"
        )
        self.cost = self._counter("cost_usd", "What the agents say their turns cost.", "kind")
        self.limits = self._counter(
            "limits_met", "Times a provider made a window wait: rate_limit, usage_limit or overloaded.", "kind", "cause"
        )
        self.spares = self._gauge("pool_spares", "Warm windows that nobody has claimed yet.", "template")
        self.claims = self._counter(
            "pool_claims", "Windows asked of templates that have spares: warm or cold.", "template", "outcome"
        )
        self.queued = self._gauge("queued_tasks", "Tasks that wait for a window.")
        self.shed = self._counter("shed_tasks", "Tasks refused because the queue was too long.")
        self.memory = self._gauge("window_memory_bytes", "Proportional memory of a window's process tree.", "window")
        self.processor = self._gauge("window_cpu_seconds", "Processor time a window's tree has taken so far.", "window")
        self.processes = self._gauge("window_processes", "Processes in a window's tree.", "window")
        self.descriptors = self._gauge("window_descriptors", "Open files in a window's tree.", "window")
        self.disk = self._gauge("window_disk_bytes", "Size of a window's own directories.", "window")
        self.loop_lag = self._histogram("loop_lag_seconds", "How late the fleet's event loop was.", _SHORT)

    def forget_window(self, window: str) -> None:
        """Drop the series of a window that is gone."""
        for gauge in (self.memory, self.processor, self.processes, self.descriptors, self.disk):
            gauge.remove_by_labels({"window": window})

    def show_windows(self, states: Iterable[tuple[str, str]]) -> None:
        """Set `windows` from all there are, each as kind and status; what there is none of any more is dropped."""
        self.windows.clear()
        for kind, status in states:
            self.windows.labels(kind, status).inc()

    def show_spares(self, templates: Iterable[str]) -> None:
        """Set `spares` from all there are, each as its template."""
        self.spares.clear()
        for template in templates:
            self.spares.labels(template).inc()

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"tianting_{name}", meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"tianting_{name}", meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"tianting_{name}", meaning, labels, buckets=buckets, registry=self.registry)
