"""Tables."""

from typing import TYPE_CHECKING

from local.deployer.resources.declared import Created, Declared, Kind, Properties
from local.emulator.aws import Aws

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import (
        AttributeDefinitionTypeDef,
        GlobalSecondaryIndexUnionTypeDef,
        KeySchemaElementTypeDef,
    )


def _table(aws: Aws, declared: Declared) -> Created:
    properties, name = declared.properties, declared.physical_name
    indexes = [_index(index) for index in properties.each("globalSecondaryIndexes")]
    description = aws.dynamodb.create_table(
        TableName=name,
        BillingMode=properties.take("billingMode"),
        KeySchema=_keys(properties),
        AttributeDefinitions=[_attribute(attribute) for attribute in properties.each("attributes")],
        SSESpecification={"Enabled": properties.nested("serverSideEncryption").take("enabled", False)},
        DeletionProtectionEnabled=properties.take("deletionProtectionEnabled", False),
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),  # pyright: ignore[reportArgumentType] - must be absent, not empty
    )["TableDescription"]
    _expire(aws, name, properties.nested("ttl"))
    if properties.nested("pointInTimeRecovery").take("enabled"):
        aws.dynamodb.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    return Created(id=name, outputs={"name": name, "arn": description.get("TableArn")})


def _expire(aws: Aws, name: str, ttl: Properties) -> None:
    attribute, enabled = ttl.take("attributeName"), ttl.take("enabled")
    if enabled:
        aws.dynamodb.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"AttributeName": attribute, "Enabled": True}
        )


def _keys(table: Properties) -> "list[KeySchemaElementTypeDef]":
    keys: list[KeySchemaElementTypeDef] = [
        {"AttributeName": table.take("hashKey"), "KeyType": "HASH"},
    ]
    if range_key := table.take("rangeKey"):
        keys.append({"AttributeName": range_key, "KeyType": "RANGE"})
    return keys


def _attribute(attribute: Properties) -> "AttributeDefinitionTypeDef":
    return {"AttributeName": attribute.take("name"), "AttributeType": attribute.take("type")}


def _index(index: Properties) -> "GlobalSecondaryIndexUnionTypeDef":
    return {
        "IndexName": index.take("name"),
        "KeySchema": [
            {"AttributeName": key.take("attributeName"), "KeyType": key.take("keyType")}
            for key in index.each("keySchemas")
        ],
        "Projection": {"ProjectionType": index.take("projectionType")},
    }


KINDS = {"aws:dynamodb/table:Table": Kind(create=_table)}
