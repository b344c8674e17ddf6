"""Structured logs: one JSON object per line on standard output; Lambda sends them to the log group."""

import logging
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer


def configure() -> None:
    """Log JSON with a level, a UTC timestamp and the keys bound to the invocation."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Tracebacks leave out local variables, because those hold secrets.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )


def begin(context: Any) -> None:
    """Bind an invocation's request id to every line it logs, and drop the values that the last one bound.

    Args:
        context: the Lambda context object.
    """
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=context.aws_request_id)
