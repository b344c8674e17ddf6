"""A value for every configuration key, as `pulumi config set` takes it, and the effect of setting it."""

from collections.abc import Mapping
from dataclasses import dataclass

TENANT = "engine"
DOMAIN_NAME, OTHER_DOMAIN_NAME, HOSTED_ZONE_NAME = "hooks.example.com", "events.example.com", "example.com"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A value other than the key's default, and its effect on `pulumi up`.

    Attributes:
        value: the value.
        creates: the types of the created resources; if empty, resources are only updated.
        local_only: whether every stack but the local one refuses the value.
        for_good: whether a stack that has had the value refuses to return to the default.
    """

    value: str
    creates: tuple[str, ...] = ()
    local_only: bool = False
    for_good: bool = False


KEYS: Mapping[str, Trial] = {
    "webhookTimeoutSeconds": Trial(value="7"),
    "retryDelaysSeconds": Trial(value="[1, 2]"),
    "eventRetentionDays": Trial(value="14"),
    "idempotencyHours": Trial(value="48"),
    "statusIndexShards": Trial(value="16", for_good=True),
    "workerBatchSize": Trial(value="5"),
    "workerMaximumConcurrency": Trial(value="6"),
    "apiRequestsPerSecond": Trial(value="500"),
    "logRetentionDays": Trial(value="14"),
    "alarmEmail": Trial(
        value="ops@example.com",
        creates=(
            "aws:sns/topic:Topic",
            "aws:sns/topicPolicy:TopicPolicy",
            "aws:sns/topicSubscription:TopicSubscription",
        ),
    ),
    "requeue": Trial(value='{"tenantId": "acme"}', creates=("aws:lambda/invocation:Invocation",)),
    "bundleTarget": Trial(value="host", local_only=True),
    "allowPrivateTargets": Trial(value="true", local_only=True),
}
"""All keys except those with steps of their own: `PAIRED` and `PROTECTING`."""

PAIRED: Mapping[str, str] = {"domainName": DOMAIN_NAME, "hostedZoneName": HOSTED_ZONE_NAME}
"""Keys that must be set together or not at all."""

PROTECTING = "protectData"
