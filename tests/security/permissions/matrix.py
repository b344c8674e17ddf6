"""All calls that every role tries: reads and writes of tables, control operations, queues, other services."""

from collections.abc import Iterator
from dataclasses import replace

from local.constants import ACCOUNT_ID, REGION
from tests.security.permissions.calls import NOBODY, Call, Table, Targets, call, reads, typed_key

_NO_UUID = "00000000-0000-0000-0000-000000000000"


def matrix(targets: Targets) -> list[Call]:
    """All calls that every role tries."""
    return [
        *reads(targets.tenants),
        *reads(targets.events),
        *_writes(targets.tenants),
        *_writes(targets.events),
        *_partiql(targets.tenants),
        *_partiql(targets.events),
        *_messages(targets.queue_url),
        *_messages(targets.dlq_url),
        *_functions(targets),
        *_identities(targets),
        *_log_groups(targets),
        *_other_services(targets),
        *_table_control(targets.tenants),
        *_table_control(targets.events),
        *_queue_control(targets.queue_url),
        *_queue_control(targets.dlq_url),
    ]


def _writes(table: Table) -> Iterator[Call]:
    """Writes whose condition never holds, so that one that is granted changes nothing."""
    key, name = typed_key(table.key), table.key[0]
    only_if = {"ConditionExpression": "attribute_exists(#key)", "ExpressionAttributeNames": {"#key": name}}
    put = {"TableName": table.name, "Item": key, **only_if}
    delete = {"TableName": table.name, "Key": key, **only_if}
    update = _update(table, NOBODY).arguments
    for returns, write in (
        ("ALL_OLD", call("dynamodb.put_item", table.arn, **put)),
        *(
            ("ALL_NEW", _update(table, attribute))
            for attribute in (NOBODY, *table.attributes)
            if attribute not in table.key
        ),
        ("ALL_OLD", call("dynamodb.delete_item", table.arn, **delete)),
    ):
        yield write
        yield replace(write, arguments={**write.arguments, "ReturnValues": returns}, returns=returns)
    batch = {table.name: [{"DeleteRequest": {"Key": key}}]}
    yield call("dynamodb.batch_write_item", table.arn, RequestItems=batch)
    for kind, item, action, names in (
        ("Put", put, "PutItem", ()),
        ("Update", update, "UpdateItem", (*table.key, NOBODY)),
        ("Delete", delete, "DeleteItem", ()),
        ("ConditionCheck", delete, "ConditionCheckItem", ()),
    ):
        yield call(
            "dynamodb.transact_write_items",
            table.arn,
            action=f"dynamodb:{action}",
            names=names,
            TransactItems=[{kind: item}],
        )


def _update(table: Table, attribute: str) -> Call:
    """An update of one attribute."""
    return call(
        "dynamodb.update_item",
        table.arn,
        names=(*table.key, attribute),
        TableName=table.name,
        Key=typed_key(table.key),
        UpdateExpression="REMOVE #other",
        ConditionExpression="attribute_exists(#key)",
        ExpressionAttributeNames={"#key": table.key[0], "#other": attribute},
    )


def _partiql(table: Table) -> Iterator[Call]:
    where = " AND ".join(f"\"{name}\" = '{NOBODY}'" for name in table.key)
    item = ", ".join(f"'{name}': '{NOBODY}'" for name in table.key)
    statements = {
        "PartiQLSelect": f'SELECT * FROM "{table.name}" WHERE {where}',  # noqa: S608 - names of our own
        "PartiQLInsert": f'INSERT INTO "{table.name}" VALUE {{{item}}}',
        "PartiQLUpdate": f"UPDATE \"{table.name}\" SET other = 'x' WHERE {where}",  # noqa: S608 - as above
        "PartiQLDelete": f'DELETE FROM "{table.name}" WHERE {where}',  # noqa: S608 - as above
    }
    for kind, statement in statements.items():
        action = f"dynamodb:{kind}"
        yield call("dynamodb.execute_statement", table.arn, action=action, Statement=statement)
        for operation, argument in (
            ("batch_execute_statement", "Statements"),
            ("execute_transaction", "TransactStatements"),
        ):
            arguments = {argument: [{"Statement": statement}]}
            yield call(f"dynamodb.{operation}", table.arn, action=action, **arguments)


