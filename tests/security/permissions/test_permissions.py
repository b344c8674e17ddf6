"""Each function's role lets it do its work and nothing else, tried on the local stack: it enforces roles."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from handlers.store import schema
from tests.security.permissions.calls import PAYLOADS, READS, SECRETS, WRITES, Call
from tests.security.permissions.deployed_system import DeployedSystem, open_deployed_system
from tests.security.permissions.flows import FLOWS, Flow
from tests.security.permissions.mutation import broken, faults_of_what_is_unused, prove, rights_to_prove
from tests.security.permissions.roles import FUNCTIONS, Right, policy_instead
from tests.security.permissions.trial import Trial, faults_of, faults_of_controls, hold_trial

TENANTS, EVENTS = "-tenant-api-keys-", "-events-"
INDEX = "/index/"


@pytest.fixture(scope="module")
def system() -> Iterator[DeployedSystem]:
    with open_deployed_system() as opened:
        yield opened


@pytest.fixture(scope="module")
def trial(system: DeployedSystem) -> Trial:
    return hold_trial(system.stack, system.roles)


def assert_refused(trial: Trial, function: str, is_forbidden: Callable[[Call], bool]) -> None:
    """There are calls of that kind, and every one is refused."""
    calls = [call for call in trial.calls if is_forbidden(call)]
    refused = trial.refused(function)
    assert calls
    assert [str(call) for call in calls if call not in refused] == []


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: f"{flow.function}: {flow.name}")
def test_with_its_permissions_a_function_does_its_work(system: DeployedSystem, flow: Flow):
    assert broken(system, flow) == ""


@pytest.mark.parametrize("function", FUNCTIONS)
def test_without_any_one_of_its_permissions_it_does_not_and_with_it_again_it_does(
    system: DeployedSystem, function: str
):
    proofs = [prove(system, right) for right in rights_to_prove(system.roles[function])]

    assert len(proofs) >= 4
    assert [proof.fault for proof in proofs if proof.fault] == []


def test_permissions_that_only_aws_needs_are_named_and_none_of_them_is_needed_here(system: DeployedSystem):
    assert list(faults_of_what_is_unused(system)) == []


def test_a_permission_that_nothing_needs_is_found(system: DeployedSystem):
    role = system.roles["ingest"]
    (statement,) = (s for s in role.policy["Statement"] if "sqs:SendMessage" in s["Action"])
    wider = {**statement, "Action": [*statement["Action"], "sqs:PurgeQueue"]}
    position = role.policy["Statement"].index(statement)
    superfluous = Right(
        function="ingest", statement=position, action="sqs:PurgeQueue", resource=statement["Resource"]
    )
    statements = [*role.policy["Statement"]]
    statements[position] = wider
    with policy_instead(system.stack.aws, role, {**role.policy, "Statement": statements}):
        widened = DeployedSystem(system.stack)
        with widened.receiver:
            proof = prove(widened, superfluous)

    assert proof.flow is None
    assert "ingest: sqs:PurgeQueue on delivery-queue: nothing breaks without it" in str(proof.fault)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_is_granted_what_its_policy_says_and_refused_everything_else(trial: Trial, function: str):
    assert list(faults_of(trial, function)) == []
    assert len(trial.forbidden(function)) >= 300


def test_nothing_is_refused_to_the_root_and_everything_to_a_role_that_may_do_nothing(trial: Trial):
    assert list(faults_of_controls(trial)) == []


@pytest.mark.parametrize("function", ["ingest", "requeue", "reconciler"])
def test_nobody_but_the_worker_reads_a_webhook_secret(trial: Trial, function: str):
    assert_refused(trial, function, lambda call: TENANTS in call.resource and call.asks_for(SECRETS))


@pytest.mark.parametrize("function", ["worker", "reconciler"])
def test_neither_the_worker_nor_the_reconciler_looks_an_api_key_up(trial: Trial, function: str):
    def reads_keys(call: Call) -> bool:
        return TENANTS in call.resource and INDEX not in call.resource and call.verb in READS

    assert_refused(trial, function, reads_keys)


def test_requeue_learns_where_a_tenant_s_events_go_and_not_by_which_key_they_come(trial: Trial):
    assert_refused(
        trial, "requeue", lambda call: TENANTS in call.resource and call.asks_for([schema.API_KEY, *SECRETS])
    )


@pytest.mark.parametrize("function", ["ingest", "requeue", "reconciler"])
def test_nobody_but_the_worker_reads_a_payload(trial: Trial, function: str):
    def reads_payload(call: Call) -> bool:
        return EVENTS in call.resource and INDEX not in call.resource and call.asks_for(PAYLOADS)

    assert_refused(trial, function, reads_payload)


@pytest.mark.parametrize("function", ["ingest", "requeue", "reconciler"])
def test_nor_does_what_they_write_give_them_one(trial: Trial, function: str):
    """A write can be answered with the whole item (DynamoDB developer guide, "Specifying conditions")."""
    assert_refused(trial, function, lambda call: EVENTS in call.resource and call.returns != "NONE")


@pytest.mark.parametrize("function", ["requeue", "reconciler"])
def test_nobody_changes_what_an_event_tells(trial: Trial, function: str):
    """Or the worker would sign it."""
    assert_refused(trial, function, lambda call: _updates(call, PAYLOADS))


def test_the_reconciler_does_not_change_where_an_event_goes(trial: Trial):
    """Or the worker would send it there. Requeue has to: it gives events their tenant's current target."""
    assert_refused(trial, "reconciler", lambda call: _updates(call, [schema.TARGET_URL]))


