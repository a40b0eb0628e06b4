"""What the door puts up with before it hangs up."""

from msgspec import Struct


class DoorLimits(Struct, frozen=True, kw_only=True):
    """Sizes in bytes, times in seconds."""

    body: int = 64 * 1024 * 1024
    head: int = 65_536
    connections: int = 2_048
    head_patience: float = 10.0
    """From the first byte of a head to its last."""
    body_patience: float = 30.0
    """Without a further byte of a body."""
    body_time: float = 300.0
    """For a whole body, however steadily it drips."""
    idle_patience: float = 120.0
    """Between two requests of a connection."""
    slow_reader_patience: float = 60.0
    """That a client may take nothing of what waits for it."""
    first_byte_patience: float = 900.0
    """From a request to the head of its answer: an answer that is no stream is thought through first."""
    silence: float = 900.0
    """Within an answer. A stalled stream is its client's to notice; this only bounds what it can hold."""
    queue_patience: float = 30.0
    """That a request waits for a key before it is sent away."""
    round: float = 1.0
    """Between two looks at slow clients, idle connections and the ledger."""
    queue_length: int = 256
    """Requests of one owner that may wait."""
