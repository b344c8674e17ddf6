"""Measure how long a tenant waits behind one whose receiver hangs, and compare it with the promised bound.

In `python -m benchmarks.noisy_neighbour`, tenant A owes up to 2,000 events to a receiver that accepts
connections and never answers. Then tenant B sends 100 events to a receiver that answers at once. The exit
code is 1 if the 99th percentile of B's delays (accepted to received) exceeds the bound, or if more attempts
ran at once than the workers may make.

**The bound.** A worker makes the attempts of its batch in parallel, so no message waits for another one of
its batch, and a batch of hanging events takes one webhook timeout. In full batches, a backlog of n events
takes `ceil(n / (workers * batch))` such rounds, and B's event waits at most for all of them. An event of A
comes again once its retry is due. If the rounds are not done by then, its second attempt may also run before
B. So the bound counts a attempts at each event, where a is the smallest number with which all of them are
done before a further one can be due. This holds for any order in which the queue hands out messages.

**The overhead of a round** is the work that workers do besides waiting. Here they share one machine: in the
worst case, each of N workers does the work of its batch, S, after all others have done theirs. So a round
takes at most `timeout + N * S`, and at least `max(timeout + S, N * S)` (the bounds of a closed queueing
network with one station and think time). S is not fitted: the same run measures it before the backlog, over
events that are answered at once. A hanging event costs one more call, for its visibility; measured rounds
show that the worst case leaves room for that. On AWS each worker is a machine of its own, so a round takes
about `timeout + S`.

**The emulator** (ministack's services/sqs.py and services/lambda_svc.py) hands out the oldest visible message
first and ignores message groups on a standard queue. A message that returns for a retry keeps its place, so
it precedes all younger ones. Each of `MaximumConcurrency` workers gets one batch of up to ten at the same
time, and the next batch as soon as it is done. That is the worst order for B.

**SQS's fair queues are not measured here.** Messages carry their tenant as `MessageGroupId`, which makes a
standard queue fair. A group is noisy once it holds more than a tenth of the messages in flight and at least
30, or more than a tenth of the recent processing time; SQS then hands out messages of quiet groups first. B
then waits only for a free worker, about one webhook timeout, however long the backlog is. This follows from
AWS's documentation (Amazon SQS Developer Guide, "How Amazon SQS fair queues work"), not from a measurement.
"""

import math
import statistics
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.hanging import HangingReceiver
from benchmarks.measure import Accepted, Producer, delays, p99
from handlers.worker import MAX_BATCH_SIZE
from local.receiver import Receiver
from local.stack import LocalStack
from local.waiting import wait_for

