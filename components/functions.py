"""The four functions: the environment and all the permissions of each."""

from dataclasses import dataclass

from components.archives import Archives
from components.delivery_queue import DeliveryQueue
from components.permission import Permission
from components.python_function import PythonFunctionArgs
from components.settings import Settings
from components.shards import shards_never_fewer
from components.tables import Tables
from handlers.environment import (
    LONGEST_RUN_SECONDS,
    IngestEnvironment,
    ReconcilerEnvironment,
    RequeueEnvironment,
    WorkerEnvironment,
)
from handlers.store import schema

# An HTTP API waits for 30 seconds and then answers 503. If the function timed out first, it would answer 500.
_INGEST_TIMEOUT_SECONDS = 35
# Shorter than the time between two runs, so that runs overlap only when Lambda retries a failed one. An
# overlap does no harm: each run skips events that the other has marked as queued.
_RECONCILER_TIMEOUT_SECONDS = 300
_MEMORY_MB = 512


@dataclass(frozen=True, kw_only=True)
class Functions:
    """Describes the functions over one set of tables and queues."""

    settings: Settings
    archive_of: Archives
    tables: Tables
    queue: DeliveryQueue

    def ingest(self) -> PythonFunctionArgs:
        """Stores and queues posted events; may look up a key's holder, but reads no secret or payload."""
        return PythonFunctionArgs(
            module="ingest",
            code=self.archive_of("ingest"),
            environment_model=IngestEnvironment,
            environment={
                "tenant_table_name": self.tables.tenants.name,
                "events_table_name": self.tables.events.name,
                "queue_url": self.queue.queue.url,
                "event_retention_days": self.settings.event_retention_days,
                "idempotency_hours": self.settings.idempotency_hours,
                "status_index_shards": self.settings.status_index_shards,
            },
            permissions=[
                Permission(
                    actions=["dynamodb:GetItem"],
                    resource=self.tables.tenants.arn,
                    only_attributes=schema.KEY_HOLDER,
                ),
                Permission(
                    actions=["dynamodb:PutItem"], resource=self.tables.events.arn, returns_nothing=True
                ),
                Permission(
                    actions=["dynamodb:GetItem"],
                    resource=self.tables.events.arn,
                    only_attributes=schema.IDEMPOTENCY_RECORD,
                ),
                Permission(actions=["sqs:SendMessage"], resource=self.queue.queue.arn),
            ],
            timeout_seconds=_INGEST_TIMEOUT_SECONDS,
            memory_mb=_MEMORY_MB,
            log_retention_days=self.settings.log_retention_days,
            hooks=shards_never_fewer(),
        )

    def worker(self) -> PythonFunctionArgs:
        """Delivers the queued events; no other function may read a tenant's secrets."""
        return PythonFunctionArgs(
            module="worker",
            code=self.archive_of("worker"),
            environment_model=WorkerEnvironment,
            environment={
                "tenant_table_name": self.tables.tenants.name,
                "events_table_name": self.tables.events.name,
                "queue_url": self.queue.queue.url,
                "webhook_timeout_seconds": self.settings.webhook_timeout_seconds,
                "retry_delays_seconds": self.settings.retry_delays_seconds,
                "allow_private_targets": self.settings.allow_private_targets,
            },
            permissions=[
                Permission(
                    actions=[
                        "sqs:ReceiveMessage",
                        "sqs:DeleteMessage",
                        "sqs:GetQueueAttributes",
                        "sqs:ChangeMessageVisibility",
                    ],
                    resource=self.queue.queue.arn,
                ),
                Permission(
                    actions=["dynamodb:BatchGetItem", "dynamodb:UpdateItem"], resource=self.tables.events.arn
                ),
                Permission(actions=["dynamodb:Query"], resource=self.tables.tenant_id_index_arn),
            ],
            timeout_seconds=self.settings.worker_timeout_seconds,
            memory_mb=_MEMORY_MB,
            log_retention_days=self.settings.log_retention_days,
        )

    def requeue(self) -> PythonFunctionArgs:
        """Sends failed events again; no other function may use the DLQ. Reads no secret or payload."""
        return PythonFunctionArgs(
            module="requeue",
            code=self.archive_of("requeue"),
            environment_model=RequeueEnvironment,
            environment={
                "tenant_table_name": self.tables.tenants.name,
                "events_table_name": self.tables.events.name,
                "queue_url": self.queue.queue.url,
                "dlq_url": self.queue.dlq.url,
                "status_index_shards": self.settings.status_index_shards,
            },
            permissions=[
                Permission(
                    actions=["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"],
                    resource=self.queue.dlq.arn,
                ),
                Permission(actions=["sqs:SendMessage"], resource=self.queue.queue.arn),
                Permission(
                    actions=["dynamodb:BatchGetItem"],
                    resource=self.tables.events.arn,
                    only_attributes=schema.WITHOUT_PAYLOAD,
                ),
                Permission(
                    actions=["dynamodb:UpdateItem"],
                    resource=self.tables.events.arn,
                    only_attributes=schema.RESET,
                    returns_nothing=True,
                ),
                Permission(actions=["dynamodb:Query"], resource=self.tables.status_index_arn),
                Permission(
                    actions=["dynamodb:Query"],
                    resource=self.tables.tenant_id_index_arn,
                    only_attributes=schema.TARGET,
                ),
            ],
            timeout_seconds=LONGEST_RUN_SECONDS,
            memory_mb=_MEMORY_MB,
            log_retention_days=self.settings.log_retention_days,
        )

    def reconciler(self) -> PythonFunctionArgs:
        """Queues an event again if its message was lost; reads and changes only the event's progress."""
        return PythonFunctionArgs(
            module="reconciler",
            code=self.archive_of("reconciler"),
            environment_model=ReconcilerEnvironment,
            environment={
                "events_table_name": self.tables.events.name,
                "queue_url": self.queue.queue.url,
                "status_index_shards": self.settings.status_index_shards,
                "stalled_after_seconds": self.settings.stalled_after_seconds,
            },
            permissions=[
                Permission(actions=["dynamodb:Query"], resource=self.tables.status_index_arn),
                Permission(
                    actions=["dynamodb:Query"],
                    resource=self.tables.events.arn,
                    only_attributes=schema.PROGRESS,
                ),
                Permission(
                    actions=["dynamodb:BatchGetItem"],
                    resource=self.tables.events.arn,
                    only_attributes=schema.LIFE_SIGNS,
                ),
                Permission(
                    actions=["dynamodb:UpdateItem"],
                    resource=self.tables.events.arn,
                    only_attributes=schema.QUEUED_AGAIN,
                    returns_nothing=True,
                ),
                Permission(
                    actions=["sqs:SendMessage", "sqs:GetQueueAttributes"], resource=self.queue.queue.arn
                ),
            ],
            timeout_seconds=_RECONCILER_TIMEOUT_SECONDS,
            memory_mb=_MEMORY_MB,
            log_retention_days=self.settings.log_retention_days,
        )
