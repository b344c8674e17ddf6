"""How each type of resource that the program declares comes to be in the emulator, by AWS service."""

from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import Aws
from local.errors import LocalStackError
from local.resources import domain, dynamodb, events, functions, http_api, iam, monitoring, sqs
from local.resources.declared import Created, Declared, Kind, Properties
from local.resources.lookups import LOOKUPS

__all__ = ["KINDS", "LOOKUPS", "Created", "Declared", "Kind", "Properties", "create"]

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
        LocalStackError: the type or a property is not known here, or the emulator refused it.
    """
    kind = kinds.get(declared.type)
    where = f"{declared.type} {declared.name!r}"
    if kind is None:
        raise LocalStackError(
            f"{where}: the local stack does not know this type; say how one is created in local/resources"
        )
    try:
        created = kind.create(aws, declared)
    except (ClientError, BotoCoreError) as error:
        raise LocalStackError(f"{where}: the emulator refused it: {error}") from error
    unknown = [path for path in declared.properties.unread() if path not in kind.not_emulated]
    if unknown:
        raise LocalStackError(
            f"{where}: the local stack does not know {', '.join(unknown)}; emulate it in local/resources, "
            "or list it there as not emulated, with the reason"
        )
    return created
