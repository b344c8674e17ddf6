"""Why a change of a tenant is refused."""


class TenantError(Exception):
    """A change of a tenant that is refused; the message names the tenant and the way out."""


class TenantExistsError(TenantError):
    """A tenant of that id is there already."""


class InvalidTenantIdError(TenantError, ValueError):
    """A tenant id that the tables, the queue's message groups and URLs cannot all carry."""


class UnknownTenantError(TenantError):
    """There is no tenant of that id."""

    def __init__(self, tenant_id: str) -> None:
        super().__init__(f"there is no tenant {tenant_id!r}: `tenants list` shows all tenants")


class UnknownKeyError(TenantError):
    """The tenant has no such key."""


class TooManyKeysError(TenantError):
    """The tenant has as many keys as one transaction can change."""


class RotationUnderwayError(TenantError):
    """The previous secret still signs, and would end."""


class ChangedMeanwhileError(TenantError):
    """Somebody else changed the tenant at the same time."""
