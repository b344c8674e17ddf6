"""AWS in this process, for every test of the handlers."""

from tests.support.moto_aws import aws, moto_clients

__all__ = ["aws", "moto_clients"]
