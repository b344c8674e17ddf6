"""Errors of the command line, each one line for the operator."""

from collections.abc import Generator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError


class OpsError(Exception):
    """A command failed; the message says why and what to do. The exit code is 1."""

    exit_code = 1


class InputError(OpsError):
    """The input of a command is wrong. The exit code is 2."""

    exit_code = 2


@contextmanager
def aws_errors_explained() -> Generator[None]:
    """Turn an error of AWS's SDK into an OpsError that says what to do."""
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
        raise OpsError(f"the request to AWS failed: {error}") from error


def _remedy(code: str) -> str:
    if code in {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}:
        return " - use credentials of the stack's account that allow this"
    if code == "ResourceNotFoundException":
        return " - is the stack of these outputs still deployed?"
    if code in {"ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException"}:
        return " - sign in again, for example with `aws sso login`"
    return ""
