"""A safeguard for each row of the threat model, and how to take it out of a running Python.

A safeguard is taken out by a public name, or by data: what a function gets or returns, what a client sends to
AWS, what a resource of the program declares. No source text is matched, so a refactoring that keeps the
behaviour keeps these working. This module imports nothing of the project at its top: it runs first in a
process, and what it replaces must not have been imported by others before.
"""

import json
import logging
import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial, wraps
from ipaddress import ip_address, ip_network
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from urllib.request import getproxies

VARIABLE = "WITHOUT_SAFEGUARD"
"""The environment variable that names the safeguard to take out, by its test's function."""

SAFEGUARDS: dict[str, Callable[[], None]] = {}
"""What takes each safeguard out, by the test function that must then fail; `SECURITY.md` has its file."""


def shown_by(test: str, how: Callable[..., None] | None = None, *what: Any) -> Callable[[Any], Any]:
    """Name the test that shows a safeguard; `how(*what, function)` takes it out, or the function itself."""

    def register(function: Any) -> Any:
        SAFEGUARDS[test] = function if how is None else partial(how, *what, function)
        return function

    return register


def put(name: str, value: Any) -> None:
    """Give `package.module:Class.attribute` another value."""
    module, _, path = name.partition(":")
    holder_path, _, attribute = path.rpartition(".")
    holder = resolve_name(f"{module}:{holder_path}")
    getattr(holder, attribute)  # a name that is not there must not be made up
    setattr(holder, attribute, value)


def wrap(name: str, around: Callable[..., Any]) -> None:
    """Call `around` in place of a function; it gets the function first, then the arguments."""
    original = resolve_name(name)
    put(name, wraps(original)(lambda *args, **kwargs: around(original, *args, **kwargs)))