def _table_control(table: Table) -> Iterator[Call]:
    name = {"TableName": table.name}
    tags = {"ResourceArn": table.arn}
    yield call("dynamodb.describe_table", table.arn, **name)
    yield call("dynamodb.describe_time_to_live", table.arn, **name)
    yield call("dynamodb.describe_continuous_backups", table.arn, **name)
    yield call("dynamodb.list_tags_of_resource", table.arn, **tags)
    yield call("dynamodb.tag_resource", table.arn, Tags=[{"Key": NOBODY, "Value": ""}], **tags)
    yield call("dynamodb.untag_resource", table.arn, TagKeys=[NOBODY], **tags)
    ttl = {"AttributeName": "expiresAt", "Enabled": True}
    yield call("dynamodb.update_time_to_live", table.arn, TimeToLiveSpecification=ttl, **name)
    recovery = {"PointInTimeRecoveryEnabled": True}
    yield call(
        "dynamodb.update_continuous_backups", table.arn, PointInTimeRecoverySpecification=recovery, **name
    )
    yield call("dynamodb.update_table", table.arn, BillingMode="PAY_PER_REQUEST", **name)
    yield call("dynamodb.create_backup", table.arn, BackupName=NOBODY, **name)
    yield call(
        "dynamodb.export_table_to_point_in_time", table.arn, TableArn=table.arn, S3Bucket="nobodys-bucket"
    )
    yield call("dynamodb.get_resource_policy", table.arn, **tags)
    yield call("dynamodb.put_resource_policy", table.arn, Policy="{}", **tags)
    yield call("dynamodb.delete_resource_policy", table.arn, **tags)
    yield call("dynamodb.delete_table", table.arn, **name)


def _messages(url: str) -> Iterator[Call]:
    """Calls on messages; the handle is nobody's, and what is received stays visible."""
    arn, queue, handle = _queue_arn(url), {"QueueUrl": url}, {"ReceiptHandle": NOBODY}
    entry = {"Id": "1", **handle}
    yield call("sqs.send_message", arn, MessageBody=NOBODY, MessageGroupId=NOBODY, **queue)
    yield call("sqs.receive_message", arn, VisibilityTimeout=0, **queue)
    yield call("sqs.delete_message", arn, **queue, **handle)
    yield call("sqs.change_message_visibility", arn, VisibilityTimeout=0, **queue, **handle)
    sent = [{"Id": "1", "MessageBody": NOBODY, "MessageGroupId": NOBODY}]
    hidden = [{**entry, "VisibilityTimeout": 0}]
    # SQS authorises a batch by the single operation (SQS developer guide, "Amazon SQS API permissions").
    yield call("sqs.send_message_batch", arn, action="sqs:SendMessage", Entries=sent, **queue)
    yield call("sqs.delete_message_batch", arn, action="sqs:DeleteMessage", Entries=[entry], **queue)
    action = "sqs:ChangeMessageVisibility"
    yield call("sqs.change_message_visibility_batch", arn, action=action, Entries=hidden, **queue)


def _queue_control(url: str) -> Iterator[Call]:
    arn, queue = _queue_arn(url), {"QueueUrl": url}
    yield call("sqs.get_queue_attributes", arn, AttributeNames=["All"], **queue)
    yield call("sqs.get_queue_url", arn, QueueName=arn.rpartition(":")[2])
    yield call("sqs.list_dead_letter_source_queues", arn, **queue)
    yield call("sqs.list_queue_tags", arn, **queue)
    yield call("sqs.tag_queue", arn, Tags={NOBODY: ""}, **queue)
    yield call("sqs.untag_queue", arn, TagKeys=[NOBODY], **queue)
    yield call("sqs.list_message_move_tasks", arn, SourceArn=arn)
    yield call("sqs.start_message_move_task", arn, SourceArn=arn)
    yield call(
        "sqs.add_permission", arn, Label=NOBODY, AWSAccountIds=[ACCOUNT_ID], Actions=["SendMessage"], **queue
    )
    yield call("sqs.remove_permission", arn, Label=NOBODY, **queue)
    yield call("sqs.set_queue_attributes", arn, Attributes={"DelaySeconds": "0"}, **queue)
    yield call("sqs.purge_queue", arn, **queue)
    yield call("sqs.delete_queue", arn, **queue)


