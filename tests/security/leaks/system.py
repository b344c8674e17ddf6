"""A running stack with secrets that are unlike anything else, and everything that is written meanwhile."""

import json
import secrets
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from handlers.model.event import EventKey
from handlers.model.tenant import API_KEY_PREFIX
from handlers.store.queue import Queue
from local import loopback
from local.constants import REPO
from local.deployer.resources.functions import invoke
from local.errors import DeadlineError, LocalStackError
from local.receiver import Receiver
from local.stack import LocalStack
from local.waiting import wait_for
from tests.security.leaks.marks import WEBHOOK_SECRET_PREFIX, Mark, Traces
from tests.security.permissions.roles import policy_instead, read_roles

SECONDS = 60.0

# Where secrets belong; every other place is a leak.
SHOWN_ONCE = "ops shown once"
OPS = "ops"
TENANTS, EVENTS, PAYLOADS = "table TenantApiKeys", "table Events", "payloads of table Events"
ANSWERS, DELIVERIES = "answers to producers", "deliveries"
LOG_GROUP = "log group"
QUEUE, DLQ = "message of the queue", "message of the DLQ"


@dataclass(kw_only=True)
class MarkedSystem:
    """A running stack, its marked secrets with the places where each belongs, and what was written so far."""

    stack: LocalStack
    receiver: Receiver
    outputs_file: Path
    traces: Traces = field(default_factory=Traces)
    marks: dict[Mark, Sequence[str]] = field(default_factory=dict[Mark, Sequence[str]])

    def mark(self, name: str, text: str, *belongs: str, prefix: str = "") -> str:
        """Search for this secret from now on; returns it."""
        self.marks[Mark(name=name, text=text, prefix=prefix)] = belongs
        return text

    def marked(self, name: str, *belongs: str) -> str:
        """A new secret."""
        return self.mark(name, secrets.token_urlsafe(32), *belongs)

    def mark_key(self, name: str, api_key: str, *belongs: str) -> str:
        """Search for this API key from now on; returns it."""
        return self.mark(name, api_key, *belongs, prefix=API_KEY_PREFIX)

    def mark_secret(self, name: str, webhook_secret: str) -> str:
        """Search for this webhook secret from now on; returns it."""
        return self.mark(name, webhook_secret, SHOWN_ONCE, TENANTS, prefix=WEBHOOK_SECRET_PREFIX)

    def ops(self, *arguments: str, place: str = OPS) -> Any:
        """Run an operator's command with `--json`; returns what it printed, if anything."""
        done = subprocess.run(
            [sys.executable, "-m", "ops", "--outputs", str(self.outputs_file), *arguments, "--json"],
            cwd=REPO,
            capture_output=True,
            check=False,
        )
        self.traces.add(place, done.stdout)
        self.traces.add("standard error of ops", done.stderr)
        return json.loads(done.stdout) if done.stdout else None

    def post(self, headers: Mapping[str, str], body: str | bytes, *, query: str = "") -> requests.Response:
        """Send a request as it is, and keep the answer."""
        with loopback.session() as session:
            answer = session.post(
                self.stack.outputs["events_url"] + query,
                data=body,
                headers={"Content-Type": "application/json", **headers},
                timeout=SECONDS,
            )
        self.traces.add(ANSWERS, f"{answer.status_code} {dict(answer.headers)} {answer.text}\n")
        return answer

    def post_event(self, api_key: str, event_type: str, data: Mapping[str, Any]) -> str:
        """Send an event that is accepted; returns its id."""
        body = json.dumps({"type": event_type, "data": data})
        answer = self.post({"Authorization": f"Bearer {api_key}", "Idempotency-Key": event_type}, body)
        assert answer.status_code == requests.codes.accepted, answer.text
        return answer.json()["id"]

    def wait_for_status(self, tenant_id: str, event_id: str, status: str) -> None:
        """Return once an event has this status."""

        def reached() -> bool:
            event = self.stack.delivery(tenant_id, event_id)
            return event is not None and event.status == status

        with suppress(DeadlineError):
            wait_for("the usual case", reached, seconds=SECONDS / 3)
            return
        # In the emulator, an invocation that fails loses its messages; AWS hands them out again.
        Queue(self.stack.aws.sqs, self.stack.outputs["queue_url"]).send(
            EventKey(tenant_id=tenant_id, event_id=event_id)
        )
        wait_for(f"{status} for {event_id} of {tenant_id}", reached, seconds=SECONDS)

    def invoke(self, function: str, event: Any) -> None:
        """Invoke a function, and keep what it says, whether it succeeds or not."""
        try:
            self.traces.add("answers of functions", invoke(self.stack.aws, function, json.dumps(event)))
        except LocalStackError as error:
            self.traces.add("answers of functions", str(error).replace(json.dumps(event), ""))

    @contextmanager
    def without(self, function: str, action: str) -> Generator[None]:
        """While the context lasts, a function's role lacks an action, on whatever resource."""
        role = read_roles(self.stack.aws)[function]
        taken = [right for right in role.actions() if right.action == action]
        with policy_instead(self.stack.aws, role, role.without(*taken)):
            yield
