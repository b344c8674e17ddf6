"""The ingest function: an HTTP API request in, 202 or a problem document out."""

import base64
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from http import HTTPStatus
from typing import Any

import structlog

from handlers import logs
from handlers.environment import IngestEnvironment
from handlers.intake import problems
from handlers.intake.acceptance import Acceptance
from handlers.intake.authentication import Authenticator
from handlers.intake.idempotency import idempotent_request
from handlers.intake.problems import Problem
from handlers.intake.routes import ROUTES, SEND_EVENT, Route
from handlers.intake.submission import parse_submission, require_json
from handlers.model.tenant import ApiKeyHolder
from handlers.model.timestamps import Clock, to_iso, utc_now
from handlers.store import aws
from handlers.store.events import EventStore
from handlers.store.idempotency import IdempotencyStore
from handlers.store.queue import Queue
from handlers.store.table import Table
from handlers.store.tenants import TenantStore

logs.configure()
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Service:
    """What the function needs to answer a request."""

    authenticator: Authenticator
    acceptance: Acceptance


Answer = Callable[[dict[str, Any], Service], dict[str, Any]]
"""Answers a request of one route, both in the shapes of API Gateway's payload format 2.0."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer a request of the HTTP API, payload format 2.0."""
    logs.begin(context)
    return respond(event, wired_service())


def respond(event: dict[str, Any], service: Service) -> dict[str, Any]:
    """Answer a request of the HTTP API by this service."""
    try:
        answer = _answer_of(event)(event, service)
    except Problem as problem:
        answer = _problem(problem)
    except aws.AWS_ERRORS:
        _log.exception("event not accepted")
        answer = _problem(problems.unavailable())
    _log.info("request", status=answer["statusCode"])
    return answer


@cache
def wired_service(clock: Clock = utc_now) -> Service:
    """Wire everything to AWS by the environment variables, once per execution environment."""
    environment = IngestEnvironment.load(os.environ)
    dynamodb = aws.dynamodb()
    events = Table(dynamodb, environment.events_table_name)
    return Service(
        authenticator=Authenticator(TenantStore(Table(dynamodb, environment.tenant_table_name))),
        acceptance=Acceptance(
            events=EventStore(
                table=events,
                shards=environment.status_index_shards,
                retention=timedelta(days=environment.event_retention_days),
            ),
            idempotency=IdempotencyStore(
                table=events, lifetime=timedelta(hours=environment.idempotency_hours)
            ),
            queue=Queue(aws.sqs(), environment.queue_url),
            clock=clock,
        ),
    )


def _send_event(event: dict[str, Any], service: Service) -> dict[str, Any]:
    headers = _headers(event)
    holder = _holder(headers, service)
    require_json(content_type=headers.get("content-type"), content_encoding=headers.get("content-encoding"))
    body = _body(event)
    submission = parse_submission(body)
    request = idempotent_request(headers.get("idempotency-key"), body)
    accepted = service.acceptance.accept(holder, submission, request)
    owed, replayed = accepted.delivery.event, accepted.replayed
    _log.info("accepted", event_id=owed.key.event_id, type=owed.type, replayed=replayed)
    return _answer(
        HTTPStatus.ACCEPTED,
        {
            "id": owed.key.event_id,
            "type": owed.type,
            "status": accepted.delivery.status,
            "createdAt": to_iso(owed.created_at),
        },
        {"Content-Type": "application/json"} | ({"Idempotent-Replayed": "true"} if replayed else {}),
    )


_ANSWERS: Mapping[Route, Answer] = {SEND_EVENT: _send_event}


def _answer_of(event: dict[str, Any]) -> Answer:
    method, path = event["requestContext"]["http"]["method"], event["rawPath"]
    here = {route.method: _ANSWERS[route] for route in ROUTES if route.path == path}
    if not here:
        raise problems.not_found(path)
    if method not in here:
        raise problems.method_not_allowed(method, allowed=", ".join(here))
    return here[method]


def _headers(event: Mapping[str, Any]) -> Mapping[str, str]:
    return event.get("headers") or {}


def _holder(headers: Mapping[str, str], service: Service) -> ApiKeyHolder:
    """Who sends the request; from here on, every log line names the tenant. Raises as `authenticate`."""
    holder = service.authenticator.authenticate(
        authorization=headers.get("authorization"), x_api_key=headers.get("x-api-key")
    )
    structlog.contextvars.bind_contextvars(tenant_id=holder.tenant_id)
    return holder


def _body(event: Mapping[str, Any]) -> bytes:
    """The body's bytes as sent; the HTTP API encodes as base64 what it does not take for text."""
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body.encode(errors="surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError as error:  # binascii.Error is one; characters beyond ASCII are a plain one
        raise problems.malformed_json("The body could not be decoded.") from error


def _problem(problem: Problem) -> dict[str, Any]:
    headers = {"Content-Type": problems.CONTENT_TYPE, **problem.headers}
    return _answer(problem.status, problem.document(), headers)


def _answer(status: HTTPStatus, document: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    return {"statusCode": int(status), "headers": headers, "body": json.dumps(document)}