WEBHOOK_TIMEOUT_SECONDS = 1
SCHEDULE = (60, 120, 240, 480, 960)
# More than two rounds of eight workers: enough to measure the work for one event.
CALIBRATION_EVENTS = 200
DRAIN_SECONDS = 120
PARALLEL = 8


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting to measure.

    Attributes:
        backlog: the number of A's events, all ahead of B's.
        workers: how many run at the same time.
        schedule: the waits before the retries, in seconds.
    """

    backlog: int
    workers: int
    schedule: Sequence[int] = SCHEDULE

    @property
    def side_by_side(self) -> int:
        """Attempts at the same time."""
        return self.workers * MAX_BATCH_SIZE


SETTINGS = (
    Setting(backlog=400, workers=4),
    # The rounds take about a minute. If a retry were due after a minute, chance would decide whether it comes
    # in between.
    Setting(backlog=2000, workers=4, schedule=(120, 240, 480, 960)),
    Setting(backlog=2000, workers=8),
    # Retries fall due long before the backlog is done, and go ahead of B.
    Setting(backlog=400, workers=4, schedule=(5, 600)),
)


@dataclass(frozen=True, kw_only=True)
class Bound:
    """The longest wait of an event.

    Attributes:
        attempts: how many attempts at each event of the backlog can come before it.
        rounds: how often these attempts occupy every worker.
        seconds: how long that lasts.
    """

    attempts: int
    rounds: int
    seconds: float


def longest_round(setting: Setting, work: float) -> float:
    """The longest time of a round, given the work for one event, both in seconds."""
    return WEBHOOK_TIMEOUT_SECONDS + setting.side_by_side * work


def bound(setting: Setting, *, round_seconds: float, own: float) -> Bound:
    """Bound the wait behind a backlog of events whose receiver hangs, for any order of the queue.

    Args:
        setting: the backlog and its workers.
        round_seconds: the time of a round, timeout and overhead.
        own: the time that the event would take without the backlog, in seconds.
    """
    due = 0.0
    for attempts, wait in enumerate((*setting.schedule, math.inf), 1):
        # No event of the backlog can come for another attempt before this moment.
        due += WEBHOOK_TIMEOUT_SECONDS + wait
        rounds = math.ceil(attempts * setting.backlog / setting.side_by_side)
        taken = rounds * round_seconds
        if taken <= due:
            return Bound(attempts=attempts, rounds=rounds, seconds=taken + own)
    raise AssertionError("the last wait has no end")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The result for a setting, in seconds.

    Attributes:
        setting: the setting.
        work: this machine's time for one event that is answered at once, from handing out to recording.
        alone: delays of B's events without a backlog.
        behind: delays of B's events behind the backlog.
        most_at_once: the largest number of attempts at A's events at the same time.
    """

    setting: Setting
    work: float
    alone: Sequence[float]
    behind: Sequence[float]
    most_at_once: int

    @property
    def shortest_round(self) -> float:
        """The shortest time of a round."""
        batch = MAX_BATCH_SIZE * self.work
        return max(WEBHOOK_TIMEOUT_SECONDS + batch, self.setting.workers * batch)

    @property
    def longest_round(self) -> float:
        """The longest time of a round."""
        return longest_round(self.setting, self.work)

    @property
    def bound(self) -> Bound:
        """The bound on B's delays: A's rounds, B's other events, and the time of one event by itself."""
        own = len(self.behind) * self.work + p99(self.alone)
        return bound(self.setting, round_seconds=self.longest_round, own=own)

    @property
    def holds(self) -> bool:
        """Whether B's delays are within the bound, and A's attempts within the workers' number."""
        return p99(self.behind) <= self.bound.seconds and self.most_at_once <= self.setting.side_by_side


def main(
    quiet: Annotated[int, typer.Option(min=2, help="How many events B sends.")] = 100,
    backlog: Annotated[int | None, typer.Option(min=1, help="Measure this backlog of A only.")] = None,
    workers: Annotated[int, typer.Option(min=2, help="How many workers run at the same time.")] = 4,
) -> None:
    """Send B's events behind A's backlog, whose receiver hangs; exit with 1 if B's wait exceeds the bound."""
    settings = [Setting(backlog=backlog, workers=workers)] if backlog else SETTINGS
    measured = [_measure(setting, quiet) for setting in settings]
    _report(measured, quiet)
    raise typer.Exit(0 if all(each.holds for each in measured) else 1)


def _measure(setting: Setting, quiet: int) -> Measured:
    config = {
        "webhookTimeoutSeconds": WEBHOOK_TIMEOUT_SECONDS,
        "workerMaximumConcurrency": setting.workers,
        "retryDelaysSeconds": list(setting.schedule),
    }
    with HangingReceiver() as hanging, Receiver() as receiver, LocalStack(config=config) as stack:
        noisy = _producer(stack, "noisy", hanging.url)
        other = _producer(stack, "quiet", receiver.url)
        # Every worker must have started before the measurement.
        _drain(stack, receiver, other, 2 * setting.side_by_side)
        work = _drain(stack, receiver, other, CALIBRATION_EVENTS)
        alone = _received(receiver, _send(other, quiet), seconds=DRAIN_SECONDS)
        with _paused(stack):
            _send(noisy, setting.backlog)
        accepted = _send(other, quiet)
        limit = bound(setting, round_seconds=longest_round(setting, work), own=0)
        behind = _received(receiver, accepted, seconds=DRAIN_SECONDS + 2 * limit.seconds)
        return Measured(
            setting=setting, work=work, alone=alone, behind=behind, most_at_once=hanging.most_at_once
        )


