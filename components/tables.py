"""The two tables: who may send, and what was sent."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from handlers import schema


@dataclass(frozen=True, kw_only=True)
class TablesArgs:
    """Settings of the tables.

    Attributes:
        protect: keep the data from being deleted, by Pulumi and by DynamoDB.
    """

    protect: bool


class Tables(pulumi.ComponentResource):
    """Produces the tables `TenantApiKeys` and `Events`, billed by request, encrypted, recoverable."""

    tenants: aws.dynamodb.Table
    events: aws.dynamodb.Table

    def __init__(self, name: str, args: TablesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("webhooks:index:Tables", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, protect=args.protect)
        self.tenants = aws.dynamodb.Table(
            f"{name}-TenantApiKeys",
            billing_mode="PAY_PER_REQUEST",
            hash_key=schema.API_KEY,
            attributes=[_text(schema.API_KEY), _text(schema.TENANT_ID)],
            global_secondary_indexes=[
                {
                    "name": schema.TENANT_ID_INDEX,
                    "hash_key": schema.TENANT_ID,
                    "projection_type": "ALL",
                }
            ],
            deletion_protection_enabled=args.protect,
            point_in_time_recovery={"enabled": True},
            server_side_encryption={"enabled": True},
            opts=child,
        )
        self.events = aws.dynamodb.Table(
            f"{name}-Events",
            billing_mode="PAY_PER_REQUEST",
            hash_key=schema.TENANT_ID,
            range_key=schema.EVENT_ID,
            attributes=[
                _text(schema.TENANT_ID),
                _text(schema.EVENT_ID),
                _text(schema.STATUS),
                {"name": schema.SHARD, "type": "N"},
                _text(schema.CREATED_AT),
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
            deletion_protection_enabled=args.protect,
            point_in_time_recovery={"enabled": True},
            server_side_encryption={"enabled": True},
            opts=child,
        )
        self.register_outputs({"tenants": self.tenants.name, "events": self.events.name})

    def tenant_id_index_arn(self) -> pulumi.Output[str]:
        """The ARN of the index that finds a tenant's rows."""
        return pulumi.Output.concat(self.tenants.arn, f"/index/{schema.TENANT_ID_INDEX}")

    def status_index_arn(self) -> pulumi.Output[str]:
        """The ARN of the index of what is owed or failed."""
        return pulumi.Output.concat(self.events.arn, f"/index/{schema.STATUS_INDEX}")


def _text(name: str) -> aws.dynamodb.TableAttributeArgsDict:
    return {"name": name, "type": "S"}
