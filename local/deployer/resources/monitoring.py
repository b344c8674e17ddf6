"""Log groups, alarms, the dashboard, and the topic of the alarms."""

from typing import Any

from local.constants import ACCOUNT_ID, REGION
from local.deployer.resources.declared import Created, Declared, Kind, Properties
from local.emulator.aws import Aws


def _log_group(aws: Aws, declared: Declared) -> Created:
    prefix = declared.properties.take("namePrefix")
    name = f"{prefix}{declared.physical_name}" if prefix else declared.physical_name
    aws.logs.create_log_group(logGroupName=name)
    if days := declared.properties.take("retentionInDays"):
        aws.logs.put_retention_policy(logGroupName=name, retentionInDays=days)
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:{name}"
    return Created(id=name, outputs={"name": name, "arn": arn})


def _metric_alarm(aws: Aws, declared: Declared) -> Created:
    name, properties = declared.physical_name, declared.properties
    queries = [_metric_query(query) for query in properties.each("metricQueries")]
    aws.cloudwatch.put_metric_alarm(
        AlarmName=name,
        **({"Metrics": queries} if queries else {"Dimensions": _dimensions(properties)}),
        **properties.renamed(
            alarmDescription="AlarmDescription",
            namespace="Namespace",
            metricName="MetricName",
            statistic="Statistic",
            comparisonOperator="ComparisonOperator",
            threshold="Threshold",
            period="Period",
            evaluationPeriods="EvaluationPeriods",
            treatMissingData="TreatMissingData",
            alarmActions="AlarmActions",
            okActions="OKActions",
        ),
    )
    return Created(
        id=name,
        outputs={"name": name, "arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT_ID}:alarm:{name}"},
    )


def _metric_query(query: Properties) -> Any:
    expression = query.renamed(id="Id", expression="Expression", label="Label", returnData="ReturnData")
    metric = query.nested("metric")
    names = metric.renamed(namespace="Namespace", metricName="MetricName")
    if not names:
        return expression
    metric_stat = {"Metric": {**names, "Dimensions": _dimensions(metric)}} | metric.renamed(
        period="Period", stat="Stat"
    )
    return {**expression, "MetricStat": metric_stat, "ReturnData": False}


def _dimensions(properties: Properties) -> list[dict[str, str]]:
    dimensions: dict[str, str] = properties.take("dimensions", {})
    return [{"Name": key, "Value": value} for key, value in dimensions.items()]


def _dashboard(aws: Aws, declared: Declared) -> Created:
    name = declared.properties.take("dashboardName")
    aws.cloudwatch.put_dashboard(DashboardName=name, DashboardBody=declared.properties.take("dashboardBody"))
    return Created(id=name)


def _topic(aws: Aws, declared: Declared) -> Created:
    arn = aws.sns.create_topic(Name=declared.physical_name)["TopicArn"]
    return Created(id=arn, outputs={"arn": arn, "name": declared.physical_name})


def _topic_policy(aws: Aws, declared: Declared) -> Created:
    arn, policy = declared.properties.take("arn"), declared.properties.take("policy")
    aws.sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    return Created(id=arn)


def _topic_subscription(aws: Aws, declared: Declared) -> Created:
    arn = aws.sns.subscribe(
        ReturnSubscriptionArn=True,
        **declared.properties.renamed(topic="TopicArn", protocol="Protocol", endpoint="Endpoint"),
    )["SubscriptionArn"]
    return Created(id=arn, outputs={"arn": arn})


KINDS = {
    "aws:cloudwatch/logGroup:LogGroup": Kind(create=_log_group),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Kind(create=_metric_alarm),
    "aws:cloudwatch/dashboard:Dashboard": Kind(create=_dashboard),
    "aws:sns/topic:Topic": Kind(create=_topic),
    "aws:sns/topicPolicy:TopicPolicy": Kind(create=_topic_policy),
    "aws:sns/topicSubscription:TopicSubscription": Kind(create=_topic_subscription),
}
