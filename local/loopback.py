"""HTTP to this machine."""

import requests


def session() -> requests.Session:
    """A session without the user's proxies and passwords, which are for other hosts."""
    direct = requests.Session()
    direct.trust_env = False
    return direct
