"""What the program asks of AWS without declaring it."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from local.aws import Aws
from local.environment import REGION


def _region(_aws: Aws, _args: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": REGION, "region": REGION, "name": REGION, "description": REGION}


def _caller_identity(aws: Aws, _args: Mapping[str, Any]) -> dict[str, Any]:
    caller = aws.sts.get_caller_identity()
    account, user = caller["Account"], caller["UserId"]
    return {"id": account, "accountId": account, "arn": caller["Arn"], "userId": user}


def _zone(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    """The zone that a deployment finds there already: the empty emulator is given it first."""
    zone = aws.route53.create_hosted_zone(Name=args["name"], CallerReference=str(uuid.uuid4()))["HostedZone"]
    zone_id = zone["Id"].removeprefix("/hostedzone/")
    return {"id": zone_id, "zoneId": zone_id, "name": args["name"], "privateZone": False}


LOOKUPS: Mapping[str, Callable[[Aws, Mapping[str, Any]], dict[str, Any]]] = {
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:route53/getZone:getZone": _zone,
}
