"""Logs: one past-tense event per line, for people on a terminal, JSON elsewhere.

Keys never stand in logs or answers, whatever a request put them into.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING

import structlog
from typing_extensions import override

if TYPE_CHECKING:
    from structlog.typing import Processor


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Writes lines in which no key stands."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def configure(level: str) -> None:
    """Send this process's logs, and those of its libraries, to standard error."""
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _Formatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    structlog.configure(
        processors=[
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


# As `shared.auth.api_keys` makes them; what is shorter could be guessed and is none.
_KEY = re.compile(r"imp_[A-Za-z0-9_-]{20,}")


def redact(text: str) -> str:
    """Put a word in the place of whatever looks like a key."""
    return _KEY.sub("imp_[redacted]", text)
