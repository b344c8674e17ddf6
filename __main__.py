"""Webhook delivery on AWS: this is what `pulumi up` runs."""

import pulumi

from components.archives import archives
from components.requirements import check_installed
from components.settings import Settings
from components.stack_name import checked
from components.webhook_delivery import WebhookDelivery, WebhookDeliveryArgs

check_installed()
stack = checked(pulumi.get_stack())
settings = Settings.load(pulumi.Config())

delivery = WebhookDelivery(
    "webhooks",
    WebhookDeliveryArgs(stack=stack, settings=settings, archive_of=archives(settings.bundle_target)),
)

for name, value in delivery.stack_outputs.items():
    pulumi.export(name, value)
