"""Webhook delivery on AWS: `pulumi up` runs this program."""

from components.requirements import check_installed

check_installed()  # before importing anything that an outdated environment may lack

import pulumi  # noqa: E402 - as above

from components.archives import archives  # noqa: E402
from components.settings import Settings  # noqa: E402
from components.stack_name import checked  # noqa: E402
from components.webhook_delivery import WebhookDelivery, WebhookDeliveryArgs  # noqa: E402

stack = checked(pulumi.get_stack())
settings = Settings.load(pulumi.Config())

delivery = WebhookDelivery(
    "webhooks",
    WebhookDeliveryArgs(stack=stack, settings=settings, archive_of=archives(settings.bundle_target)),
)

for name, value in delivery.stack_outputs.items():
    pulumi.export(name, value)