def change_requests(operation: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what every boto3 client sends for an operation, such as `dynamodb.PutItem`."""
    handlers = resolve_name("botocore.handlers:BUILTIN_HANDLERS")
    handlers.append((f"provide-client-params.{operation}", lambda params, **_: change(params)))


def change_resources(type_: str, change: Callable[[str, dict[str, Any], Any], None]) -> None:
    """Change the properties or options of the resources of a type, by name, as the program declares them."""

    def declare(original: Any, self: Any, declared: str, name: str, *rest: Any) -> None:
        props, opts, *_ = rest
        if declared == type_:
            change(name, vars(props), opts)
        original(self, declared, name, *rest)

    wrap("pulumi:CustomResource.__init__", declare)


def change_policies(type_: str, suffix: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change every statement of the policies of a type whose resource's name ends so."""

    def changed(text: str) -> str:
        policy = json.loads(text)
        for statement in policy["Statement"]:
            change(statement)
        return json.dumps(policy)

    def declare(name: str, props: dict[str, Any], _opts: Any) -> None:
        if name.endswith(suffix):
            output = resolve_name("pulumi:Output.from_input")
            props["policy"] = output(props["policy"]).apply(changed)

    change_resources(type_, declare)


def change_role(function: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change every statement of a function's role."""
    change_policies("aws:iam/rolePolicy:RolePolicy", f"-{function}-policy", change)


def reach_the_emulator() -> None:
    """Take the safeguard out of the emulator and of the functions that it runs as well."""

    def environment(original: Any, *args: Any, **kwargs: Any) -> dict[str, str]:
        return original(*args, **kwargs) | {name: os.environ[name] for name in ("PYTHONPATH", VARIABLE)}

    wrap("local.emulator.environment:emulator_environment", environment)


@shown_by(
    "test_whatever_is_no_key_gets_the_answer_and_the_work_of_an_unknown_key",
    wrap,
    "handlers.store.tenants:TenantStore.holder_of",
)
def look_up_only_what_looks_like_a_key(original: Any, self: Any, api_key: str) -> Any:
    return original(self, api_key) if len(api_key) == len("whk_") + 43 else None


@shown_by("test_no_hostile_request_breaks_a_promise", wrap, "handlers.ingest:respond")
def count_on_headers(original: Any, event: Any, service: Any) -> Any:
    return original({**event, "headers": {**event["headers"]}}, service)


@shown_by(
    "test_no_connection_is_opened_to_what_is_not_public", wrap, "handlers.delivery.targets:vetted_addresses"
)
def vet_only_the_first_address(original: Any, host: str, addresses: Any, **how: Any) -> Any:
    original(host, addresses[:1], **how)
    return addresses


@shown_by("test_both_ends_of_every_special_range_are_not_public", wrap, "handlers.delivery.targets:is_public")
def forget_a_range(original: Any, address: str) -> bool:
    return original(address) or ip_address(address) in ip_network("100.64.0.0/10")


@shown_by("test_a_connection_that_is_led_to_this_machine_is_closed_before_a_byte_is_sent")
def misreport_the_peer() -> None:
    put("socket:socket.getpeername", lambda _self: ("1.1.1.1", 443))


@shown_by("test_no_answer_leads_anywhere_else", wrap, "handlers.delivery.transport:Transport.post")
def follow_redirects(original: Any, self: Any, target: Any, **sent: Any) -> Any:
    answer = original(self, target, **sent)
    for place in answer.values(b"location"):
        parse_target = resolve_name("handlers.delivery.targets:parse_target")
        original(self, parse_target(place, allow_private=True), **sent)
    return answer


@shown_by("test_the_recorded_status_was_said_to_the_attempts_own_request_in_thousands_of_sequences")
def take_an_interim_answer_for_the_final_one() -> None:
    interim: dict[Any, int] = {}

    def feed(original: Any, self: Any, data: bytes) -> None:
        began = self.has_begun
        original(self, data)
        if not began and data[9:10] == b"1" and data[9:12] != b"101":
            interim[self], self.over = int(data[9:12]), True

    def answer(original: Any, self: Any) -> Any:
        if self not in interim:
            return original(self)
        return resolve_name("handlers.delivery.exchange:Answer")(status=interim[self])

    wrap("handlers.delivery.exchange:Exchange.feed", feed)
    wrap("handlers.delivery.exchange:Exchange.answer", answer)


@shown_by(
    "test_a_tenants_hanging_name_server_fails_nobody_elses_deliveries",
    wrap,
    "handlers.delivery.lookups:Lookups.__init__",
)
def look_up_one_name_at_a_time(original: Any, self: Any, resolve: Any, **how: Any) -> None:
    original(self, resolve, **how | {"max_lookups": 1})


@shown_by("test_an_attempt_holds_against")
def read_heads_of_any_size() -> None:
    put("handlers.delivery.exchange:MAX_HEAD_BYTES", 1 << 30)


@shown_by(
    "test_proxies_and_credentials_of_the_environment_are_not_used",
    wrap,
    "handlers.delivery.connecting:Connector.connect",
)
def connect_through_a_proxy(original: Any, self: Any, target: Any, deadline: Any) -> Any:
    if proxy := getproxies().get("http"):
        target = resolve_name("handlers.delivery.targets:parse_target")(proxy, allow_private=True)
    return original(self, target, deadline)


_SIGNATURE = (wrap, "handlers.delivery.signing:signature_headers")


@shown_by("test_a_known_signature_comes_out_as_the_specifications_say", *_SIGNATURE)
@shown_by("test_stripe_verifies_a_delivery_with_the_whole_secret", *_SIGNATURE)
def sign_without_the_timestamp(original: Any, *, timestamp: int, **signed: Any) -> dict[str, str]:
    made = original(timestamp=0, **signed)
    stripe = made["Stripe-Signature"].replace("t=0", f"t={timestamp}")
    return made | {"webhook-timestamp": str(timestamp), "Stripe-Signature": stripe}


@shown_by(
    "test_during_a_rotation_both_secrets_verify_and_a_second_after_the_overlap_the_old_one_does_not",
    wrap,
    "handlers.model.tenant:Tenant.signing_secrets",
)
def sign_with_the_old_secret_for_longer(original: Any, self: Any, now: datetime) -> Any:
    return original(self, now - timedelta(seconds=2))


@shown_by(
    "test_a_key_that_is_added_while_the_secret_is_rotated_is_not_left_with_the_old_one",
    change_requests,
    "dynamodb.TransactWriteItems",
)
def change_a_tenant_whatever_happened_to_it(params: dict[str, Any]) -> None:
    for action in params["TransactItems"]:
        if "Update" in action:
            # The condition stays in it: DynamoDB refuses names and values that are not used.
            action["Update"]["ConditionExpression"] += " OR attribute_exists(apiKey)"


@shown_by("test_the_key_itself_is_stored_nowhere", wrap, "handlers.model.tenant:hash_api_key")
def store_keys_as_they_are(_original: Any, api_key: str) -> str:
    return api_key


@shown_by("test_a_disabled_key_is_refused_within_the_caches_minute")
def accept_disabled_keys() -> None:
    put("handlers.model.tenant:ApiKeyHolder.disabled", value=False)


@shown_by("test_two_tenants_never_share_a_key")
def remember_idempotency_keys_of_all_tenants_in_one_place() -> None:
    def share(params: dict[str, Any]) -> None:
        key = params.get("Key") or params["Item"]
        if key.get("eventId", {}).get("S", "").startswith("idempotency#"):
            key["tenantId"] = {"S": "everybody"}

    change_requests("dynamodb.PutItem", share)
    change_requests("dynamodb.GetItem", share)


@shown_by("test_no_secret_is_written_anywhere_but_where_it_belongs")
def log_local_variables() -> None:
    reach_the_emulator()
    wrap(
        "structlog.tracebacks:ExceptionDictTransformer.__init__",
        lambda original, self, **how: original(self, **how | {"show_locals": True}),
    )


@shown_by(
    "test_what_the_http_library_complains_of_is_not_logged_since_it_names_the_url",
    wrap,
    "handlers.delivery.transport:Transport.post",
)
def let_a_library_log_urls(original: Any, self: Any, target: Any, **sent: Any) -> Any:
    logging.getLogger("http").warning(target.url)
    return original(self, target, **sent)


@shown_by(
    "test_without_any_one_of_its_permissions_it_does_not_and_with_it_again_it_does", change_role, "requeue"
)
def grant_requeue_an_action_too_many(statement: dict[str, Any]) -> None:
    if "sqs:DeleteMessage" in statement["Action"]:
        statement["Action"].append("sqs:PurgeQueue")


@shown_by("test_nobody_but_the_worker_reads_a_webhook_secret", change_role, "ingest")
def let_ingest_read_all_of_a_tenant(statement: dict[str, Any]) -> None:
    if "tenant-api-keys" in statement["Resource"]:
        del statement["Condition"]


@shown_by("test_nobody_but_the_worker_reads_a_payload", change_role, "reconciler")
def let_the_reconciler_read_all_of_an_event(statement: dict[str, Any]) -> None:
    if "dynamodb:BatchGetItem" in statement["Action"]:
        del statement["Condition"]


@shown_by("test_nor_does_what_they_write_give_them_one", change_policies, "aws:iam/rolePolicy:RolePolicy", "")
def let_writes_return_the_item(statement: dict[str, Any]) -> None:
    condition = statement.get("Condition", {})
    if condition.get("StringEqualsIfExists") == {"dynamodb:ReturnValues": "NONE"}:
        condition["StringEqualsIfExists"] = {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}
        if "Null" not in condition:
            del statement["Condition"]


def let_update(attribute: str, statement: dict[str, Any]) -> None:
    """Let the updates that a statement grants name one attribute more."""
    if "dynamodb:UpdateItem" in statement["Action"]:
        statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"].append(attribute)


@shown_by("test_nobody_changes_what_an_event_tells", change_role, "requeue")
def let_requeue_change_payloads(statement: dict[str, Any]) -> None:
    let_update("payload", statement)


@shown_by("test_the_reconciler_does_not_change_where_an_event_goes", change_role, "reconciler")
def let_the_reconciler_change_targets(statement: dict[str, Any]) -> None:
    let_update("targetUrl", statement)


@shown_by(
    "test_messages_last_for_two_weeks_and_only_the_queue_may_fill_the_dlq",
    change_resources,
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy",
)
def let_every_queue_fill_the_dlq(_name: str, props: dict[str, Any], _opts: Any) -> None:
    props["redrive_allow_policy"] = '{"redrivePermission": "allowAll"}'


@shown_by(
    "test_every_resource_of_a_kind_keeps_the_rule_of_its_kind",
    change_policies,
    "aws:sqs/queuePolicy:QueuePolicy",
    "",
)
def refuse_encrypted_connections_instead_of_plain_ones(statement: dict[str, Any]) -> None:
    statement["Condition"]["Bool"]["aws:SecureTransport"] = "true"


@shown_by(
    "test_every_table_is_guarded_in_every_way_where_data_is_protected_and_in_none_elsewhere",
    change_resources,
    "aws:dynamodb/table:Table",
)
def let_pulumi_delete_tables(_name: str, _props: dict[str, Any], opts: Any) -> None:
    opts.protect = None


@shown_by(
    "test_every_permission_to_invoke_names_who_may", change_resources, "aws:lambda/permission:Permission"
)
def let_every_api_invoke_ingest(_name: str, props: dict[str, Any], _opts: Any) -> None:
    if props["principal"] == "apigateway.amazonaws.com":
        props["source_arn"] = None


@shown_by(
    "test_every_request_goes_to_ingest_under_both_throttling_limits",
    change_resources,
    "aws:apigatewayv2/stage:Stage",
)
def throttle_without_a_limit_for_bursts(_name: str, props: dict[str, Any], _opts: Any) -> None:
    props["default_route_settings"] = {"throttling_rate_limit": 100}


@shown_by("test_a_browser_page_is_refused_with_the_reason", wrap, "local.emulator.guard:Guard.__call__")
def overlook_the_origin(original: Any, self: Any, scope: Any, *rest: Any) -> Any:
    headers = [(name, value) for name, value in scope.get("headers", ()) if name.lower() != b"origin"]
    return original(self, {**scope, "headers": headers}, *rest)


@shown_by("test_nothing_of_it_can_be_reached_from_another_machine", wrap, "socket:create_server")
def listen_to_every_machine(original: Any, address: tuple[str, int], **how: Any) -> Any:
    return original(("", address[1]), **how)


@shown_by(
    "test_the_users_aws_credentials_and_settings_are_neither_opened_nor_passed_on",
    wrap,
    "local.emulator.environment:emulator_environment",
)
def pass_everything_on(original: Any, environ: Any, **how: Any) -> dict[str, str]:
    return {**environ, **original(environ, **how)}


@shown_by("test_every_file_of_it_is_its_owners_alone")
def make_files_for_everybody() -> None:
    reach_the_emulator()
    wrap("os:umask", lambda original, _mask: original(0o022))


@shown_by("test_a_wheel_that_is_not_the_one_that_was_locked_is_never_installed", wrap, "subprocess:run")
def install_whatever_the_index_serves(original: Any, command: Any, **how: Any) -> Any:
    swapped = ["--no-verify-hashes" if word == "--require-hashes" else word for word in command]
    return original(swapped, **how)


@shown_by("test_every_action_is_pinned_to_a_commit_and_names_its_version", wrap, "pathlib:Path.read_text")
def leave_out_the_version_of_an_action(original: Any, self: Path, *args: Any, **how: Any) -> str:
    text = original(self, *args, **how)
    return (
        re.sub(r" # v[\d.]+$", "", text, count=1, flags=re.MULTILINE) if "workflows" in self.parts else text
    )


@shown_by(
    "test_a_package_that_was_skipped_is_not_a_pass", wrap, "bundles.audit.advisories:find_vulnerabilities"
)
def take_no_answer_for_a_good_one(original: Any, *args: Any) -> Any:
    try:
        return original(*args)
    except resolve_name("bundles.audit.errors:NotAuditedError"):
        return []
