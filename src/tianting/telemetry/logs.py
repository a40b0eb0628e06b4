"""Log lines as JSON, one object a line, for programs that run for long: what a machine reads must not need a parser
of our own.

    {"at": "2026-11-20T14:00:00.123456Z", "level": "info", "logger": "tianting.fleet.supervisor",
     "event": "resumed", "window": "w1", "generation": 2, "turn": "…"}

Everybody logs through the standard library; only what is written is structlog's work. No secret gets through.
"""

import logging
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name

from tianting.telemetry.context import subject
from tianting.telemetry.masking import masked_value

_Line = MutableMapping[str, Any]


def json_handler(stream: TextIO) -> logging.Handler:
    """A handler for `logging.basicConfig(handlers=[...])` that writes JSON to `stream`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
                add_log_level,
                add_logger_name,
                ExtraAdder(),
                _add_subject,
            ],
            processors=[
                ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _mask,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    return handler


def _add_subject(_logger: Any, _method: str, line: _Line) -> _Line:
    for name, value in subject().items():
        line.setdefault(name, value)
    return line


def _mask(_logger: Any, _method: str, line: _Line) -> _Line:
    found: dict[str, Any] = masked_value(line)
    return found
