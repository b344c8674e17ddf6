"""What the operator does to tenants: creates them, rotates their keys and secrets, sets their target.

The functions only read, by `TenantStore`: none of their roles may do what is here. A change is one
transaction over all rows of a tenant, on the condition that nobody else changed them meanwhile. So what the
rows share stays equal on all of them, even when a key is added while the secret is rotated.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from botocore.exceptions import ClientError

from handlers.model.event import MAX_ID_CHARACTERS
from handlers.model.tenant import (
    KEY_ID_LENGTH,
    KeyState,
    KeySummary,
    NewKey,
    NewTenant,
    RotatedSecret,
    TenantSummary,
    hash_api_key,
    new_api_key,
    new_webhook_secret,
)
from handlers.model.timestamps import to_iso
from handlers.store import schema
from handlers.store.items import plain, typed
from handlers.store.tenants import TenantStore

MAX_KEYS = 99
"""Of one tenant, disabled ones included: DynamoDB's transactions take 100 actions."""

_TENANT_ID = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_ID_CHARACTERS}}}")


class TenantError(Exception):
    """A change of a tenant that is refused; the message names the tenant and the way out."""


class TenantExistsError(TenantError):
    """A tenant of that id is there already."""


class InvalidTenantIdError(TenantError, ValueError):
    """A tenant id that the tables, the queue's message groups and URLs cannot all carry."""


class UnknownTenantError(TenantError):
    """There is no tenant of that id."""

    def __init__(self, tenant_id: str) -> None:
        super().__init__(f"there is no tenant {tenant_id!r}: `tenants list` shows those there are")


class UnknownKeyError(TenantError):
    """The tenant has no such key."""


class TooManyKeysError(TenantError):
    """The tenant has as many keys as one transaction can change."""


class RotationUnderwayError(TenantError):
    """The secret before the current one still signs, and would not any more."""


class ChangedMeanwhileError(TenantError):
    """Somebody else changed the tenant at the same time."""


