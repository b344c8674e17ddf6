"""The provider, called as the engine calls it."""

from typing import Any, NoReturn

import pulumi
import pytest
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2

from engine.computed import LOOKUPS, NoCloud
from engine.emulated import EmulatorCloud
from engine.names import NAMED
from engine.provider import Provider
from engine.values import DEFAULTS, UNKNOWN, read, write
from local.constants import ACCOUNT_ID
from local.deployer import resources
from tests.engine.recorded import declared

QUEUE = "aws:sqs/queue:Queue"
TABLE = "aws:dynamodb/table:Table"
DOMAIN_NAME = "aws:apigatewayv2/domainName:DomainName"


class RefusedError(Exception):
    pass


class Context:
    """Stands for gRPC's."""

    def abort(self, _code: object, message: str) -> NoReturn:
        raise RefusedError(message)


@pytest.fixture
def provider() -> Provider:
    return Provider(NoCloud())


def urn(type_token: str, name: str) -> str:
    return f"urn:pulumi:dev::webhook-delivery::webhooks:index:Tables${type_token}::{name}"


def check(provider: Provider, type_token: str, news: dict[str, Any], name: str = "it", **more: Any) -> Any:
    request = provider_pb2.CheckRequest(
        urn=urn(type_token, name), name=name, news=write(news), randomSeed=b"seed", **more
    )
    return provider.Check(request, Context())


def create(provider: Provider, type_token: str, inputs: dict[str, Any], *, preview: bool = False) -> Any:
    request = provider_pb2.CreateRequest(
        urn=urn(type_token, "it"), name="it", properties=write(inputs), preview=preview
    )
    return provider.Create(request, Context())


def on_the_wire(value: Any) -> Any:
    """A recorded value as the engine sends it."""
    match value:
        case pulumi.FileArchive():
            return {
                "4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7",
                "path": value.path,
                "hash": value.path,
            }
        case dict():
            return {key: on_the_wire(inner) for key, inner in value.items()}
        case list():
            return [on_the_wire(inner) for inner in value]
        case _:
            return value


def test_everything_that_the_program_declares_is_taken_and_can_be_created(provider: Provider):
    for resource in declared():
        checked = check(provider, resource.type, on_the_wire(resource.inputs), resource.name)
        assert not checked.failures, f"{resource.type} {resource.name}: {checked.failures}"
        assert create(provider, resource.type, read(checked.inputs)).id


def test_what_is_wrong_is_refused_by_property(provider: Provider):
    failures = check(provider, QUEUE, {"visibilityTimeout": 30}, "n" * 73).failures
    assert [failure.property for failure in failures] == ["name", "visibilityTimeout"]
    assert failures[1].reason == "is not a property of this type"


def test_a_type_that_is_not_in_the_tables_is_refused(provider: Provider):
    (failure,) = check(provider, "aws:s3/bucket:Bucket", {}).failures
    assert "add it to engine/replacements.py and engine/names.py" in failure.reason


def test_a_name_is_made_up_once_and_kept(provider: Provider):
    first = read(check(provider, QUEUE, {}).inputs)
    assert first["name"].startswith("it-")
    assert first[DEFAULTS] == ["name"]
    again = check(provider, QUEUE, {"delaySeconds": 1}, olds=write({**first, "name": "it-kept"}))
    assert read(again.inputs)["name"] == "it-kept"


def test_a_name_that_was_given_is_not_kept_when_the_program_gives_none(provider: Provider):
    assert read(check(provider, QUEUE, {}, olds=write({"name": "given"})).inputs)["name"] != "given"


@pytest.mark.parametrize("given", [{"name": "given"}, {"namePrefix": "given-"}])
def test_a_name_that_the_program_gives_is_left_alone(provider: Provider, given: dict[str, str]):
    assert read(check(provider, QUEUE, given).inputs) == given


def test_the_engines_option_autonaming_is_honoured(provider: Provider):
    configured = provider.Configure(provider_pb2.ConfigureRequest(), Context())
    assert configured.supports_autonaming_configuration
    options = provider_pb2.CheckRequest.AutonamingOptions
    enforced = options(proposed_name="acme", mode=options.ENFORCE)
    assert read(check(provider, QUEUE, {}, autonaming=enforced).inputs)["name"] == "acme"
    (failure,) = check(provider, QUEUE, {}, autonaming=options(mode=options.DISABLE)).failures
    assert "autonaming is disabled" in failure.reason


def diff(provider: Provider, old: dict[str, Any], new: dict[str, Any]) -> Any:
    request = provider_pb2.DiffRequest(urn=urn(TABLE, "it"), old_inputs=write(old), news=write(new))
    return provider.Diff(request, Context())


def test_a_change_is_planned_by_the_table(provider: Provider):
    assert diff(provider, {"hashKey": "a"}, {"hashKey": "a"}).changes == provider_pb2.DiffResponse.DIFF_NONE
    replaced = diff(provider, {"hashKey": "a", "tags": {}}, {"hashKey": "b", "tags": {"a": "b"}})
    assert replaced.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert (list(replaced.diffs), list(replaced.replaces)) == (["hashKey", "tags"], ["hashKey"])


