"""Schedule rules, and what they invoke."""

from local.deployer.resources.declared import Created, Declared, Kind
from local.emulator.aws import Aws


def _rule(aws: Aws, declared: Declared) -> Created:
    name = declared.physical_name
    arn = aws.events.put_rule(
        Name=name, **declared.properties.renamed(scheduleExpression="ScheduleExpression")
    )["RuleArn"]
    return Created(id=name, outputs={"name": name, "arn": arn})


def _target(aws: Aws, declared: Declared) -> Created:
    rule, target_id = declared.properties.take("rule"), declared.physical_name
    aws.events.put_targets(Rule=rule, Targets=[{"Id": target_id, **declared.properties.renamed(arn="Arn")}])
    return Created(id=f"{rule}-{target_id}", outputs={"targetId": target_id})


KINDS = {
    "aws:cloudwatch/eventRule:EventRule": Kind(create=_rule),
    "aws:cloudwatch/eventTarget:EventTarget": Kind(create=_target),
}