class TenantRegistry(TenantStore):
    """The table `TenantApiKeys`, to be changed.

    Its methods raise botocore.exceptions.ClientError or BotoCoreError when DynamoDB does not answer, and
    those that change a tenant ChangedMeanwhileError when somebody else does so at the same time.
    """

    def create(self, *, tenant_id: str, target_url: str, now: datetime) -> NewTenant:
        """Create a tenant with one active key and a webhook secret.

        The target URL is taken as it is: `targets.parse_target` checks it.

        Raises:
            InvalidTenantIdError: the id is not 1-64 characters of `[A-Za-z0-9_-]`.
            TenantExistsError: a tenant of that id is there already.
            ChangedMeanwhileError: somebody else created it at the same time; perhaps nobody did now.
        """
        if not _TENANT_ID.fullmatch(tenant_id):
            raise InvalidTenantIdError(
                f"tenant id {tenant_id!r}: use 1 to {MAX_ID_CHARACTERS} letters, digits, "
                "underscores and hyphens"
            )
        if self.show(tenant_id) is not None:
            raise TenantExistsError(f"tenant {tenant_id!r} exists already: choose another id")
        created = NewTenant(
            tenant_id=tenant_id,
            api_key=new_api_key(),
            webhook_secret=new_webhook_secret(),
            target_url=target_url,
        )
        shared = {
            schema.TENANT_ID: tenant_id,
            schema.TARGET_URL: target_url,
            schema.WEBHOOK_SECRET: created.webhook_secret,
        }
        row = _row(created.api_key, shared, now)
        self._client.put_item(TableName=self._table_name, Item=typed(row))
        if len(self._rows(tenant_id)) > 1:
            # Nothing holds a tenant's id but its rows. Whoever sees another one's takes back its own.
            key = typed({schema.API_KEY: row[schema.API_KEY]})
            self._client.delete_item(TableName=self._table_name, Key=key)
            raise ChangedMeanwhileError(
                f"tenant {tenant_id!r} was created by somebody else at the same time: look, and try again"
            )
        return created

    def list(self) -> Iterator[TenantSummary]:
        """Every tenant, by id."""
        rows = sorted(self._scan(attributes=_SUMMARY), key=_tenant_id_of)
        for _, of_one_tenant in groupby(rows, key=_tenant_id_of):
            yield _summary(list(of_one_tenant))

    def show(self, tenant_id: str) -> TenantSummary | None:
        """One tenant, or None."""
        rows = list(self._scan(tenant_id, attributes=_SUMMARY))
        return _summary(rows) if rows else None

    def rotate_secret(
        self, tenant_id: str, *, overlap: timedelta, now: datetime, force: bool = False
    ) -> RotatedSecret:
        """Give a tenant a new webhook secret; the current one signs as well until the overlap is over.

        Args:
            tenant_id: whose.
            overlap: how long deliveries carry both signatures; none at all ends every earlier secret at once.
            now: when this happens.
            force: keep the current secret for the overlap, but end the one before it, which still signs.

        Raises:
            UnknownTenantError: there is no such tenant.
            RotationUnderwayError: the secret before the current one still signs, and would not any more.
        """
        rows = self._rows(tenant_id)
        underway = _previous_expires_at(rows)
        if overlap and underway and underway > now and not force:
            raise RotationUnderwayError(
                f"the secret of tenant {tenant_id!r} was rotated before, and the one before it signs until "
                f"{to_iso(underway)}: it would end now. Wait until then, or force it"
            )
        ends = datetime.fromtimestamp(int((now + overlap).timestamp()), tz=UTC) if overlap else None
        rotated = RotatedSecret(
            tenant_id=tenant_id,
            webhook_secret=new_webhook_secret(),
            previous_expires_at=ends,
        )
        changes = {
            schema.WEBHOOK_SECRET: rotated.webhook_secret,
            schema.PREVIOUS_WEBHOOK_SECRET: rows[0][schema.WEBHOOK_SECRET] if ends else None,
            schema.PREVIOUS_WEBHOOK_SECRET_EXPIRES_AT: int(ends.timestamp()) if ends else None,
        }
        self._change(rows, changes)
        return rotated

    def rotate_key(self, tenant_id: str, *, now: datetime) -> NewKey:
        """Give a tenant one more API key; those it has go on working until they are disabled.

        Raises:
            UnknownTenantError: there is no such tenant.
            TooManyKeysError: it has `MAX_KEYS` keys.
        """
        rows = self._rows(tenant_id)
        if len(rows) >= MAX_KEYS:
            raise TooManyKeysError(
                f"tenant {tenant_id!r} has {len(rows)} keys, and {MAX_KEYS} are possible: "
                "delete the items of disabled keys from the table first"
            )
        api_key = new_api_key()
        shared = {name: rows[0][name] for name in _SHARED if name in rows[0]}
        self._change(rows, {}, added=_row(api_key, shared, now))
        return NewKey(
            tenant_id=tenant_id, api_key=api_key, other_active_key_ids=_summary(rows).active_key_ids
        )

    def set_state(self, tenant_id: str, state: str, key_id: str | None = None) -> TenantSummary:
        """Switch one key, or all keys of a tenant, off or on; what was accepted is delivered all the same.

        Args:
            tenant_id: whose.
            state: `KeyState.ACTIVE` or `KeyState.DISABLED`.
            key_id: as `key_id_of` tells it; all keys unless given.

        Raises:
            UnknownTenantError: there is no such tenant.
            UnknownKeyError: the tenant has no such key.
        """
        rows = self._rows(tenant_id)
        chosen = [row[schema.API_KEY] for row in rows if key_id in {None, _key_id_of(row)}]
        if not chosen:
            known = ", ".join(map(_key_id_of, rows))
            raise UnknownKeyError(f"tenant {tenant_id!r} has no key {key_id!r}: it has {known}")
        self._change(rows, {schema.STATE: state}, of=chosen)
        return _summary(self._rows(tenant_id))

    def set_url(self, tenant_id: str, target_url: str) -> TenantSummary:
        """Deliver a tenant's events to another URL: those accepted from now on, and those requeued.

        The target URL is taken as it is: `targets.parse_target` checks it.

        Raises:
            UnknownTenantError: there is no such tenant.
        """
        self._change(self._rows(tenant_id), {schema.TARGET_URL: target_url})
        return _summary(self._rows(tenant_id))

    def _rows(self, tenant_id: str) -> Sequence[Mapping[str, Any]]:
        rows = list(self._scan(tenant_id))
        if not rows:
            raise UnknownTenantError(tenant_id)
        return rows

    def _scan(
        self, tenant_id: str | None = None, *, attributes: Iterable[str] = ()
    ) -> Iterator[Mapping[str, Any]]:
        """The rows of a tenant or of all, as they are now: the index would tell how they were."""
        names = {f"#{name}": name for name in attributes}
        request: dict[str, Any] = {"ProjectionExpression": ", ".join(names)} if names else {}
        if tenant_id is not None:
            names["#tenantId"] = schema.TENANT_ID
            request["FilterExpression"] = "#tenantId = :tenantId"
            request["ExpressionAttributeValues"] = {":tenantId": {"S": tenant_id}}
        if names:
            request["ExpressionAttributeNames"] = names
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table_name, ConsistentRead=True, **request
        )
        for page in pages:
            yield from map(plain, page["Items"])

    def _change(
        self,
        rows: Sequence[Mapping[str, Any]],
        changes: Mapping[str, Any],
        *,
        of: Collection[str] | None = None,
        added: Mapping[str, Any] | None = None,
    ) -> None:
        """Change all rows of a tenant at once, and nothing if any of them is not as it was read.

        Args:
            rows: all of them, as they were read.
            changes: attributes to set; those that are None are removed.
            of: the hashes of the keys whose rows are changed; all unless given. The others only get the new
                version.
            added: one more row.
        """
        table = {"TableName": self._table_name}
        version = 1 + max(int(row.get(schema.VERSION, 0)) for row in rows)
        actions: list[Any] = []
        for row in rows:
            is_changed = of is None or row[schema.API_KEY] in of
            actions.append({"Update": table | _update(row, version, changes if is_changed else {})})
        if added:
            actions.append({"Put": table | {"Item": typed({**added, schema.VERSION: version})}})
        try:
            self._client.transact_write_items(TransactItems=actions)
        except ClientError as error:
            if not _is_conflict(error):
                raise
            raise ChangedMeanwhileError(
                f"tenant {rows[0][schema.TENANT_ID]!r} was changed by somebody else at the same time: "
                "look at it, and try again"
            ) from error