def _updates(call: Call, attributes: Sequence[str]) -> bool:
    return (
        EVENTS in call.resource and call.verb == "UpdateItem" and not set(attributes).isdisjoint(call.names)
    )


@pytest.mark.parametrize("function", ["ingest", "worker", "reconciler"])
def test_nobody_but_requeue_touches_the_dead_letter_queue(trial: Trial, function: str):
    assert_refused(trial, function, lambda call: call.service == "sqs" and "-dlq-" in call.resource)


@pytest.mark.parametrize("function", ["ingest", "requeue", "reconciler"])
def test_nobody_but_the_worker_takes_messages_from_the_queue(trial: Trial, function: str):
    takes = {"ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "PurgeQueue"}
    assert_refused(trial, function, lambda call: "-delivery-queue-" in call.resource and call.verb in takes)


def test_the_worker_sends_no_message(trial: Trial):
    assert_refused(trial, "worker", lambda call: call.action == "sqs:SendMessage")


@pytest.mark.parametrize("function", ["ingest", "worker"])
def test_neither_ingest_nor_the_worker_finds_events_by_their_status(trial: Trial, function: str):
    assert_refused(trial, function, lambda call: call.resource.endswith(f"{INDEX}{schema.STATUS_INDEX}"))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nobody_writes_tenants_or_lists_them(trial: Trial, function: str):
    assert_refused(trial, function, lambda call: TENANTS in call.resource and call.verb in WRITES | {"Scan"})


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nobody_deletes_an_event_or_the_table_or_a_queue(trial: Trial, function: str):
    verbs = {"DeleteItem", "BatchWriteItem", "PartiQLDelete", "DeleteTable", "DeleteQueue", "PurgeQueue"}
    assert_refused(trial, function, lambda call: call.verb in verbs)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nobody_invokes_changes_or_becomes_a_function_not_even_itself(trial: Trial, function: str):
    kinds = (":function:", ":role/")
    assert_refused(trial, function, lambda call: any(kind in call.resource for kind in kinds))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nobody_reads_a_log_or_writes_another_s(trial: Trial, function: str):
    def is_foreign(call: Call) -> bool:
        return ":log-group:" in call.resource and (
            f"-{function}-logs-" not in call.resource
            or call.operation not in {"create_log_stream", "put_log_events"}
        )

    assert_refused(trial, function, is_foreign)
