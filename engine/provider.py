"""The provider that the engine calls: it checks inputs, plans changes and creates resources.

It stands in for `pulumi-resource-aws`. The emulator only creates: an update is recorded but not carried out,
a deletion is refused where AWS would refuse it and otherwise only recorded, and a refresh finds the recorded
state.
"""

from collections.abc import Mapping
from importlib import metadata
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from engine import arguments, replacements
from engine.cloud import Cloud
from engine.computed import NESTED, unknown_outputs
from engine.names import NAMED, Mode, Naming, NamingError, Proposal, make_name
from engine.values import DEFAULTS, read, write
from local.errors import LocalStackError

VERSION = metadata.version("pulumi_aws")
"""The version that the program asks for."""

_PROTECTED = (
    "ValidationException: Resource cannot be deleted as it is currently protected against deletion. "
    "Disable deletion protection first."
)


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine; `ResourceProviderServicer` says what each call is for."""

    def __init__(self, cloud: Cloud) -> None:
        """Create resources in `cloud`."""
        self._cloud = cloud

    def GetPluginInfo(self, request: empty_pb2.Empty, context: Any) -> plugin_pb2.PluginInfo:
        """Tell the version."""
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(
        self, request: provider_pb2.GetSchemaRequest, context: Any
    ) -> provider_pb2.GetSchemaResponse:
        """Return an empty schema: the real one went into pulumi_aws and stays there."""
        return provider_pb2.GetSchemaResponse(schema="{}")

    def CheckConfig(self, request: provider_pb2.CheckRequest, context: Any) -> provider_pb2.CheckResponse:
        """Check the provider's own configuration against its types."""
        found = arguments.config_faults(read(request.news))
        return _checked({fault.path: fault.reason for fault in found}, read(request.news))

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: Any) -> provider_pb2.DiffResponse:
        """Report a changed configuration; it replaces nothing."""
        return _diff_response(read(request.old_inputs) != read(request.news))

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: Any
    ) -> provider_pb2.ConfigureResponse:
        """Declare the capabilities: secrets come as plain values, and `pulumi:autonaming` is honoured."""
        return provider_pb2.ConfigureResponse(
            acceptSecrets=False,
            acceptResources=False,
            supportsPreview=True,
            supports_autonaming_configuration=True,
        )

    def Check(self, request: provider_pb2.CheckRequest, context: Any) -> provider_pb2.CheckResponse:
        """Check inputs against their types, and make up a name if the program gives none."""
        type_token, news = _type(request), read(request.news)
        if type_token not in replacements.FORCES_NEW or type_token not in NAMED:
            reason = "this type is unknown: add it to engine/replacements.py and engine/names.py"
            return _checked({"": reason}, news)
        found = {fault.path: fault.reason for fault in arguments.faults(type_token, news)}
        if naming := NAMED[type_token]:
            try:
                news |= _made_up_name(naming, request, news)
            except NamingError as error:
                found[naming.property] = str(error)
        return _checked(found, news)

    def Diff(self, request: provider_pb2.DiffRequest, context: Any) -> provider_pb2.DiffResponse:
        """Tell which properties a change affects, and which of them replace the resource."""
        naming = NAMED[_type(request)]
        plan = replacements.plan(
            _type(request),
            read(request.old_inputs),
            read(request.news),
            naming=naming.property if naming else None,
            ignored=request.ignoreChanges,
        )
        response = _diff_response(bool(plan.changed))
        response.diffs.extend(plan.changed)
        response.replaces.extend(plan.replaces)
        response.deleteBeforeReplace = plan.delete_first
        return response

    def Create(self, request: provider_pb2.CreateRequest, context: Any) -> provider_pb2.CreateResponse:
        """Create a resource; in a preview, tell which outputs are unknown."""
        type_token, inputs = _type(request), read(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(
                properties=write({**inputs, **unknown_outputs(type_token, inputs)})
            )
        naming, made_up = NAMED[type_token], inputs.get(DEFAULTS, [])
        given = {key: value for key, value in inputs.items() if key not in (DEFAULTS, *made_up)}
        name = inputs[naming.property] if naming and naming.property in made_up else None
        try:
            created = self._cloud.create(type_token, request.name, given, name)
        except LocalStackError as error:
            _abort(context, str(error))
        return provider_pb2.CreateResponse(id=created.id, properties=write({**inputs, **created.outputs}))

    def Read(self, request: provider_pb2.ReadRequest, context: Any) -> provider_pb2.ReadResponse:
        """Return a resource as recorded."""
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    def Update(self, request: provider_pb2.UpdateRequest, context: Any) -> provider_pb2.UpdateResponse:
        """Record a change that needs no replacement."""
        olds, old_inputs, news = read(request.olds), read(request.old_inputs), read(request.news)
        outputs = {key: value for key, value in olds.items() if key not in old_inputs}
        for key in NESTED.get(_type(request), {}):
            outputs[key] = {**olds[key], **news[key]}
        return provider_pb2.UpdateResponse(properties=write({**news, **outputs}))

    def Delete(self, request: provider_pb2.DeleteRequest, context: Any) -> empty_pb2.Empty:
        """Forget a resource, unless AWS would not delete it."""
        if read(request.properties).get("deletionProtectionEnabled"):
            _abort(context, _PROTECTED)
        return empty_pb2.Empty()

    def Invoke(self, request: provider_pb2.InvokeRequest, context: Any) -> provider_pb2.InvokeResponse:
        """Answer a lookup."""
        try:
            answer = self._cloud.look_up(request.tok, read(request.args))
        except LocalStackError as error:
            _abort(context, str(error))
        fields: dict[str, Any] = {"return": write(answer)}  # `return` is a keyword in Python
        return provider_pb2.InvokeResponse(**fields)

    def Cancel(self, request: empty_pb2.Empty, context: Any) -> empty_pb2.Empty:
        """Do nothing: no call takes long enough to be cancelled."""
        return empty_pb2.Empty()


def _type(request: Any) -> str:
    """The resource type in a request's URN, which puts the types of the parents before it."""
    return request.urn.split("::")[2].rpartition("$")[2]


def _made_up_name(
    naming: Naming, request: provider_pb2.CheckRequest, news: Mapping[str, Any]
) -> dict[str, Any]:
    """The made-up name that a resource keeps or gets, marked as such; empty if the program names it."""
    if naming.property in news or f"{naming.property}Prefix" in news:
        return {}
    olds, proposal = read(request.olds), None
    if request.HasField("autonaming"):
        options = request.autonaming
        proposal = Proposal(name=options.proposed_name, mode=Mode(options.mode))
    kept = olds.get(naming.property) if naming.property in olds.get(DEFAULTS, []) else None
    name = kept or make_name(naming, request.name, seed=request.randomSeed, proposal=proposal)
    return {naming.property: name, DEFAULTS: [naming.property]}


def _checked(faults: Mapping[str, str], values: Mapping[str, Any]) -> provider_pb2.CheckResponse:
    failures = [
        provider_pb2.CheckFailure(property=path, reason=reason) for path, reason in sorted(faults.items())
    ]
    return provider_pb2.CheckResponse(inputs=write(values), failures=failures)


def _diff_response(changed: bool) -> provider_pb2.DiffResponse:
    changes = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
    return provider_pb2.DiffResponse(changes=changes)


def _abort(context: Any, message: str) -> NoReturn:
    context.abort(grpc.StatusCode.UNKNOWN, message)
    raise AssertionError(message)  # never reached: abort raises
