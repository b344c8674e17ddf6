"""Queues."""

from typing import Any, cast

from local.deployer.resources.declared import Created, Declared, Kind
from local.emulator.aws import Aws


def _queue(aws: Aws, declared: Declared) -> Created:
    attributes = declared.properties.renamed(
        visibilityTimeoutSeconds="VisibilityTimeout",
        messageRetentionSeconds="MessageRetentionPeriod",
        receiveWaitTimeSeconds="ReceiveMessageWaitTimeSeconds",
        sqsManagedSseEnabled="SqsManagedSseEnabled",
        redrivePolicy="RedrivePolicy",
    )
    name = declared.physical_name
    url = aws.sqs.create_queue(
        QueueName=name, Attributes=cast("Any", {key: _text(value) for key, value in attributes.items()})
    )["QueueUrl"]
    arn = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return Created(id=url, outputs={"url": url, "arn": arn, "name": name})


def _redrive_allow_policy(aws: Aws, declared: Declared) -> Created:
    url = declared.properties.take("queueUrl")
    policy = declared.properties.take("redriveAllowPolicy")
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedriveAllowPolicy": policy})
    return Created(id=url)


def _redrive_policy(aws: Aws, declared: Declared) -> Created:
    url, policy = declared.properties.take("queueUrl"), declared.properties.take("redrivePolicy")
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": policy})
    return Created(id=url)


def _queue_policy(aws: Aws, declared: Declared) -> Created:
    url, policy = declared.properties.take("queueUrl"), declared.properties.take("policy")
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return Created(id=url)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


KINDS = {
    "aws:sqs/queue:Queue": Kind(create=_queue),
    "aws:sqs/queuePolicy:QueuePolicy": Kind(create=_queue_policy),
    "aws:sqs/redrivePolicy:RedrivePolicy": Kind(create=_redrive_policy),
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": Kind(create=_redrive_allow_policy),
}
