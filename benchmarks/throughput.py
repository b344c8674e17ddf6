"""Measure how fast the local stack handles events, and whether each arrives exactly once.

`python -m benchmarks.throughput` prints the figures in the documentation. They come from an emulator on one
machine and say nothing about AWS; compare runs only on the same machine.
"""

import statistics
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Accepted, Producer, delays, ms, p99
from local.receiver import Receiver
from local.stack import LocalStack
from local.waiting import wait_for

DRAIN_SECONDS = 120


def main(
    events: Annotated[int, typer.Option(min=2, help="How many events to send.")] = 1000,
    parallel: Annotated[int, typer.Option(min=1, help="How many at the same time.")] = 8,
    workers: Annotated[int, typer.Option(min=2, help="How many workers run at the same time.")] = 2,
) -> None:
    """Send events in parallel and wait for their deliveries; exit with 1 if one is lost or comes twice."""
    # On AWS every worker is a machine of its own. Here each is a process, and more processes than cores only
    # slow each other's start.
    with Receiver() as receiver, LocalStack(config={"workerMaximumConcurrency": workers}) as stack:
        tenant = stack.create_tenant("benchmark", receiver.url)
        receiver.trust(tenant.webhook_secret)
        producer = Producer(stack.outputs["events_url"], tenant.api_key, parallel)
        began = time.time()
        with ThreadPoolExecutor(parallel) as pool:
            accepted = list(pool.map(producer.send, range(events)))
        # A message that is left in the queue after all events have arrived would cause a second delivery.
        wait_for("an empty queue", lambda: not stack.queued(), seconds=DRAIN_SECONDS)
        lasted = max(delivery.at for delivery in receiver.deliveries()) - began
        title = f"{events} events, {parallel} in parallel, {workers} workers, on this machine"
        raise typer.Exit(_report(title, accepted, receiver, lasted))


def _report(title: str, accepted: Sequence[Accepted], receiver: Receiver, lasted: float) -> int:
    deliveries = receiver.deliveries()
    received = Counter(delivery.event_id for delivery in deliveries)
    lost = sum(event.event_id not in received for event in accepted)
    again = sum(count - 1 for count in received.values())
    unverified = sum(not delivery.verified for delivery in deliveries)
    took = delays(accepted, deliveries)
    table = Table(title=title)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in {
        "lost": str(lost),
        "delivered more than once": str(again),
        "not verified by both libraries": str(unverified),
        "events per second, sent to received": f"{len(accepted) / lasted:.0f}",
        "POST to 202, p50": ms(statistics.median(event.took for event in accepted)),
        "POST to 202, p99": ms(p99([event.took for event in accepted])),
        "accepted to received, p50": ms(statistics.median(took)),
        "accepted to received, p99": ms(p99(took)),
    }.items():
        table.add_row(name, value)
    Console().print(table)
    return 1 if lost or again or unverified else 0


if __name__ == "__main__":
    typer.run(main)
