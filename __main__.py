"""Webhook delivery on AWS: this is what `pulumi up` runs."""

import pulumi

from components.archives import archives
from components.settings import Settings
from components.webhook_delivery import WebhookDelivery, WebhookDeliveryArgs

settings = Settings.load(pulumi.Config())

delivery = WebhookDelivery(
    f"webhooks-{pulumi.get_stack()}",
    WebhookDeliveryArgs(settings=settings, archive_of=archives(settings.bundle_target)),
)

for name, value in delivery.stack_outputs.items():
    pulumi.export(name, value)
