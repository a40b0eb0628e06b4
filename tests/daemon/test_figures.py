"""What the status tells, Prometheus can read."""

from prometheus_client import generate_latest

from tianting.daemon.figures import daemon_registry
from tianting.daemon.words import ConversationStatus, Status


def test_status_is_exposed() -> None:
    one = ConversationStatus(
        name="c", status="ready", cwd="/", effort="high", reasoning=False, final_only=True, answers=1, used_at=1.0
    )
    status = Status(
        state="ready",
        version="1",
        agent="codex",
        pid=1,
        since=1.0,
        heartbeat=2.0,
        lag=0.5,
        clients=3,
        asked=7,
        answered=5,
        failed=2,
        memory=1_000,
        descriptors=9,
        conversations=(one, one),
    )

    text = generate_latest(daemon_registry(lambda: status)).decode()

    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert values == {
        "tianting_daemon_clients": "3.0",
        "tianting_daemon_memory_bytes": "1000.0",
        "tianting_daemon_descriptors": "9.0",
        "tianting_daemon_heartbeat_seconds": "2.0",
        "tianting_daemon_loop_lag_seconds": "0.5",
        "tianting_daemon_questions_total": "7.0",
        'tianting_daemon_answers_total{outcome="answered"}': "5.0",
        'tianting_daemon_answers_total{outcome="failed"}': "2.0",
        'tianting_daemon_conversations{status="ready"}': "2.0",
    }
