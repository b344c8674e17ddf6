"""The whole system, put together."""

import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.archives import Archives
from components.custom_domain import CustomDomain, CustomDomainArgs
from components.dashboard import Watched
from components.delivery_queue import DeliveryQueue, DeliveryQueueArgs
from components.functions import Functions
from components.http_api import HttpApi, HttpApiArgs
from components.monitoring import Monitoring, MonitoringArgs
from components.python_function import PythonFunction
from components.schedule import Schedule, ScheduleArgs
from components.settings import Settings
from components.tables import Tables, TablesArgs
from handlers.intake.routes import SEND_EVENT

# An event may be owed for all its retries and this much longer before an alarm tells the operator.
_OLDEST_EVENT_MARGIN_SECONDS = 900
# A run that finds nothing costs one query per shard of the status index.
_RECONCILE_EVERY_MINUTES = 10


@dataclass(frozen=True, kw_only=True)
class WebhookDeliveryArgs:
    """How the system is set up.

    Attributes:
        stack: the stack's name, for the dashboard's name, which auto-naming does not make.
        settings: the stack's configuration.
        archive_of: takes a function's name and returns the archive of its bundle.
    """

    stack: str
    settings: Settings
    archive_of: Archives


class WebhookDelivery(pulumi.ComponentResource):
    """Tables, queues, four functions, a schedule, the HTTP API, its domain if any, and the monitoring.

    Logical names do not contain the stack's name: otherwise `pulumi stack rename` would replace every
    resource. Physical names contain it through `pulumi:autonaming` in Pulumi.yaml.
    """

    stack_outputs: dict[str, pulumi.Output[Any]]

    def __init__(
        self, name: str, args: WebhookDeliveryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("webhooks:index:WebhookDelivery", name, None, opts)
        settings, child = args.settings, pulumi.ResourceOptions(parent=self)
        tables = Tables(f"{name}-tables", TablesArgs(protect_data=settings.protect_data), child)
        queue = DeliveryQueue(
            f"{name}-delivery",
            DeliveryQueueArgs(
                consumer_timeout_seconds=settings.worker_timeout_seconds,
                max_receive_count=settings.max_attempts,
                protect_data=settings.protect_data,
            ),
            child,
        )
        functions = Functions(settings=settings, archive_of=args.archive_of, tables=tables, queue=queue)
        ingest = PythonFunction(f"{name}-ingest", functions.ingest(), child)
        worker = PythonFunction(f"{name}-worker", functions.worker(), child)
        requeue = PythonFunction(f"{name}-requeue", functions.requeue(), child)
        reconciler = PythonFunction(f"{name}-reconciler", functions.reconciler(), child)
        _map_queue_to_worker(name, settings, queue, worker, child)
        _log_concurrency_advice(settings)
        Schedule(
            f"{name}-reconciliation",
            ScheduleArgs(function=reconciler.function, every_minutes=_RECONCILE_EVERY_MINUTES),
            child,
        )
        api = HttpApi(
            f"{name}-http",
            HttpApiArgs(
                function=ingest.function,
                log_retention_days=settings.log_retention_days,
                requests_per_second=settings.api_requests_per_second,
                protect_data=settings.protect_data,
            ),
            child,
        )
        endpoint_url = _endpoint_url(name, settings, api, child)
        monitoring = Monitoring(
            f"{name}-monitoring",
            MonitoringArgs(
                watched=Watched(
                    api_id=api.api.id,
                    queue_name=queue.queue.name,
                    dlq_name=queue.dlq.name,
                    ingest_name=ingest.function.name,
                    worker_name=worker.function.name,
                    reconciler_name=reconciler.function.name,
                    events_table_name=tables.events.name,
                ),
                dashboard_name=f"webhooks-{args.stack}",
                oldest_message_seconds=settings.retry_span_seconds + _OLDEST_EVENT_MARGIN_SECONDS,
                reconcile_every_minutes=_RECONCILE_EVERY_MINUTES,
                alarm_email=settings.alarm_email,
            ),
            child,
        )
        self.stack_outputs = {
            "endpoint_url": endpoint_url,
            "events_url": pulumi.Output.concat(endpoint_url, SEND_EVENT.path),
            "tenant_table_name": tables.tenants.name,
            "events_table_name": tables.events.name,
            "queue_url": queue.queue.url,
            "dlq_url": queue.dlq.url,
            "ingest_function_name": ingest.function.name,
            "worker_function_name": worker.function.name,
            "requeue_function_name": requeue.function.name,
            "dashboard_url": monitoring.dashboard_url,
        } | _requeue_now(name, settings, requeue, child)
        self.register_outputs(self.stack_outputs)


def _map_queue_to_worker(
    name: str,
    settings: Settings,
    queue: DeliveryQueue,
    worker: PythonFunction,
    child: pulumi.ResourceOptions,
) -> None:
    aws.lambda_.EventSourceMapping(
        f"{name}-worker-mapping",
        event_source_arn=queue.queue.arn,
        function_name=worker.function.arn,
        batch_size=settings.worker_batch_size,
        maximum_batching_window_in_seconds=0,
        function_response_types=["ReportBatchItemFailures"],
        # Reserved concurrency would not do: the pollers ignore it, and a throttled batch uses up receives.
        scaling_config={"maximum_concurrency": settings.worker_maximum_concurrency},
        opts=child,
    )


def _log_concurrency_advice(settings: Settings) -> None:
    """All functions of an account share its concurrency, and not every deployment may look it up."""
    pulumi.log.info(
        f"up to {settings.worker_maximum_concurrency} workers run at the same time, if the account's Lambda "
        "concurrency allows it. New accounts have 10 to 50 (see `aws lambda get-account-settings`): there, "
        "set workerMaximumConcurrency to half of it, or workers keep ingest from answering."
    )


def _endpoint_url(
    name: str, settings: Settings, api: HttpApi, child: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    if not settings.domain_name:
        return api.api.api_endpoint
    domain = CustomDomain(
        f"{name}-domain",
        CustomDomainArgs(
            domain_name=settings.domain_name,
            hosted_zone_name=settings.hosted_zone_name,
            stage=api.stage,
            protect_data=settings.protect_data,
        ),
        child,
    )
    return pulumi.Output.concat("https://", domain.domain_name)


def _requeue_now(
    name: str, settings: Settings, requeue: PythonFunction, child: pulumi.ResourceOptions
) -> dict[str, pulumi.Output[Any]]:
    """Run the requeue function if the configuration asks for it, once per change of the text."""
    if not settings.requeue:
        return {}
    invocation = aws.lambda_.Invocation(
        f"{name}-requeue-run",
        function_name=requeue.function.name,
        input=settings.requeue,
        triggers={"requeue": settings.requeue},
        opts=child,
    )
    return {"requeue_result": invocation.result.apply(json.loads)}
