"""AWS of the simulation: real boto3 clients whose calls are answered in this process.

A hook in botocore hands each request, checked and serialized by the SDK, to moto's DynamoDB or to the SQS
fake. There is no HTTP between them: it would take longer than all the rest.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore import xform_name
from moto.core.exceptions import JsonRESTError
from moto.dynamodb.models.utilities import dynamo_json_dump
from moto.dynamodb.responses import DynamoHandler

from tests.support.fake_sqs import FakeSqs

if TYPE_CHECKING:
    from tests.faults.life.process import Process

# Used by no other test.
ACCOUNT, REGION = "000000000042", "us-east-1"


@dataclass(frozen=True)
class _Http:
    status_code: int


class SimulatedAws:
    """Clients for DynamoDB and SQS.

    Attributes:
        fake_sqs: the queues of the story that is told.
        running: the processes whose calls these are; the last one interrupts the others. Calls are the test's
            own if there is none.
    """

    fake_sqs: FakeSqs

    def __init__(self) -> None:
        self.running: list[Process] = []
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        self.dynamodb: Any = session.client("dynamodb")
        self.sqs: Any = session.client("sqs")
        for client in (self.dynamodb, self.sqs):
            client.meta.events.register_first("before-call", self._before_call)

    def _before_call(self, model: Any, params: Mapping[str, Any], **_: Any) -> tuple[_Http, Any]:
        operation, body = xform_name(model.name), params["body"]
        make = partial(self._answer, model.service_model.service_name, operation, body)
        answer = self.running[-1].call(operation, json.loads(body), make) if self.running else make()
        return _Http(400 if "Error" in answer else 200), answer

    def _answer(self, service: str, operation: str, body: bytes) -> Any:
        request = json.loads(body)
        if service == "sqs":
            return getattr(self.fake_sqs, operation)(**request)
        if operation == "update_item":
            request["ReturnValues"] = "ALL_NEW"  # what the write left
        handler = DynamoHandler()
        handler.current_account, handler.region = ACCOUNT, REGION
        handler.body = request
        try:
            answer = getattr(handler, operation)().result
        except JsonRESTError as error:
            return {"Error": {"Code": error.relative_error_type}}
        return json.loads(dynamo_json_dump(answer), object_hook=_from_base64)


def _from_base64(value: dict[str, Any]) -> dict[str, Any]:
    return {"B": base64.b64decode(value["B"])} if value.keys() == {"B"} else value
