"""Answers what the program asks of AWS without declaring it."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from local.constants import REGION
from local.emulator.aws import Aws
from local.errors import LocalStackError


def _region(_aws: Aws, _args: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": REGION, "region": REGION, "name": REGION, "description": REGION}


def _caller_identity(aws: Aws, _args: Mapping[str, Any]) -> dict[str, Any]:
    caller = aws.sts.get_caller_identity()
    account, user = caller["Account"], caller["UserId"]
    return {"id": account, "accountId": account, "arn": caller["Arn"], "userId": user}


def _zone(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    """A deployment finds this zone in the account; the emulator starts empty, so the zone is created here."""
    zone = aws.route53.create_hosted_zone(Name=args["name"], CallerReference=str(uuid.uuid4()))["HostedZone"]
    zone_id = zone["Id"].removeprefix("/hostedzone/")
    return {"id": zone_id, "zoneId": zone_id, "name": args["name"], "privateZone": False}


LOOKUPS: Mapping[str, Callable[[Aws, Mapping[str, Any]], dict[str, Any]]] = {
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:route53/getZone:getZone": _zone,
}


def look_up(aws: Aws, token: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a lookup.

    Raises:
        LocalStackError: the lookup is not known here.
    """
    if token not in LOOKUPS:
        raise LocalStackError(
            f"{token}: the local stack does not know this lookup; "
            "say how it is answered in local/deployer/resources/lookups.py"
        )
    return LOOKUPS[token](aws, arguments)
