"""The two tables: one for who may send events and where they go, one for the events."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from handlers.store import schema


@dataclass(frozen=True, kw_only=True)
class TablesArgs:
    """How the tables are kept.

    Attributes:
        protect_data: AWS and Pulumi refuse to delete the tables, and they stay when the stack is destroyed.
    """

    protect_data: bool


class Tables(pulumi.ComponentResource):
    """`TenantApiKeys` and `Events`: two DynamoDB tables, billed by request."""

    tenants: aws.dynamodb.Table
    events: aws.dynamodb.Table

    def __init__(self, name: str, args: TablesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("webhooks:index:Tables", name, None, opts)
        table_opts = pulumi.ResourceOptions(
            parent=self, protect=args.protect_data, retain_on_delete=args.protect_data
        )
        self.tenants = aws.dynamodb.Table(
            f"{name}-tenant-api-keys",
            billing_mode="PAY_PER_REQUEST",
            hash_key=schema.API_KEY,
            attributes=[{"name": schema.API_KEY, "type": "S"}, {"name": schema.TENANT_ID, "type": "S"}],
            global_secondary_indexes=[
                {
                    "name": schema.TENANT_ID_INDEX,
                    "key_schemas": [{"attribute_name": schema.TENANT_ID, "key_type": "HASH"}],
                    "projection_type": "ALL",
                }
            ],
            point_in_time_recovery={"enabled": True},
            server_side_encryption={"enabled": True},
            deletion_protection_enabled=args.protect_data,
            opts=table_opts,
        )
        self.events = aws.dynamodb.Table(
            f"{name}-events",
            billing_mode="PAY_PER_REQUEST",
            hash_key=schema.TENANT_ID,
            range_key=schema.EVENT_ID,
            attributes=[
                {"name": schema.TENANT_ID, "type": "S"},
                {"name": schema.EVENT_ID, "type": "S"},
                {"name": schema.STATUS, "type": "S"},
                {"name": schema.SHARD, "type": "N"},
                {"name": schema.CREATED_AT, "type": "S"},
            ],
            global_secondary_indexes=[
                {
                    "name": schema.STATUS_INDEX,
                    "key_schemas": [
                        {"attribute_name": schema.STATUS, "key_type": "HASH"},
                        {"attribute_name": schema.SHARD, "key_type": "HASH"},
                        {"attribute_name": schema.CREATED_AT, "key_type": "RANGE"},
                    ],
                    "projection_type": "KEYS_ONLY",
                }
            ],
            ttl={"attribute_name": schema.EXPIRES_AT, "enabled": True},
            point_in_time_recovery={"enabled": True},
            server_side_encryption={"enabled": True},
            deletion_protection_enabled=args.protect_data,
            opts=table_opts,
        )
        self.register_outputs({"tenants": self.tenants.name, "events": self.events.name})

    @property
    def tenant_id_index_arn(self) -> pulumi.Output[str]:
        """The index that finds a tenant's rows."""
        return pulumi.Output.concat(self.tenants.arn, "/index/", schema.TENANT_ID_INDEX)

    @property
    def status_index_arn(self) -> pulumi.Output[str]:
        """The index that finds owed and failed events."""
        return pulumi.Output.concat(self.events.arn, "/index/", schema.STATUS_INDEX)
