"""No secret comes out where it does not belong, whatever goes wrong; the search would find it if it did."""

import base64
import json
from urllib.parse import quote

import pytest

from handlers import logs
from handlers.delivery.attempt import HttpAttempts
from handlers.delivery.transport import Transport
from handlers.model.tenant import new_api_key, new_webhook_secret
from tests.security.leaks.marks import WEBHOOK_SECRET_PREFIX, Mark, Traces, leaks
from tests.security.leaks.story import run_marked_system
from tests.security.leaks.system import LOG_GROUP, MarkedSystem
from tests.support.factories import a_delivery, a_tenant
from tests.support.raw_receiver import answers, receiver, response

KEY = Mark(name="an API key", text=new_api_key(), prefix="whk_")
SECRET = Mark(name="a webhook secret", text=new_webhook_secret(), prefix=WEBHOOK_SECRET_PREFIX)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> MarkedSystem:
    return run_marked_system(tmp_path_factory.mktemp("marked"))


def test_no_secret_is_written_anywhere_but_where_it_belongs(system: MarkedSystem):
    assert leaks(system.traces, system.marks) == []


@pytest.mark.parametrize("function", ["ingest", "worker", "requeue"])
def test_every_function_was_in_trouble_and_logged_it(system: MarkedSystem, function: str):
    (log,) = [
        content.decode()
        for place, content in system.traces.written.items()
        if place.startswith(LOG_GROUP) and f"-{function}-" in place
    ]

    assert "AccessDenied" in log
    assert "raceback" in log or '"exception"' in log


def test_what_the_http_library_complains_of_is_not_logged_since_it_names_the_url(
    caplog: pytest.LogCaptureFixture,
):
    # As on Lambda, whose runtime puts a handler of its own on the root logger; the emulator has none.
    logs.configure()
    deliver = HttpAttempts(Transport(allow_private=True), timeout_seconds=10, allow_private=True)

    with receiver(answers(response("200 OK", b"", "a line that is no header"))) as odd:
        result = deliver(a_delivery(target_url=f"{odd.url}?token=of-the-tenant"), a_tenant())

    assert result.attempt.succeeded
    assert "of-the-tenant" not in caplog.text


WRITTEN = {
    "as it is": lambda mark: f"key={mark.text};".encode(),
    "its beginning": lambda mark: f"{mark.text[:24]}...".encode(),
    "its end": lambda mark: f"...{mark.text[-20:]}".encode(),
    "without its prefix": lambda mark: mark.text.removeprefix(mark.prefix).encode(),
    "in JSON": lambda mark: json.dumps({"Authorization": f"Bearer {mark.text}"}).encode(),
    "in a URL": lambda mark: f"https://receiver.example/?key={quote(mark.text, safe='')}".encode(),
    "in hexadecimal": lambda mark: mark.text.removeprefix(mark.prefix).encode().hex().encode(),
    "in base64": lambda mark: base64.b64encode(mark.text.encode()),
    "in base64 behind one byte": lambda mark: base64.b64encode(b"a" + mark.text.encode()),
    "in base64 behind two bytes": lambda mark: base64.b64encode(b"ab" + mark.text.encode()),
    "in base64 of URLs": lambda mark: base64.urlsafe_b64encode(f"user:{mark.text}".encode()),
}


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("mark", [KEY, SECRET], ids=lambda mark: mark.name)
def test_a_secret_is_found_in_whatever_form_it_is_written(mark: Mark, form: str):
    traces = Traces()
    traces.add("log group of a function", b"before " + WRITTEN[form](mark) + b" after")

    assert leaks(traces, {mark: []}) == [f"{mark.name} is in log group of a function"]


@pytest.mark.parametrize("form", [bytes, lambda key: key.hex().encode(), lambda key: repr(key).encode()])
def test_the_key_that_a_webhook_secret_stands_for_is_found_too(form):
    key = base64.b64decode(SECRET.text.removeprefix(WEBHOOK_SECRET_PREFIX))
    traces = Traces()
    traces.add("log", form(key))

    assert leaks(traces, {SECRET: []}) == ["a webhook secret is in log"]


def test_another_secret_is_not_taken_for_it():
    traces = Traces()
    traces.add("log", f"{new_api_key()} {new_webhook_secret()} whk_ whsec_")

    assert leaks(traces, {KEY: [], SECRET: []}) == []


def test_a_secret_that_is_not_even_where_it_belongs_was_not_looked_for():
    assert leaks(Traces(), {KEY: ["table"]}) == ["an API key is not even in table: it was not in play"]
