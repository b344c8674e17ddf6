"""The demonstration: sends real events through the whole system, shows each step and counts at the end."""

import time

from rich.console import Console

from components.settings import Settings
from handlers.delivery.retry import JITTER
from handlers.model.delivery import Status
from local.demo.report import Line, show
from local.demo.scene import Scene, open_scene
from local.receiver import Delivery, accepts, accepts_after, refuses
from local.waiting import wait_for

SHORT_DELAYS = (1, 1, 1, 1, 2)
REAL_DELAYS = Settings.parse({}).retry_delays_seconds
"""The schedule of a stack that is not configured otherwise."""

_ACCEPTED, _ACCEPTED_LATER, _REFUSED = "order.created", "order.paid", "order.refunded"
_FAILURES = 2
# Of a delay, jitter included.
_LONGEST = 1 + JITTER
# The queue tells whole seconds, rounded down.
_ROUNDING_SECONDS = 1
# The watch for early retries begins this long before one is due, by the queues' clock.
_STEP_SECONDS = 2
# It lasts this long by the clock on the wall.
_WATCH_SECONDS = 0.3


def demonstrate(console: Console | None = None) -> bool:
    """Play both scenes and print the summary; gives whether every promise held.

    Raises:
        LocalStackError: the stack did not start, or did not accept an event.
    """
    console = console or Console()
    began = time.monotonic()
    with open_scene(console, "Retries shortened by configuration", SHORT_DELAYS) as scene:
        lines = _play_short_retries(scene)
    with open_scene(console, "The real schedule, by advancing the queues' clock", REAL_DELAYS) as scene:
        lines += _play_real_schedule(scene)
    return show(console, lines, time.monotonic() - began)


def _play_short_retries(scene: Scene) -> list[Line]:
    scene.receiver.answer(_ACCEPTED_LATER, accepts_after(_FAILURES))
    scene.receiver.answer(_REFUSED, refuses)
    accepted, later = scene.send(_ACCEPTED, 5), scene.send(_ACCEPTED_LATER, 3)
    refused = scene.send(_REFUSED, 2)
    budget = len(SHORT_DELAYS) + 1

    with scene.promise("Delivered at the first attempt", accepted, attempts=1) as first:
        scene.wait_for_status(accepted, Status.DELIVERED)

    text = f"Delivered after {_FAILURES} retries"
    with scene.promise(text, later, attempts=_FAILURES + 1) as retried:
        scene.wait_for_status(later, Status.DELIVERED)

    text = f"Failed after {len(SHORT_DELAYS)} retries, found in the DLQ"
    with scene.promise(text, refused, attempts=budget) as failed:
        scene.wait_for_status(refused, Status.FAILED)
        scene.wait_for_dead_letters(refused)

    requeued = _requeue(scene, refused, after=budget)
    resent = len(scene.receiver.deliveries()) - sum(
        len(line.deliveries) for line in (first, retried, failed, requeued)
    )
    requeued.expect(resent == 0, f"{resent} deliveries are not in the summary")
    return [first, retried, failed, requeued]


def _play_real_schedule(scene: Scene) -> list[Line]:
    scene.receiver.answer(_REFUSED, refuses)
    sent, budget = scene.send(_REFUSED), len(REAL_DELAYS) + 1
    schedule = ", ".join(map(str, REAL_DELAYS))
    with scene.promise(f"No retry early: {schedule} s, then the DLQ", sent, attempts=budget) as line:
        for number, delay in enumerate(REAL_DELAYS, start=1):
            _watch_retry(scene, line, sent[0], number, delay)
        scene.wait_for_status(sent, Status.FAILED)
        scene.wait_for_dead_letters(sent)
        (letter,) = scene.stack.dead_letters()
        scene.say(f"[cyan]in the DLQ[/] {letter.event_id}  after {letter.receive_count} receives")
    return [line, _requeue(scene, sent, after=budget)]


def _requeue(scene: Scene, event_ids: list[str], *, after: int) -> Line:
    """Mend the receiver and send the failed events again."""
    scene.receiver.answer(_REFUSED, accepts)
    with scene.promise("Requeued and delivered", event_ids, attempts=1, after=after) as line:
        report = scene.stack.requeue()
        scene.say(f"[cyan]requeued[/]   {report['requeued']} of {len(event_ids)}")
        line.expect(report["requeued"] == len(event_ids), f"the requeue function reported {report}")
        scene.wait_for_status(event_ids, Status.DELIVERED)
        scene.wait_for_dead_letters([])
    return line


def _watch_retry(scene: Scene, line: Line, event_id: str, number: int, delay: int) -> None:
    """Let the wait after attempt `number` pass by the queues' clock: no retry comes early, then one comes."""
    failed = scene.wait_for_attempt(event_id, number)
    due = wait_for(
        f"a retry of {event_id} scheduled {delay} to {_LONGEST * delay:g} s after attempt {number}",
        lambda: _due(scene, failed, delay),
        seconds=10,
    )
    clock = scene.stack.clock
    clock.advance(due - _STEP_SECONDS - clock.now())
    time.sleep(_WATCH_SECONDS)
    early = len(scene.receiver.deliveries(event_id)) - number
    line.expect(early == 0, f"{early} attempts came earlier than {delay} s after attempt {number}")
    clock.advance(due + _ROUNDING_SECONDS - clock.now())
    waited = scene.wait_for_attempt(event_id, number + 1).at - failed.at
    line.expect(
        waited >= delay, f"attempt {number + 1} came after {waited:.1f} s, but was due after {delay} s"
    )
    scene.say(f"[cyan]waited[/]     {waited:.1f} s by the queues' clock, at least {delay} s were due")


def _due(scene: Scene, failed: Delivery, delay: int) -> int | None:
    """When the queue hands out this attempt's message next, once the worker has set it."""
    for message in scene.stack.queued():
        wait = message.visible_at - failed.at
        is_scheduled = delay - _ROUNDING_SECONDS <= wait <= _LONGEST * delay + _ROUNDING_SECONDS
        if message.event_id == failed.event_id and is_scheduled:
            return message.visible_at
    return None
