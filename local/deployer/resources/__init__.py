"""Creates in the emulator each type of resource that the program declares; one file per AWS service."""

from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from local.deployer.resources import domain, dynamodb, events, functions, http_api, iam, monitoring, sqs
from local.deployer.resources.declared import Created, Declared, Kind, Properties
from local.deployer.resources.lookups import LOOKUPS, look_up
from local.emulator.aws import Aws
from local.errors import LocalStackError

__all__ = ["KINDS", "LOOKUPS", "Created", "Declared", "Kind", "Properties", "create", "look_up"]

KINDS: Mapping[str, Kind] = (
    sqs.KINDS
    | dynamodb.KINDS
    | iam.KINDS
    | functions.KINDS
    | events.KINDS
    | http_api.KINDS
    | monitoring.KINDS
    | domain.KINDS
)


def create(aws: Aws, declared: Declared, kinds: Mapping[str, Kind] = KINDS) -> Created:
    """Create a resource as the program declares it.

    Raises:
        LocalStackError: the type or a property is unknown here, or the emulator refused it.
    """
    kind = kinds.get(declared.type)
    where = f"{declared.type} {declared.name!r}"
    if kind is None:
        raise LocalStackError(
            f"{where}: the local stack does not know this type; "
            "say how one is created in local/deployer/resources"
        )
    try:
        created = kind.create(aws, declared)
    except (ClientError, BotoCoreError) as error:
        raise LocalStackError(f"{where}: the emulator refused it: {error}") from error
    unknown = [path for path in declared.properties.unread() if path not in kind.not_emulated]
    if unknown:
        raise LocalStackError(
            f"{where}: the local stack does not know {', '.join(unknown)}; emulate it in "
            "local/deployer/resources, or list it there as not emulated, with the reason"
        )
    return created
