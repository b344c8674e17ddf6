"""The three functions: what each reads, what each may do, and what calls it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from components.delivery_queue import DeliveryQueue
from components.permission import Permission, only_attributes
from components.python_function import PythonFunction, PythonFunctionArgs
from components.settings import Settings
from components.tables import Tables
from handlers import schema
from handlers.environment import IngestEnvironment, RequeueEnvironment, WorkerEnvironment

INGEST_TIMEOUT_SECONDS = 29  # the HTTP API gives up after 30
REQUEUE_TIMEOUT_SECONDS = 900  # Lambda's longest

Bundle = Callable[[str], Path]
"""The folder of a function's bundle, by the function's name."""


@dataclass(frozen=True, kw_only=True)
class FunctionsArgs:
    """What the functions work on."""

    settings: Settings
    tables: Tables
    queue: DeliveryQueue
    bundle: Bundle


class Functions(pulumi.ComponentResource):
    """Produces the ingest, the worker and the requeue function, and the worker's event source mapping."""

    ingest: aws.lambda_.Function
    worker: aws.lambda_.Function
    requeue: aws.lambda_.Function

    def __init__(self, name: str, args: FunctionsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("webhooks:index:Functions", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        def declare(function: PythonFunctionArgs, role: str) -> aws.lambda_.Function:
            return PythonFunction(f"{name}-{role}", function, child).function

        self.ingest = declare(_ingest(args), "ingest")
        self.worker = declare(_worker(args), "worker")
        self.requeue = declare(_requeue(args), "requeue")
        aws.lambda_.EventSourceMapping(
            f"{name}-deliveries",
            event_source_arn=args.queue.queue.arn,
            function_name=self.worker.arn,
            batch_size=args.settings.worker_batch_size,
            maximum_batching_window_in_seconds=0,
            function_response_types=["ReportBatchItemFailures"],
            # Not reserved concurrency: the pollers ignore that, and every throttled batch costs a receive.
            scaling_config={"maximum_concurrency": args.settings.worker_maximum_concurrency},
            opts=child,
        )
        self.register_outputs({})


def requeue_once(
    name: str, function: aws.lambda_.Function, payload: Mapping[str, Any], opts: pulumi.ResourceOptions
) -> pulumi.Output[Any]:
    """Invoke the requeue function, once for each change of the input, and give its report."""
    text = json.dumps(payload, sort_keys=True)
    run = aws.lambda_.Invocation(
        name, function_name=function.name, input=text, triggers={"input": text}, opts=opts
    )
    return run.result.apply(json.loads)


def _ingest(args: FunctionsArgs) -> PythonFunctionArgs:
    return PythonFunctionArgs(
        handler="handlers.ingest.handler",
        bundle=args.bundle("ingest"),
        environment=IngestEnvironment,
        variables={
            "tenant_table_name": args.tables.tenants.name,
            "events_table_name": args.tables.events.name,
            "queue_url": args.queue.queue.url,
            "event_retention_days": args.settings.event_retention_days,
            "status_index_shards": args.settings.status_index_shards,
        },
        permissions=[
            Permission(
                actions=("dynamodb:GetItem",),
                resource=args.tables.tenants.arn,
                # Webhook secrets lie in the same item.
                condition=only_attributes(schema.API_KEY, schema.TENANT_ID, schema.TARGET_URL, schema.STATE),
            ),
            Permission(actions=("dynamodb:PutItem",), resource=args.tables.events.arn),
            Permission(actions=("sqs:SendMessage",), resource=args.queue.queue.arn),
        ],
        timeout_seconds=INGEST_TIMEOUT_SECONDS,
        memory_mb=512,
        log_retention_days=args.settings.log_retention_days,
    )


def _worker(args: FunctionsArgs) -> PythonFunctionArgs:
    return PythonFunctionArgs(
        handler="handlers.worker.handler",
        bundle=args.bundle("worker"),
        environment=WorkerEnvironment,
        variables={
            "tenant_table_name": args.tables.tenants.name,
            "events_table_name": args.tables.events.name,
            "queue_url": args.queue.queue.url,
            "webhook_timeout_seconds": args.settings.webhook_timeout_seconds,
            "retry_delays_seconds": args.settings.retry_delays_seconds,
            "allow_private_targets": args.settings.allow_private_targets,
        },
        permissions=[
            Permission(
                actions=(
                    "sqs:ReceiveMessage",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                    "sqs:ChangeMessageVisibility",
                ),
                resource=args.queue.queue.arn,
            ),
            Permission(
                actions=("dynamodb:BatchGetItem", "dynamodb:UpdateItem"), resource=args.tables.events.arn
            ),
            Permission(actions=("dynamodb:Query",), resource=args.tables.tenant_id_index_arn()),
        ],
        timeout_seconds=args.settings.worker_timeout_seconds,
        memory_mb=512,
        log_retention_days=args.settings.log_retention_days,
    )


def _requeue(args: FunctionsArgs) -> PythonFunctionArgs:
    return PythonFunctionArgs(
        handler="handlers.requeue.handler",
        bundle=args.bundle("requeue"),
        environment=RequeueEnvironment,
        variables={
            "tenant_table_name": args.tables.tenants.name,
            "events_table_name": args.tables.events.name,
            "queue_url": args.queue.queue.url,
            "dlq_url": args.queue.dlq.url,
            "status_index_shards": args.settings.status_index_shards,
        },
        permissions=[
            Permission(
                actions=("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"),
                resource=args.queue.dlq.arn,
            ),
            Permission(actions=("sqs:SendMessage",), resource=args.queue.queue.arn),
            Permission(
                actions=("dynamodb:BatchGetItem", "dynamodb:UpdateItem"), resource=args.tables.events.arn
            ),
            Permission(actions=("dynamodb:Query",), resource=args.tables.status_index_arn()),
            Permission(
                actions=("dynamodb:Query",),
                resource=args.tables.tenant_id_index_arn(),
                condition=only_attributes(schema.TENANT_ID, schema.TARGET_URL),
            ),
        ],
        timeout_seconds=REQUEUE_TIMEOUT_SECONDS,
        memory_mb=512,
        log_retention_days=args.settings.log_retention_days,
    )
