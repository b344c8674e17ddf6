"""The environment variables that the emulator and its functions may see: an allow-list."""

import os
from collections.abc import Mapping
from pathlib import Path

from local.constants import ACCOUNT_ID, HOST, REGION

_ALLOWED = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "LD_LIBRARY_PATH",
    "PYTHONDONTWRITEBYTECODE",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
)


def emulator_environment(environ: Mapping[str, str], *, private: Path, port: int) -> dict[str, str]:
    """The whole environment of the emulator's process; its Lambda workers inherit it.

    The user's credentials, tokens and settings stay out. Every temporary file goes to the private folder.

    Args:
        environ: the environment of this process.
        private: a folder of mode 0700.
        port: the emulator's.
    """
    return {name: environ[name] for name in _ALLOWED if name in environ} | {
        "HOME": str(private),
        "TMPDIR": str(private),
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        # From here on settings of ministack; its README has their names and defaults.
        "AUTH": "true",
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
        "LAMBDA_EXECUTOR": "local",
        # Workers stay warm while they are idle between two retries.
        "LAMBDA_WARM_TTL_SECONDS": "3600",
        "STATE_DIR": str(private / "state"),
        "S3_DATA_DIR": str(private / "s3"),
        # ministack would look for its own containers, and listen for SFTP and MQTT on all interfaces.
        "DOCKER_HOST": f"unix://{private}/no-docker",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
