"""SQS in memory."""

from tests.support.fake_sqs import FakeSqs

__all__ = ["FakeSqs"]
