"""Runs a Pulumi program in this process and records every resource that it registers."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs

from local.constants import ACCOUNT_ID, REGION
from local.deployer.runner import STACK_TYPE, Monitor, main_program, plain, run


class RecordingError(AssertionError):
    """A program registered something that no engine would accept."""


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A resource as the program registered it; unknown values are `rpc.UNKNOWN`."""

    urn: str
    type: str
    name: str
    parent: str
    custom: bool
    inputs: Mapping[str, Any]
    dependencies: frozenset[str]
    secret_inputs: frozenset[str]
    protect: bool
    retain_on_delete: bool
    create_timeout: str
    hooks_before_update: tuple[str, ...]


@dataclass(kw_only=True)
class Recording:
    """What a program registered, by URN, what it exported and what it looked up.

    Attributes:
        component_outputs: how often each component registered its outputs, by URN.
        lookups: the tokens, such as `aws:index/getRegion:getRegion`.
    """

    resources: dict[str, Registered] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    component_outputs: dict[str, int] = field(default_factory=dict)
    lookups: set[str] = field(default_factory=set)

    def of_type(self, type_: str) -> list[Registered]:
        return [resource for resource in self.resources.values() if resource.type == type_]

    def one(self, type_: str, name: str = "") -> Registered:
        """The only resource of this type whose name ends in `name`."""
        (found,) = [resource for resource in self.of_type(type_) if resource.name.endswith(name)]
        return found

    def components(self) -> list[Registered]:
        return [resource for resource in self.resources.values() if not resource.custom]


def record(
    program: Callable[[], None] = main_program,
    *,
    config: Mapping[str, str] | None = None,
    stack: str = "dev",
    preview: bool = False,
) -> Recording:
    """Run a program under a recording monitor.

    Args:
        program: registers resources; the whole program by default.
        config: the project's configuration, by key without its namespace.
        stack: the stack's name.
        preview: leave every output that only a deployment knows unknown.
    """
    # An Output formatted as text by mistake is an error rather than a warning inside the text.
    os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "1"
    cloud = _Cloud(preview=preview)
    monitor = _RecordingMonitor(cloud)
    run(program, monitor, stack=stack, config=config or {}, preview=preview)
    monitor.recording.outputs, monitor.recording.lookups = monitor.stack_outputs, cloud.lookups
    return monitor.recording


class _RecordingMonitor(Monitor):
    def __init__(self, cloud: "_Cloud") -> None:
        super().__init__(cloud)
        self.recording = Recording()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        urn = self.make_urn(request.parent, request.type, request.name)
        if urn in self.recording.resources:
            raise RecordingError(f"{urn} is registered twice")
        raw = rpc.deserialize_properties(request.object, keep_unknowns=True)
        inputs = plain(raw)
        _require_archives(urn, inputs)
        if request.type != STACK_TYPE:
            self.recording.resources[urn] = Registered(
                urn=urn,
                type=request.type,
                name=request.name,
                parent=request.parent,
                custom=request.custom,
                inputs=inputs,
                dependencies=frozenset(request.dependencies),
                secret_inputs=frozenset(key for key, value in raw.items() if _holds_secret(value)),
                protect=request.protect,
                retain_on_delete=request.retainOnDelete,
                create_timeout=request.customTimeouts.create,
                hooks_before_update=tuple(request.hooks.before_update),
            )
        return super().RegisterResource(request)

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        if f"::{STACK_TYPE}::" not in request.urn:
            count = self.recording.component_outputs.get(request.urn, 0)
            self.recording.component_outputs[request.urn] = count + 1
        return super().RegisterResourceOutputs(request)


class _Cloud(pulumi.runtime.Mocks):
    """Answers as AWS would: an id for every resource, and the properties that AWS makes up."""

    def __init__(self, *, preview: bool) -> None:
        self._preview = preview
        self.lookups: set[str] = set()

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if not args.custom:
            return "", {}
        made_up = _made_up(args.typ, args.name, args.inputs)
        if self._preview:
            return None, args.inputs | dict.fromkeys(made_up, rpc.UNKNOWN)
        return f"{args.name}-id", args.inputs | made_up

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        answers: dict[str, dict[str, Any]] = {
            "aws:index/getRegion:getRegion": {"region": REGION, "id": REGION},
            "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": ACCOUNT_ID},
            "aws:route53/getZone:getZone": {"zoneId": "Z0", "name": args.args.get("name")},
        }
        self.lookups.add(args.token)
        return answers[args.token], []


def _made_up(type_: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What AWS adds to a resource of this type."""
    service, kind = type_.split(":")[1].split("/")
    arn = f"arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{kind}/{name}"
    made_up: dict[str, Any] = {"arn": arn, "name": inputs.get("name", f"{name}-1a2b3c4")}
    match type_:
        case "aws:sqs/queue:Queue":
            made_up["url"] = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT_ID}/{name}-1a2b3c4"
        case "aws:cloudwatch/eventRule:EventRule":
            made_up["arn"] = f"arn:aws:events:{REGION}:{ACCOUNT_ID}:rule/{made_up['name']}"
        case "aws:lambda/function:Function":
            made_up["invokeArn"] = f"arn:aws:apigateway:{REGION}:lambda:path/functions/{arn}/invocations"
        case "aws:lambda/invocation:Invocation":
            made_up["result"] = '{"requeued": 3}'
        case "aws:apigatewayv2/api:Api":
            made_up["apiEndpoint"] = f"https://{name}.execute-api.{REGION}.amazonaws.com"
            made_up["executionArn"] = f"arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{name}"
        case "aws:acm/certificate:Certificate":
            made_up["domainValidationOptions"] = [
                {
                    "domainName": inputs["domainName"],
                    "resourceRecordName": f"_proof.{inputs['domainName']}",
                    "resourceRecordType": "CNAME",
                    "resourceRecordValue": "_proof.acm-validations.aws",
                }
            ]
        case "aws:route53/record:Record":
            made_up["fqdn"] = inputs.get("name")
        case "aws:apigatewayv2/domainName:DomainName":
            made_up["domainNameConfiguration"] = inputs["domainNameConfiguration"] | {
                "targetDomainName": "d-1.execute-api.amazonaws.com",
                "hostedZoneId": "Z1",
            }
        case _:
            pass
    return made_up


def _require_archives(urn: str, value: Any) -> None:
    if isinstance(value, pulumi.FileArchive) and not Path(value.path).is_dir():
        raise RecordingError(f"{urn} has the archive {value.path}, which is not a folder")
    for child in value.values() if isinstance(value, dict) else ():
        _require_archives(urn, child)


def _holds_secret(value: Any) -> bool:
    if rpc.is_rpc_secret(value):
        return True
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(_holds_secret, children))
