"""The stage of the demonstration: a stack, a tenant and its receiver; each step is told on the screen."""

import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from rich.console import Console

from handlers.model.tenant import NewTenant
from local.demo.report import Line
from local.errors import LocalStackError
from local.receiver import Delivery, Receiver
from local.stack import LocalStack
from local.waiting import wait_for

_TENANT = "acme"
# Longer than any wait of the demonstration, so that it ends only one that would never end.
_PATIENCE_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A running stack with one tenant and its receiver, which tells time by the queues' clock."""

    stack: LocalStack
    receiver: Receiver
    tenant: NewTenant
    console: Console

    def send(self, event_type: str, count: int = 1) -> list[str]:
        """Post this many events as the tenant; gives their ids."""
        sent: list[str] = []
        for number in range(1, count + 1):
            event_id = self.stack.post_event(self.tenant.api_key, event_type, {"order": number})
            self.say(f"[cyan]accepted[/]   {event_id}  {event_type}")
            sent.append(event_id)
        return sent

    def wait_for_status(self, event_ids: Sequence[str], status: str) -> None:
        """Return once all these events have this status in the table.

        Raises:
            DeadlineError: they did not reach it in time.
        """
        for event_id in event_ids:
            wait_for(
                f"{status} for {event_id}",
                lambda event_id=event_id: self._status(event_id) == status,
                seconds=_PATIENCE_SECONDS,
            )

    def wait_for_dead_letters(self, event_ids: Sequence[str]) -> None:
        """Return once the dead-letter queue holds exactly these events; raises as `wait_for_status`."""
        wait_for(
            f"a dead-letter queue of {len(event_ids)}",
            lambda: sorted(message.event_id for message in self.stack.dead_letters()) == sorted(event_ids),
            seconds=_PATIENCE_SECONDS,
        )

    def wait_for_attempt(self, event_id: str, number: int) -> Delivery:
        """Return the attempt of this number once it was made; raises as `wait_for_status`."""
        attempts = wait_for(
            f"attempt {number} at {event_id}",
            lambda: self.receiver.deliveries(event_id)[number - 1 :],
            seconds=_PATIENCE_SECONDS,
        )
        return attempts[0]

    @contextmanager
    def promise(
        self, text: str, event_ids: Sequence[str], *, attempts: int, after: int = 0
    ) -> Generator[Line]:
        """Show a promise: its line of the summary gathers the events' deliveries and what goes wrong.

        Args:
            text: the promise.
            event_ids: the events that show it.
            attempts: the exact number of attempts at each event.
            after: the number of earlier attempts, which do not count.
        """
        line = Line(promise=text, events=len(event_ids))
        try:
            yield line
        except LocalStackError as error:
            line.faults.append(str(error))
        for event_id in event_ids:
            made = self.receiver.deliveries(event_id)[after:]
            line.expect(len(made) == attempts, f"{event_id}: {len(made)} attempts, not {attempts}")
            line.expect(len({attempt.body for attempt in made}) == 1, f"{event_id}: its body changed")
            line.deliveries += made
        self.say(f"[green]shown[/]      {text}" if line.held else f"[red]NOT HELD[/]   {text}")

    def say(self, text: str) -> None:
        """Tell what just happened."""
        self.console.print(f"[dim]{time.strftime('%H:%M:%S')}[/]  {text}", soft_wrap=True, highlight=False)

    def _status(self, event_id: str) -> str | None:
        delivery = self.stack.delivery(self.tenant.tenant_id, event_id)
        return delivery.status if delivery else None


@contextmanager
def open_scene(console: Console, title: str, delays: Sequence[int]) -> Generator[Scene]:
    """Start a stack whose retries wait these seconds, and everything else that a scene needs.

    Raises:
        LocalStackError: the stack did not start.
    """
    console.rule(f"[bold]{title}: {', '.join(map(str, delays))} s", align="left")
    began = time.monotonic()
    with ExitStack() as stage:
        with console.status("Starting the stack (the first time builds the functions' bundles too)"):
            stack = stage.enter_context(LocalStack(config={"retryDelaysSeconds": list(delays)}))
        receiver = stage.enter_context(
            Receiver(clock=stack.clock.now, on_delivery=lambda delivery: scene.say(_told(delivery)))
        )
        tenant = stack.create_tenant(_TENANT, receiver.url)
        receiver.trust(tenant.webhook_secret)
        scene = Scene(stack=stack, receiver=receiver, tenant=tenant, console=console)
        scene.say(f"the stack is up at {stack.url} after {time.monotonic() - began:.1f} s")
        yield scene


def _told(delivery: Delivery) -> str:
    took = "[green]200[/]" if delivery.succeeded else f"[yellow]{delivery.status}[/]"
    by = " and ".join(sorted(delivery.verified_by)) or "[red]nobody[/]"
    return (
        f"[magenta]attempt {delivery.attempt}[/]  {delivery.event_id}  {delivery.type}  "
        f"answered {took}, verified by {by}"
    )
