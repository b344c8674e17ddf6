"""The types of the program's resources, as Pulumi names them, and the statements of their policies."""

import json
from typing import Any

from tests.support.recorder import Registered

TABLE = "aws:dynamodb/table:Table"
QUEUE = "aws:sqs/queue:Queue"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
FUNCTION = "aws:lambda/function:Function"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
API = "aws:apigatewayv2/api:Api"
RULE = "aws:cloudwatch/eventRule:EventRule"


def statements(resource: Registered, property_: str = "policy") -> list[dict[str, Any]]:
    return json.loads(resource.inputs[property_])["Statement"]