def test_a_preview_knows_no_outputs(provider: Provider):
    planned = read(create(provider, QUEUE, {"name": "q"}, preview=True).properties)
    assert planned == {"name": "q", "arn": UNKNOWN, "url": UNKNOWN, "tagsAll": UNKNOWN}
    planned = read(create(provider, QUEUE, {"namePrefix": "q-"}, preview=True).properties)
    assert planned["name"] == UNKNOWN
    nested = {"certificateArn": "c", "endpointType": "REGIONAL", "securityPolicy": "TLS_1_2"}
    inputs = {"domainName": "a.example.com", "domainNameConfiguration": nested}
    planned = read(create(provider, DOMAIN_NAME, inputs, preview=True).properties)
    assert planned["domainNameConfiguration"]["targetDomainName"] == UNKNOWN


def test_a_name_begins_with_its_prefix(provider: Provider):
    created = read(create(provider, QUEUE, {"namePrefix": "q-"}).properties)
    assert created["name"].startswith("q-")


def test_an_update_keeps_what_aws_has_added(provider: Provider):
    nested = {"certificateArn": "c", "endpointType": "REGIONAL", "securityPolicy": "TLS_1_2"}
    inputs = {"domainName": "a.example.com", "domainNameConfiguration": nested}
    olds = read(create(provider, DOMAIN_NAME, inputs).properties)
    news = {**inputs, "domainNameConfiguration": {**nested, "certificateArn": "d"}}
    request = provider_pb2.UpdateRequest(
        urn=urn(DOMAIN_NAME, "it"), olds=write(olds), old_inputs=write(inputs), news=write(news)
    )
    updated = read(provider.Update(request, Context()).properties)
    assert updated["arn"] == olds["arn"]
    assert updated["domainNameConfiguration"] == {
        **olds["domainNameConfiguration"],
        "certificateArn": "d",
    }


def test_what_aws_protects_is_not_deleted(provider: Provider):
    request = provider_pb2.DeleteRequest(
        urn=urn(TABLE, "it"), properties=write({"deletionProtectionEnabled": True})
    )
    with pytest.raises(RefusedError, match="currently protected against deletion"):
        provider.Delete(request, Context())
    assert provider.Delete(provider_pb2.DeleteRequest(urn=urn(TABLE, "it")), Context())


def test_lookups_are_answered_and_others_refused(provider: Provider):
    request = provider_pb2.InvokeRequest(tok="aws:index/getCallerIdentity:getCallerIdentity")
    answer = getattr(provider.Invoke(request, Context()), "return")
    assert read(answer)["accountId"] == ACCOUNT_ID
    with pytest.raises(RefusedError, match="Unknown lookup aws:ec2/getVpc:getVpc"):
        provider.Invoke(provider_pb2.InvokeRequest(tok="aws:ec2/getVpc:getVpc"), Context())


def test_lookups_are_those_of_the_local_stack():
    assert LOOKUPS.keys() == resources.LOOKUPS.keys()


def test_the_emulator_gets_the_name_that_was_made_up_and_only_what_the_program_sets(
    monkeypatch: pytest.MonkeyPatch,
):
    seen: list[tuple[str, Any]] = []

    def create_there(_aws: object, declared: resources.Declared) -> resources.Created:
        seen.append((declared.physical_name, declared.properties.unread()))
        return resources.Created(id="there", outputs={"url": "http://127.0.0.1/q"})

    monkeypatch.setattr("engine.emulated.create", create_there)
    provider = Provider(EmulatorCloud("http://127.0.0.1:9"))
    inputs = read(check(provider, QUEUE, {"delaySeconds": 1}).inputs)
    created = create(provider, QUEUE, inputs)
    assert created.id == "there"
    assert seen == [(inputs["name"], ["delaySeconds"])]
    assert read(created.properties) == {**inputs, "url": "http://127.0.0.1/q"}


def test_what_the_local_stack_refuses_is_refused(monkeypatch: pytest.MonkeyPatch):
    provider = Provider(EmulatorCloud("http://127.0.0.1:9"))

    def refuse(*_arguments: object) -> NoReturn:
        raise resources.LocalStackError("the local stack does not know delaySeconds")

    monkeypatch.setattr("engine.emulated.create", refuse)
    with pytest.raises(RefusedError, match="does not know delaySeconds"):
        create(provider, QUEUE, {"delaySeconds": 1})
    with pytest.raises(RefusedError, match="the local stack does not know this lookup"):
        provider.Invoke(provider_pb2.InvokeRequest(tok="aws:ec2/getVpc:getVpc"), Context())


def test_unknown_values_are_the_engines():
    assert UNKNOWN == rpc.UNKNOWN
    assert NAMED[QUEUE]
