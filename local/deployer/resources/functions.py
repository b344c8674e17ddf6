"""Lambda functions, and what invokes them."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pulumi

from local.constants import REGION
from local.deployer.resources.declared import Created, Declared, Kind
from local.emulator.aws import Aws
from local.errors import LocalStackError

# The earliest time that a zip can hold; a fixed time lets equal folders give equal zips.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def _function(aws: Aws, declared: Declared) -> Created:
    properties, name = declared.properties, declared.physical_name
    settings = properties.renamed(
        runtime="Runtime",
        architectures="Architectures",
        handler="Handler",
        role="Role",
        timeout="Timeout",
        memorySize="MemorySize",
    )
    arn = aws.lambda_.create_function(
        FunctionName=name,
        Code={"ZipFile": _zip(declared, properties.take("code"))},
        Environment={"Variables": properties.nested("environment").take("variables", {})},
        LoggingConfig=properties.nested("loggingConfig").renamed(logFormat="LogFormat", logGroup="LogGroup"),  # pyright: ignore[reportArgumentType] - its keys as a dict
        **settings,
    )["FunctionArn"]
    invoke_arn = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
    return Created(id=name, outputs={"arn": arn, "name": name, "invokeArn": invoke_arn})


def _zip(declared: Declared, code: Any) -> bytes:
    if not isinstance(code, pulumi.FileArchive) or not Path(code.path).is_dir():
        raise LocalStackError(
            f"{declared.type} {declared.name!r}: code is {code!r}, but must be a FileArchive of a folder"
        )
    folder, zipped = Path(code.path), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.writestr(zipfile.ZipInfo(str(path.relative_to(folder)), _EPOCH), path.read_bytes())
    return zipped.getvalue()


def _event_source_mapping(aws: Aws, declared: Declared) -> Created:
    properties = declared.properties
    mapping = aws.lambda_.create_event_source_mapping(
        ScalingConfig={"MaximumConcurrency": properties.nested("scalingConfig").take("maximumConcurrency")},
        **properties.renamed(
            eventSourceArn="EventSourceArn",
            functionName="FunctionName",
            batchSize="BatchSize",
            maximumBatchingWindowInSeconds="MaximumBatchingWindowInSeconds",
            functionResponseTypes="FunctionResponseTypes",
        ),
    )
    return Created(id=mapping["UUID"], outputs={"uuid": mapping["UUID"]})


def _permission(aws: Aws, declared: Declared) -> Created:
    statement_id = declared.physical_name
    aws.lambda_.add_permission(
        StatementId=statement_id,
        **declared.properties.renamed(
            function="FunctionName", action="Action", principal="Principal", sourceArn="SourceArn"
        ),
    )
    return Created(id=statement_id)


def _invocation(aws: Aws, declared: Declared) -> Created:
    function = declared.properties.take("functionName")
    return Created(
        id=declared.physical_name,
        outputs={"result": invoke(aws, function, declared.properties.take("input"))},
    )


def invoke(aws: Aws, function: str, payload: str) -> str:
    """Invoke a function with JSON; gives its answer as JSON.

    Raises:
        LocalStackError: the function raised; the message has its own.
    """
    answer = aws.lambda_.invoke(FunctionName=function, Payload=payload.encode())
    text = answer["Payload"].read().decode()
    if "FunctionError" in answer:
        raise LocalStackError(f"function {function!r}, invoked with {payload}, failed: {text}")
    return text


KINDS = {
    "aws:lambda/function:Function": Kind(create=_function),
    "aws:lambda/eventSourceMapping:EventSourceMapping": Kind(create=_event_source_mapping),
    "aws:lambda/permission:Permission": Kind(create=_permission),
    "aws:lambda/invocation:Invocation": Kind(
        create=_invocation,
        not_emulated={"triggers": "they decide whether an update invokes again, and nothing is updated here"},
    ),
}