def _queue_arn(url: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{url.rpartition('/')[2]}"


def _functions(targets: Targets) -> Iterator[Call]:
    for name in targets.functions.values():
        arn, function = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{name}", {"FunctionName": name}
        yield call("lambda.invoke", arn, action="lambda:InvokeFunction", InvocationType="DryRun", **function)
        yield call("lambda.get_function", arn, **function)
        yield call("lambda.get_function_configuration", arn, **function)
        yield call("lambda.get_policy", arn, **function)
        yield call("lambda.update_function_code", arn, ZipFile="", DryRun=True, **function)
        yield call("lambda.update_function_configuration", arn, **function)
        yield call("lambda.put_function_concurrency", arn, ReservedConcurrentExecutions=1, **function)
        yield call("lambda.create_function_url_config", arn, AuthType="NONE", **function)
        yield call(
            "lambda.add_permission",
            arn,
            StatementId=NOBODY,
            Action="lambda:InvokeFunction",
            Principal=ACCOUNT_ID,
            **function,
        )
        yield call("lambda.remove_permission", arn, StatementId="nobodys-statement", **function)
        yield call("lambda.delete_function", arn, Qualifier="999", **function)
    yield call("lambda.list_functions")
    yield call("lambda.list_event_source_mappings")
    yield call("lambda.get_event_source_mapping", UUID=targets.mapping)
    # Nobody's mapping: the emulator checks no policy here (see UNENFORCED).
    yield call("lambda.update_event_source_mapping", UUID=_NO_UUID, Enabled=True)
    yield call("lambda.delete_event_source_mapping", UUID=_NO_UUID)


def _identities(targets: Targets) -> Iterator[Call]:
    for name in targets.roles.values():
        arn, role = f"arn:aws:iam::{ACCOUNT_ID}:role/{name}", {"RoleName": name}
        administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
        yield call("sts.assume_role", arn, RoleArn=arn, RoleSessionName=NOBODY)
        yield call("iam.get_role", arn, **role)
        yield call("iam.list_role_policies", arn, **role)
        yield call("iam.put_role_policy", arn, PolicyName=NOBODY, PolicyDocument=_DENY_NOTHING, **role)
        yield call("iam.delete_role_policy", arn, PolicyName="nobodys-policy", **role)
        yield call("iam.attach_role_policy", arn, PolicyArn=administrator, **role)
        yield call("iam.update_assume_role_policy", arn, PolicyDocument=_DENY_NOTHING, **role)
    yield call("iam.list_roles")
    yield call("iam.list_users")
    yield call("iam.create_user", UserName=NOBODY)
    yield call("iam.create_access_key", UserName=NOBODY)


_DENY_NOTHING = '{"Version": "2012-10-17", "Statement": []}'


def _log_groups(targets: Targets) -> Iterator[Call]:
    for name in targets.log_groups.values():
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:{name}"
        group, stream = {"logGroupName": name}, {"logStreamName": NOBODY}
        line = [{"timestamp": 0, "message": NOBODY}]
        yield call("logs.create_log_stream", f"{arn}:log-stream:{NOBODY}", **group, **stream)
        yield call("logs.put_log_events", f"{arn}:log-stream:{NOBODY}", logEvents=line, **group, **stream)
        yield call("logs.get_log_events", f"{arn}:log-stream:{NOBODY}", **group, **stream)
        yield call("logs.filter_log_events", arn, **group)
        yield call("logs.describe_log_streams", arn, **group)
        yield call("logs.put_retention_policy", arn, retentionInDays=1, **group)
        yield call(
            "logs.delete_log_stream",
            f"{arn}:log-stream:nobodys-stream",
            logGroupName=name,
            logStreamName="nobodys-stream",
        )
        yield call("logs.delete_log_group", arn, **group)
    yield call("logs.describe_log_groups")
    yield call("logs.create_log_group", logGroupName=NOBODY)


def _other_services(targets: Targets) -> Iterator[Call]:
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT_ID}:{NOBODY}"
    rule = f"arn:aws:events:{REGION}:{ACCOUNT_ID}:rule/{targets.rule}"
    entry = {"Source": NOBODY, "DetailType": NOBODY, "Detail": "{}"}
    yield call("sns.create_topic", topic, Name=NOBODY)
    yield call("sns.publish", topic, TopicArn=topic, Message=NOBODY)
    yield call("sns.subscribe", topic, TopicArn=topic, Protocol="email", Endpoint="nobody@example.com")
    yield call("sns.list_topics")
    yield call("events.put_events", Entries=[entry])
    yield call("events.list_rules")
    yield call("events.describe_rule", rule, Name=targets.rule)
    yield call("events.disable_rule", rule, Name=targets.rule)
    yield call("events.put_targets", rule, Rule=targets.rule, Targets=[{"Id": NOBODY, "Arn": topic}])
    yield call("events.delete_rule", rule, Name="nobodys-rule")
    yield call("dynamodb.list_tables")
    yield call("dynamodbstreams.list_streams", action="dynamodb:ListStreams")
    yield call("sqs.list_queues")
    yield call("sqs.create_queue", QueueName=NOBODY)
    yield call(
        "cloudwatch.put_metric_data", Namespace=NOBODY, MetricData=[{"MetricName": NOBODY, "Value": 0}]
    )
    yield call("cloudwatch.delete_alarms", AlarmNames=["nobodys-alarm"])
    yield call("apigatewayv2.get_apis", action="apigateway:GET")
    yield call("s3.list_buckets", action="s3:ListAllMyBuckets")
    yield call("s3.create_bucket", Bucket="nobodys-bucket")
    yield call("secretsmanager.list_secrets")
    yield call("ssm.get_parameter", Name=NOBODY)
    yield call("kms.list_keys")
    yield call("route53.list_hosted_zones")
    yield call("acm.list_certificates")
