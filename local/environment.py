"""What the emulator and the functions it runs may see of the machine: an allow-list, nothing else."""

import os
from collections.abc import Mapping
from pathlib import Path

REGION = "us-east-1"
ACCOUNT_ID = "000000000000"
HOST = "127.0.0.1"

_PASSED_ON = (
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
    """The whole environment of the emulator's process, which its Lambda workers inherit.

    The user's credentials, tokens and settings stay out, and every temporary file goes to the private folder.

    Args:
        environ: the environment of this process.
        private: a folder of mode 0700.
        port: where the emulator answers.
    """
    return {name: environ[name] for name in _PASSED_ON if name in environ} | {
        "HOME": str(private),
        "TMPDIR": str(private),
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        # Settings of ministack. Its own names and defaults are in its README.
        "AUTH": "true",
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
        "LAMBDA_EXECUTOR": "local",
        # Workers that are idle between two retries stay warm.
        "LAMBDA_WARM_TTL_SECONDS": "3600",
        "STATE_DIR": str(private / "state"),
        "S3_DATA_DIR": str(private / "s3"),
        # It would look for containers of its own and listen for SFTP and MQTT on all interfaces.
        "DOCKER_HOST": f"unix://{private}/no-docker",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
