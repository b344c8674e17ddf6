"""Structured logs: one JSON object a line on standard output, which Lambda ships to the function's log group."""

import logging

import structlog


def configure() -> None:
    """Log JSON with a level, a UTC timestamp and the keys bound to the invocation."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
