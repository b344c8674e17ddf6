"""Who a producer is, by its API key."""

import time
from collections.abc import Callable

from cachetools import TTLCache

from handlers.intake import problems
from handlers.model.tenant import ApiKeyHolder, hash_api_key
from handlers.store.tenants import TenantStore

CACHE_SECONDS = 60
CACHE_SIZE = 1000


class Authenticator:
    """Finds the holder of an API key and remembers it for a minute.

    A disabled key stops working within that minute. Unknown keys are not remembered: a new key works at once.
    """

    def __init__(self, tenants: TenantStore, timer: Callable[[], float] = time.time) -> None:
        """Look keys up in `tenants`.

        Args:
            tenants: where keys are kept.
            timer: seconds; the wall clock, since Lambda may stop the monotonic one between invocations.
        """
        self._tenants = tenants
        self._cache: TTLCache[str, ApiKeyHolder] = TTLCache(CACHE_SIZE, CACHE_SECONDS, timer)

    def authenticate(self, *, authorization: str | None, x_api_key: str | None) -> ApiKeyHolder:
        """The holder of the key in either header.

        Raises:
            Problem: 400 when the headers carry different keys, 401 when there is no key or it is unknown,
                403 when it is disabled.
            botocore.exceptions.ClientError, BotoCoreError: the key could not be looked up.
        """
        keys = {key for key in (_bearer_token(authorization), x_api_key) if key}
        if len(keys) > 1:
            raise problems.ambiguous_api_key()
        is_presented = authorization is not None or x_api_key is not None
        # A header that carries no key is looked up as well: see `_find`.
        holder = self._find(_encodable(next(iter(keys), ""))) if is_presented else None
        if holder is None:
            raise problems.unauthorized()
        if holder.disabled:
            raise problems.api_key_disabled()
        return holder

    def _find(self, api_key: str) -> ApiKeyHolder | None:
        # Every presented text is looked up, so neither the answer nor its time tells what a key looks like.
        hashed = hash_api_key(api_key)
        holder = self._cache.get(hashed)
        if holder is None:
            holder = self._tenants.holder_of(api_key)
            if holder is not None:
                self._cache[hashed] = holder
        return holder


def _bearer_token(authorization: str | None) -> str | None:
    """The token of `Bearer TOKEN` (RFC 6750; the scheme's case does not matter, RFC 9110).

    Other schemes belong to others: to a proxy, or to a library that sends what it finds in a `.netrc`.
    """
    scheme, _, token = (authorization or "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _encodable(api_key: str) -> str:
    """The key with '?' for each lone surrogate, which UTF-8 cannot encode; no real key has a '?'."""
    return api_key.encode(errors="replace").decode()
