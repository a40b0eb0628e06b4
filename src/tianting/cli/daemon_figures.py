"""Shows the daemon's figures to Prometheus, at a socket of their own."""

import logging
from collections.abc import Callable

from tianting.cli.daemon_places import DaemonPlaces
from tianting.daemon.figures import daemon_registry
from tianting.daemon.words import Status
from tianting.telemetry.exposition import listen, serve_metrics

log = logging.getLogger(__name__)


async def show_figures(places: DaemonPlaces, status: Callable[[], Status]) -> None:
    """Until cancelled. A place that is taken is logged: figures are no reason to refuse questions."""
    try:
        listener = await listen(places.metrics)
    except OSError as error:
        log.warning("metrics cannot be served at %s: %s", places.metrics, error)
        return
    try:
        await serve_metrics(listener, daemon_registry(status))
    finally:
        places.metrics.unlink(missing_ok=True)
