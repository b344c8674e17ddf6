"""Metrics that functions tell in their logs: CloudWatch reads them there, by its embedded metric format.

Nothing is called for it, and nobody needs a right to.
"""

import json
import time
from typing import Any, Final

NAMESPACE: Final = "WebhookDelivery"
DIMENSION: Final = "FunctionName"
STALLED_EVENTS: Final = "StalledEvents"


def line(name: str, value: float, *, function_name: str, milliseconds: int | None = None) -> str:
    """A line of a log that CloudWatch makes a metric of (CloudWatch user guide, "Embedded metric format").

    Args:
        name: the metric's.
        value: at this moment.
        function_name: of the function that tells it.
        milliseconds: the moment since the epoch; now unless given.
    """
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [[DIMENSION]],
        "Metrics": [{"Name": name, "Unit": "Count"}],
    }
    told: dict[str, Any] = {
        "_aws": {
            "Timestamp": milliseconds if milliseconds is not None else int(time.time() * 1000),
            "CloudWatchMetrics": [directive],
        },
        DIMENSION: function_name,
        name: value,
    }
    return json.dumps(told)
