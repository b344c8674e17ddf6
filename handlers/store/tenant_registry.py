"""What the operator does to tenants: creates them, rotates their keys and secrets, sets their target.

No function may do this: their roles only read, by `TenantStore`. A change is one transaction over all rows
of a tenant, on the condition that nobody else has changed them since they were read. So what the rows share
stays equal on all of them, even when a key is added while the secret is rotated.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter

from boto3.dynamodb.conditions import Attr, ConditionBase

from handlers.model.event import MAX_ID_CHARACTERS
from handlers.model.tenant import (
    NewKey,
    NewTenant,
    RotatedSecret,
    TenantSummary,
    new_api_key,
    new_webhook_secret,
)
from handlers.model.timestamps import to_iso
from handlers.store import schema
from handlers.store.table import ConflictError, Item, Table
from handlers.store.tenant_errors import (
    ChangedMeanwhileError,
    InvalidTenantIdError,
    RotationUnderwayError,
    TenantExistsError,
    TooManyKeysError,
    UnknownKeyError,
    UnknownTenantError,
)
from handlers.store.tenant_rows import (
    SHARED,
    SUMMARY,
    key_id_of_row,
    new_row,
    previous_expires_at_of,
    summary_of,
)

MAX_KEYS = 99
"""Of one tenant, disabled ones included: DynamoDB's transactions take 100 actions."""

_TENANT_ID = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_ID_CHARACTERS}}}")


