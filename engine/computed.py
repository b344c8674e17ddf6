"""Make up the properties that AWS adds to a resource, for stacks that are recorded but not created."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from engine.arguments import output_names
from engine.values import UNKNOWN
from local.constants import ACCOUNT_ID, REGION
from local.deployer.resources import Created
from local.errors import LocalStackError

NESTED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "aws:apigatewayv2/domainName:DomainName": {
        "domainNameConfiguration": ("hostedZoneId", "targetDomainName")
    },
}
"""Outputs that are nested inside inputs, by type and property."""


class NoCloud:
    """Creates nothing and makes up every ARN, URL and id; equal names give equal ones."""

    def create(
        self, type_token: str, name: str, inputs: Mapping[str, Any], physical_name: str | None
    ) -> Created:
        """Make up AWS's answer, without the outputs that no code reads so far."""
        label = physical_name or str(inputs.get("name") or name)
        outputs: dict[str, Any] = {
            key: _arn(type_token, label)
            for key in output_names(type_token)
            if key == "arn" or key.endswith("Arn")
        }
        if prefix := inputs.get("namePrefix"):
            outputs["name"] = f"{prefix}{_id(label)}"
        special = _SPECIAL.get(type_token)
        outputs |= special(label, inputs, outputs) if special else {}
        return Created(id=outputs.pop("id", label), outputs=outputs)

    def look_up(self, token: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Answer as an AWS account would.

        Raises:
            LocalStackError: the lookup is unknown here.
        """
        if token not in LOOKUPS:
            raise LocalStackError(f"Unknown lookup {token}: add its answer to engine/computed.py")
        return LOOKUPS[token](arguments)


def unknown_outputs(type_token: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs of a resource that does not exist yet: AWS's values are unknown."""
    unknown: dict[str, Any] = dict.fromkeys(output_names(type_token), UNKNOWN)
    if "namePrefix" in inputs:
        unknown["name"] = UNKNOWN
    for key, inner in NESTED.get(type_token, {}).items():
        unknown[key] = {**inputs[key], **dict.fromkeys(inner, UNKNOWN)}
    return unknown


def _arn(type_token: str, label: str) -> str:
    service, kind = type_token.split(":")[1].split("/")
    return f"arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{kind}/{label}"


def _id(label: str) -> str:
    return hashlib.sha256(label.encode()).hexdigest()[:10]


_Outputs = dict[str, Any]
_Inputs = Mapping[str, Any]


def _function(_label: str, _inputs: _Inputs, outputs: _Inputs) -> _Outputs:
    path = f"2015-03-31/functions/{outputs['arn']}/invocations"
    return {"invokeArn": f"arn:aws:apigateway:{REGION}:lambda:path/{path}"}


def _queue(label: str, _inputs: _Inputs, _outputs: _Inputs) -> _Outputs:
    url = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT_ID}/{label}"
    return {"id": url, "url": url}


def _api(label: str, _inputs: _Inputs, _outputs: _Inputs) -> _Outputs:
    api_id = _id(label)
    return {
        "id": api_id,
        "apiEndpoint": f"https://{api_id}.execute-api.{REGION}.amazonaws.com",
        "executionArn": f"arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{api_id}",
    }


def _certificate(_label: str, inputs: _Inputs, _outputs: _Inputs) -> _Outputs:
    domain_name = inputs["domainName"]
    proof = {
        "domainName": domain_name,
        "resourceRecordName": f"_proof.{domain_name}.",
        "resourceRecordType": "CNAME",
        "resourceRecordValue": "_proof.acm-validations.aws.",
    }
    return {"domainValidationOptions": [proof]}


def _domain_name(label: str, inputs: _Inputs, _outputs: _Inputs) -> _Outputs:
    target = {
        "targetDomainName": f"d-{_id(label)}.execute-api.{REGION}.amazonaws.com",
        "hostedZoneId": "Z1UJRXOUMOOFQ8",
    }
    return {"domainNameConfiguration": {**inputs["domainNameConfiguration"], **target}}


def _record(_label: str, inputs: _Inputs, _outputs: _Inputs) -> _Outputs:
    return {"fqdn": inputs["name"].rstrip(".")}


def _invocation(_label: str, _inputs: _Inputs, _outputs: _Inputs) -> _Outputs:
    return {"result": json.dumps({"requeued": 0})}


# Outputs beyond the ARNs that `_arn` makes, and ids that differ from the name.
_SPECIAL: Mapping[str, Callable[[str, _Inputs, _Inputs], _Outputs]] = {
    "aws:acm/certificate:Certificate": _certificate,
    "aws:apigatewayv2/api:Api": _api,
    "aws:apigatewayv2/domainName:DomainName": _domain_name,
    "aws:lambda/function:Function": _function,
    "aws:lambda/invocation:Invocation": _invocation,
    "aws:route53/record:Record": _record,
    "aws:sqs/queue:Queue": _queue,
}


def _region(_arguments: _Inputs) -> _Outputs:
    return {"id": REGION, "region": REGION, "name": REGION, "description": REGION}


def _caller_identity(_arguments: _Inputs) -> _Outputs:
    arn = f"arn:aws:iam::{ACCOUNT_ID}:root"
    return {"id": ACCOUNT_ID, "accountId": ACCOUNT_ID, "arn": arn, "userId": ACCOUNT_ID}


def _zone(arguments: _Inputs) -> _Outputs:
    zone_id = f"Z{_id(arguments['name']).upper()}"
    return {"id": zone_id, "zoneId": zone_id, "name": arguments["name"], "privateZone": False}


LOOKUPS: Mapping[str, Callable[[_Inputs], _Outputs]] = {
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:route53/getZone:getZone": _zone,
}