_SUMMARY = (
    schema.API_KEY,
    schema.TENANT_ID,
    schema.TARGET_URL,
    schema.STATE,
    schema.CREATED_AT,
    schema.PREVIOUS_WEBHOOK_SECRET_EXPIRES_AT,
)
# Equal on all rows of a tenant.
_SHARED = (
    schema.TENANT_ID,
    schema.TARGET_URL,
    schema.WEBHOOK_SECRET,
    schema.PREVIOUS_WEBHOOK_SECRET,
    schema.PREVIOUS_WEBHOOK_SECRET_EXPIRES_AT,
)


def _row(api_key: str, shared: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    return {
        **shared,
        schema.API_KEY: hash_api_key(api_key),
        schema.STATE: KeyState.ACTIVE,
        schema.CREATED_AT: to_iso(now),
    }


def _update(row: Mapping[str, Any], version: int, changes: Mapping[str, Any]) -> dict[str, Any]:
    """An update of one row, on the condition that it has the version that was read."""
    set_ = {name: value for name, value in changes.items() if value is not None} | {schema.VERSION: version}
    removed = [name for name, value in changes.items() if value is None]
    values = {f":{name}": value for name, value in set_.items()}
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in set_)
    if removed:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in removed)
    condition = f"attribute_not_exists(#{schema.VERSION})"
    if schema.VERSION in row:
        condition, values[":read"] = f"#{schema.VERSION} = :read", row[schema.VERSION]
    return {
        "Key": typed({schema.API_KEY: row[schema.API_KEY]}),
        "UpdateExpression": expression,
        "ConditionExpression": f"attribute_exists(#{schema.API_KEY}) AND {condition}",
        "ExpressionAttributeNames": {f"#{name}": name for name in (*set_, *removed, schema.API_KEY)},
        "ExpressionAttributeValues": typed(values),
    }


def _is_conflict(error: ClientError) -> bool:
    """Whether a transaction was cancelled because of somebody else's change, and not by throttling."""
    response: Mapping[str, Any] = error.response
    reasons = {reason.get("Code") for reason in response.get("CancellationReasons", ())}
    return not reasons.isdisjoint({"ConditionalCheckFailed", "TransactionConflict"})


def _tenant_id_of(row: Mapping[str, Any]) -> str:
    return row[schema.TENANT_ID]


def _key_id_of(row: Mapping[str, Any]) -> str:
    return row[schema.API_KEY][:KEY_ID_LENGTH]


def _previous_expires_at(rows: Sequence[Mapping[str, Any]]) -> datetime | None:
    seconds = rows[0].get(schema.PREVIOUS_WEBHOOK_SECRET_EXPIRES_AT)
    return None if seconds is None else datetime.fromtimestamp(int(seconds), tz=UTC)


def _summary(rows: Sequence[Mapping[str, Any]]) -> TenantSummary:
    keys = [
        KeySummary(
            key_id=_key_id_of(row),
            state=row[schema.STATE],
            created_at=row[schema.CREATED_AT],
        )
        for row in rows
    ]
    keys.sort(key=lambda key: (key.created_at, key.key_id))
    return TenantSummary(
        tenant_id=rows[0][schema.TENANT_ID],
        target_url=rows[0][schema.TARGET_URL],
        created_at=keys[0].created_at,
        previous_expires_at=_previous_expires_at(rows),
        keys=tuple(keys),
    )
