"""How long a tenant waits behind another one whose receiver hangs, against the bound that is promised.

`python -m benchmarks.noisy_neighbour` lets tenant A owe up to 2,000 events to a receiver that accepts and
never answers, and then has tenant B send 100 to one that answers at once. It ends with 1 if the 99th
percentile of B's delays, accepted to received, is beyond the bound, or if more attempts ran at once than
the workers may make.

**The bound.** A worker makes the attempts of its batch side by side, so no message of a batch waits for
another one, and a batch of hanging events takes one webhook timeout. A backlog of n events takes, in full
batches, `ceil(n / (workers * batch))` such rounds, and B's event waits for no more than all of them. An
event of A comes again once its retry is due; if the rounds are not through by then, its second attempt may
be ahead of B as well: the bound counts a attempts at each event, with the smallest a for which all of them
are through before any further one can be due. That holds in whatever order the queue hands out what is due.

**The overhead of a round** is what the workers do beside waiting. The machine is shared here: in the worst
case each of N workers does the work of its batch, S, after all others have done theirs, so a round takes at
most `timeout + N * S`, and at least `max(timeout + S, N * S)` (the bounds of a closed queueing network with
one station and think time). S is not fitted: it is measured in the same run, before the backlog, over
events that are answered at once. A hanging one costs a call more, for its visibility; measured rounds show
that the worst case leaves room for it. On AWS each worker is a machine of its own, so a round takes about
`timeout + S`.

**What the emulator does** (ministack's services/sqs.py and services/lambda_svc.py): it hands out the oldest
visible message first and has no regard to message groups on a standard queue; a message that comes back for
a retry has kept its place, so it goes ahead of all younger ones. One batch of up to ten goes to each of
`MaximumConcurrency` workers at the same time, and a worker that is done gets the next one at once. That is
the worst order for B.

**What only SQS adds, and is not measured here.** Messages carry their tenant as `MessageGroupId`, which
makes a standard queue fair: once a group holds more than a tenth of the messages in flight, and at least
30, or more than a tenth of the recent processing time, messages of quiet groups are handed out before its
own. B then waits until some worker is free, whatever the backlog: about one webhook timeout. This follows
from what AWS documents (Amazon SQS Developer Guide, "How Amazon SQS fair queues work"), not from a
measurement.
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
# More than two rounds of eight workers: enough to tell the work for one event.
CALIBRATION_EVENTS = 200
DRAIN_SECONDS = 120
PARALLEL = 8


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is measured.

    Attributes:
        backlog: events of A, all ahead of B's.
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
    # About a minute of rounds: with a retry due after one, it would depend on the machine's mood whether it
    # comes between.
    Setting(backlog=2000, workers=4, schedule=(120, 240, 480, 960)),
    Setting(backlog=2000, workers=8),
    # Retries fall due long before the backlog is through, and go ahead of B.
    Setting(backlog=400, workers=4, schedule=(5, 600)),
)


@dataclass(frozen=True, kw_only=True)
class Bound:
    """How long an event waits at the most.

    Attributes:
        attempts: how many attempts at each event of the backlog can come before it.
        rounds: how often every worker is taken by them.
        seconds: how long that lasts.
    """

    attempts: int
    rounds: int
    seconds: float


def longest_round(setting: Setting, work: float) -> float:
    """What a round takes at the most when an event costs so much work, both in seconds."""
    return WEBHOOK_TIMEOUT_SECONDS + setting.side_by_side * work


def bound(setting: Setting, *, round_seconds: float, own: float) -> Bound:
    """Bound the wait behind a backlog of events whose receiver hangs, whatever order they are handed out in.

    Args:
        setting: the backlog, and what works on it.
        round_seconds: what a round takes, timeout and overhead.
        own: what the event would take without the backlog, in seconds.
    """
    due = 0.0
    for attempts, wait in enumerate((*setting.schedule, math.inf), 1):
        # Not before this moment can any event of the backlog come for yet another attempt.
        due += WEBHOOK_TIMEOUT_SECONDS + wait
        rounds = math.ceil(attempts * setting.backlog / setting.side_by_side)
        taken = rounds * round_seconds
        if taken <= due:
            return Bound(attempts=attempts, rounds=rounds, seconds=taken + own)
    raise AssertionError("the last wait has no end")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What came of a setting, in seconds.

    Attributes:
        work: what one event costs this machine, from being handed out to being recorded, answered at once.
        alone: delays of B's events without a backlog.
        behind: their delays behind it.
        most_at_once: attempts at A's events at the same time.
    """

    setting: Setting
    work: float
    alone: Sequence[float]
    behind: Sequence[float]
    most_at_once: int

    @property
    def shortest_round(self) -> float:
        """A round takes no less."""
        batch = MAX_BATCH_SIZE * self.work
        return max(WEBHOOK_TIMEOUT_SECONDS + batch, self.setting.workers * batch)

    @property
    def longest_round(self) -> float:
        """A round takes no more."""
        return longest_round(self.setting, self.work)

    @property
    def bound(self) -> Bound:
        """What B's delays must stay within: A's rounds, B's other events, and what one takes by itself."""
        own = len(self.behind) * self.work + p99(self.alone)
        return bound(self.setting, round_seconds=self.longest_round, own=own)

    @property
    def holds(self) -> bool:
        """Whether B's delays are within the bound, and A's attempts within the workers' number."""
        return p99(self.behind) <= self.bound.seconds and self.most_at_once <= self.setting.side_by_side


def main(
    quiet: Annotated[int, typer.Option(min=2, help="How many events B sends.")] = 100,
    backlog: Annotated[int | None, typer.Option(min=1, help="Measure this backlog of A only.")] = None,
    workers: Annotated[int, typer.Option(min=2, help="With so many workers.")] = 4,
) -> None:
    """Send B's events behind A's backlog, whose receiver hangs; ends with 1 if B waits beyond the bound."""
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
        # Every worker has started before anything is measured.
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
    """The delays of these events, once all of them were received."""
    ids = {event.event_id for event in accepted}
    wait_for(
        f"the delivery of {len(ids)} events",
        lambda: ids <= {delivery.event_id for delivery in receiver.deliveries()},
        seconds=seconds,
    )
    return delays(accepted, receiver.deliveries())


def _drain(stack: LocalStack, receiver: Receiver, producer: Producer, events: int) -> float:
    """Seconds that an event takes when so many wait and are answered at once."""
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
    """No message is handed out meanwhile: what is sent lies ahead of all that is sent later."""
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
    # Where retries come between, B gets in as soon as none is due for a moment: how many rounds it let go by
    # is not known then.
    return _s(p99(measured.behind) / measured.bound.rounds) if measured.bound.attempts == 1 else "-"


def _s(seconds: float) -> str:
    return f"{seconds:.2f} s"


if __name__ == "__main__":
    typer.run(main)
