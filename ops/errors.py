"""What goes wrong at the command line, in one line for the operator."""

from collections.abc import Generator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError


class OpsError(Exception):
    """A command that failed; the message says why and what to do. The exit code is 1."""

    exit_code = 1


class InputError(OpsError):
    """A command that was given something wrong. The exit code is 2."""

    exit_code = 2


@contextmanager
def told_plainly() -> Generator[None]:
    """Turn what AWS's SDK raises into an OpsError that says what to do."""
    try:
        yield
    except NoCredentialsError as error:
        raise OpsError("no AWS credentials were found: run `aws sso login` or set AWS_PROFILE") from error
    except EndpointConnectionError as error:
        raise OpsError(f"{error}: is the network down, or the local stack (`make run`) not up?") from error
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise OpsError(f"AWS refused {error.operation_name}: {error}{_remedy(code)}") from error
    except BotoCoreError as error:
        raise OpsError(f"AWS could not be asked: {error}") from error


def _remedy(code: str) -> str:
    if code in {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}:
        return " - use credentials of the stack's account that may do this"
    if code == "ResourceNotFoundException":
        return " - do the outputs belong to a stack that is still deployed?"
    if code in {"ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException"}:
        return " - sign in again, for example by `aws sso login`"
    return ""
