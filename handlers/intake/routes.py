"""What producers may ask for: every route of the HTTP API.

The program declares each of them to API Gateway, and the ingest function answers it.
"""

from dataclasses import dataclass
from http import HTTPMethod


@dataclass(frozen=True, kw_only=True)
class Route:
    """A method and a path.

    Attributes:
        name: tells it from the other routes, in the names of resources.
    """

    name: str
    method: HTTPMethod
    path: str

    @property
    def key(self) -> str:
        """The route key of API Gateway, for example `POST /v1/events`."""
        return f"{self.method} {self.path}"


SEND_EVENT = Route(name="events", method=HTTPMethod.POST, path="/v1/events")

ROUTES = (SEND_EVENT,)
