"""The daemon's figures as Prometheus reads them: what `status` tells, for dashboards and alarms.

Nothing is counted twice: each figure is read from the status when somebody fetches it.
"""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from tianting.daemon.words import Status


def daemon_registry(status: Callable[[], Status]) -> CollectorRegistry:
    """A registry of these figures alone, for `telemetry.exposition.serve_metrics`."""
    registry = CollectorRegistry()
    registry.register(_Figures(status))
    return registry


class _Figures:
    """Implements prometheus_client's `Collector`. Read in a thread: the status is made of values that are replaced."""

    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status

    def describe(self) -> list[Metric]:
        """Nothing is known of the names beforehand, so that nothing is collected to find them out."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All figures, as they are now."""
        status = self._status()
        yield GaugeMetricFamily("tianting_daemon_clients", "Clients that are connected.", status.clients)
        yield GaugeMetricFamily("tianting_daemon_memory_bytes", "Memory of the daemon's own process.", status.memory)
        yield GaugeMetricFamily("tianting_daemon_descriptors", "Files that the daemon has open.", status.descriptors)
        yield GaugeMetricFamily("tianting_daemon_heartbeat_seconds", "Unix time of the last beat.", status.heartbeat)
        yield GaugeMetricFamily("tianting_daemon_loop_lag_seconds", "How late the last beat was.", status.lag)
        yield CounterMetricFamily("tianting_daemon_questions", "Questions that were asked.", status.asked)
        yield _outcomes(status)
        yield _conversations(status)


def _outcomes(status: Status) -> Metric:
    family = CounterMetricFamily("tianting_daemon_answers", "How questions ended.", labels=["outcome"])
    family.add_metric(["answered"], status.answered)
    family.add_metric(["failed"], status.failed)
    return family


def _conversations(status: Status) -> Metric:
    family = GaugeMetricFamily("tianting_daemon_conversations", "Conversations by state.", labels=["status"])
    states = [one.status for one in status.conversations]
    for state in sorted(set(states)):
        family.add_metric([state], states.count(state))
    return family
