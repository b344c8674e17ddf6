"""Receivers that answer in raw bytes."""

from tests.support.raw_receiver import (
    Receiver,
    Script,
    answers,
    answers_then,
    read_request,
    receiver,
    response,
)

__all__ = ["Receiver", "Script", "answers", "answers_then", "read_request", "receiver", "response"]