@dataclass(frozen=True)
class TenantRegistry:
    """The table `TenantApiKeys`, to be changed.

    Every method raises botocore's ClientError or BotoCoreError on failure. Methods that change a tenant raise
    ChangedMeanwhileError when somebody else does so at the same time.
    """

    table: Table

    def create(self, *, tenant_id: str, target_url: str, now: datetime) -> NewTenant:
        """Create a tenant with one active key and a webhook secret.

        The caller has checked the target URL by `targets.parse_target`.

        Raises:
            InvalidTenantIdError: the id is not 1-64 characters of `[A-Za-z0-9_-]`.
            TenantExistsError: a tenant of that id is there already.
            ChangedMeanwhileError: somebody else created it at the same time; perhaps neither did.
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
        row = new_row(created.api_key, shared, now)
        self.table.put(row)
        if len(self._rows(tenant_id)) > 1:
            # Only its rows hold a tenant's id. Two who create it at once see two rows and undo their own.
            self.table.delete({schema.API_KEY: row[schema.API_KEY]})
            raise ChangedMeanwhileError(
                f"tenant {tenant_id!r} was created by somebody else at the same time: look, and try again"
            )
        return created

    def list(self) -> Iterator[TenantSummary]:
        """Every tenant, by id."""
        tenant_id_of = itemgetter(schema.TENANT_ID)
        rows = sorted(self.table.scan(attributes=SUMMARY), key=tenant_id_of)
        for _, of_one_tenant in groupby(rows, key=tenant_id_of):
            yield summary_of(list(of_one_tenant))

    def show(self, tenant_id: str) -> TenantSummary | None:
        """One tenant, or None."""
        rows = self._rows_of(tenant_id, SUMMARY)
        return summary_of(rows) if rows else None

    def rotate_secret(
        self, tenant_id: str, *, overlap: timedelta, now: datetime, force: bool = False
    ) -> RotatedSecret:
        """Give a tenant a new webhook secret; the current one signs as well until the overlap is over.

        Args:
            tenant_id: whose.
            overlap: how long deliveries carry both signatures; zero ends every earlier secret at once.
            now: when this happens.
            force: rotate although an overlap is running: the current secret then signs beside the new one,
                and the previous one ends at once.

        Raises:
            UnknownTenantError: there is no such tenant.
            RotationUnderwayError: the previous secret still signs, and would end.
        """
        rows = self._rows(tenant_id)
        underway = previous_expires_at_of(rows)
        if overlap and underway and underway > now and not force:
            raise RotationUnderwayError(
                f"tenant {tenant_id!r} is in the overlap of an earlier rotation: its previous secret signs "
                f"until {to_iso(underway)}, and would end now. Wait until then, or force it"
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
                f"tenant {tenant_id!r} has {len(rows)} keys, the most are {MAX_KEYS}: "
                "delete the items of disabled keys from the table first"
            )
        api_key = new_api_key()
        shared = {name: rows[0][name] for name in SHARED if name in rows[0]}
        self._change(rows, {}, added=new_row(api_key, shared, now))
        return NewKey(
            tenant_id=tenant_id, api_key=api_key, other_active_key_ids=summary_of(rows).active_key_ids
        )

    def set_state(self, tenant_id: str, state: str, key_id: str | None = None) -> TenantSummary:
        """Switch one key or all keys of a tenant off or on; accepted events are delivered all the same.

        Args:
            tenant_id: whose.
            state: `KeyState.ACTIVE` or `KeyState.DISABLED`.
            key_id: as `key_id_of` gives it; all keys unless given.

        Raises:
            UnknownTenantError: there is no such tenant.
            UnknownKeyError: the tenant has no such key.
        """
        rows = self._rows(tenant_id)
        chosen = [row[schema.API_KEY] for row in rows if key_id in {None, key_id_of_row(row)}]
        if not chosen:
            known = ", ".join(map(key_id_of_row, rows))
            raise UnknownKeyError(f"tenant {tenant_id!r} has no key {key_id!r}: it has {known}")
        self._change(rows, {schema.STATE: state}, of=chosen)
        return summary_of(self._rows(tenant_id))

    def set_url(self, tenant_id: str, target_url: str) -> TenantSummary:
        """Deliver a tenant's events to another URL: events accepted from now on, and requeued ones.

        The caller has checked the target URL by `targets.parse_target`.

        Raises:
            UnknownTenantError: there is no such tenant.
        """
        self._change(self._rows(tenant_id), {schema.TARGET_URL: target_url})
        return summary_of(self._rows(tenant_id))

    def _rows(self, tenant_id: str) -> Sequence[Item]:
        rows = self._rows_of(tenant_id)
        if not rows:
            raise UnknownTenantError(tenant_id)
        return rows

    def _rows_of(self, tenant_id: str, attributes: Sequence[str] = ()) -> Sequence[Item]:
        """The rows of a tenant as they are now; the index would tell how they were."""
        return list(self.table.scan(only_if=Attr(schema.TENANT_ID).eq(tenant_id), attributes=attributes))

    def _change(
        self,
        rows: Sequence[Item],
        changes: Item,
        *,
        of: Collection[str] | None = None,
        added: Item | None = None,
    ) -> None:
        """Change all rows of a tenant at once, or nothing if any of them is not as it was read.

        Args:
            rows: all of them, as they were read.
            changes: attributes to set; None removes one.
            of: the hashes of the keys whose rows are changed; all unless given. The others only get the new
                version.
            added: one more row.
        """
        version = {schema.VERSION: 1 + max(int(row.get(schema.VERSION, 0)) for row in rows)}
        writes = [
            self.table.updating(
                {schema.API_KEY: row[schema.API_KEY]},
                {**(changes if of is None or row[schema.API_KEY] in of else {}), **version},
                only_if=_is_as_read(row),
            )
            for row in rows
        ]
        if added:
            writes.append(self.table.putting({**added, **version}))
        try:
            self.table.write_together(writes)
        except ConflictError as error:
            raise ChangedMeanwhileError(
                f"tenant {rows[0][schema.TENANT_ID]!r} was changed by somebody else at the same time: "
                "look at it, and try again"
            ) from error


def _is_as_read(row: Item) -> ConditionBase:
    version = Attr(schema.VERSION)
    unchanged = version.eq(row[schema.VERSION]) if schema.VERSION in row else version.not_exists()
    return Attr(schema.API_KEY).exists() & unchanged