def _producer(stack: LocalStack, tenant_id: str, url: str) -> Producer:
    return Producer(stack.outputs["events_url"], stack.create_tenant(tenant_id, url).api_key, PARALLEL)


def _send(producer: Producer, events: int) -> list[Accepted]:
    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(producer.send, range(events)))


def _received(receiver: Receiver, accepted: Sequence[Accepted], *, seconds: float) -> list[float]:
    """The delays of these events, once all were received."""
    ids = {event.event_id for event in accepted}
    wait_for(
        f"the delivery of {len(ids)} events",
        lambda: ids <= {delivery.event_id for delivery in receiver.deliveries()},
        seconds=seconds,
    )
    return delays(accepted, receiver.deliveries())


def _drain(stack: LocalStack, receiver: Receiver, producer: Producer, events: int) -> float:
    """Seconds per event while this many wait and each is answered at once."""
    with _paused(stack):
        accepted = _send(producer, events)
    _received(receiver, accepted, seconds=DRAIN_SECONDS)
    wait_for("an empty queue", lambda: not stack.queued(), seconds=DRAIN_SECONDS)
    drained = time.time()
    ids = {event.event_id for event in accepted}
    began = min(delivery.at for delivery in receiver.deliveries() if delivery.event_id in ids)
    return (drained - began) / events


@contextmanager
def _paused(stack: LocalStack) -> Generator[None]:
    """Hand out no messages meanwhile, so that these events precede all later ones."""
    name = stack.outputs["worker_function_name"]
    (mapping,) = stack.aws.lambda_.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    uuid = mapping.get("UUID", "")
    stack.aws.lambda_.update_event_source_mapping(UUID=uuid, Enabled=False)
    try:
        yield
    finally:
        stack.aws.lambda_.update_event_source_mapping(UUID=uuid, Enabled=True)


def _report(measured: Sequence[Measured], quiet: int) -> None:
    table = Table(title=f"{quiet} events behind another tenant's backlog that hangs, on this machine")
    table.add_column("events of A, whose receiver hangs")
    for each in measured:
        table.add_column(str(each.setting.backlog), justify="right")
    rows: list[tuple[str, list[str]]] = [
        ("workers", [str(each.setting.workers) for each in measured]),
        ("events in a batch", [str(MAX_BATCH_SIZE) for _ in measured]),
        ("webhook timeout", [_s(WEBHOOK_TIMEOUT_SECONDS) for _ in measured]),
        ("first retry after", [_s(each.setting.schedule[0]) for each in measured]),
        ("attempts at A at once, at most", [str(each.most_at_once) for each in measured]),
        ("B alone, p50", [_s(statistics.median(each.alone)) for each in measured]),
        ("B alone, p99", [_s(p99(each.alone)) for each in measured]),
        ("B behind A, p50", [_s(statistics.median(each.behind)) for each in measured]),
        ("B behind A, p99", [_s(p99(each.behind)) for each in measured]),
        ("B behind A, longest", [_s(max(each.behind)) for each in measured]),
        ("work for an event, answered at once", [f"{each.work * 1000:.1f} ms" for each in measured]),
        ("attempts at each of A's ahead of B", [str(each.bound.attempts) for each in measured]),
        ("rounds", [str(each.bound.rounds) for each in measured]),
        ("a round, no less than", [_s(each.shortest_round) for each in measured]),
        ("a round, measured: p99 / rounds", [_measured_round(each) for each in measured]),
        ("a round, no more than", [_s(each.longest_round) for each in measured]),
        ("bound", [_s(each.bound.seconds) for each in measured]),
        ("B behind A, p99 / bound", [f"{p99(each.behind) / each.bound.seconds:.2f}" for each in measured]),
        ("holds", ["yes" if each.holds else "NO" for each in measured]),
    ]
    for figure, values in rows:
        table.add_row(figure, *values)
    Console().print(table)


def _measured_round(measured: Measured) -> str:
    # If retries come in between, B gets in as soon as none is due for a moment, so the number of rounds
    # before it is unknown.
    return _s(p99(measured.behind) / measured.bound.rounds) if measured.bound.attempts == 1 else "-"


def _s(seconds: float) -> str:
    return f"{seconds:.2f} s"


if __name__ == "__main__":
    typer.run(main)
