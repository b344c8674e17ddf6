"""The configuration: which values are accepted, and the error message for each wrong one."""

from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from components.settings import LOG_RETENTION_DAYS, Settings, SettingsError
from tests.support.recorder import record

ROOT = Path(__file__).resolve().parents[2]
PULUMI_TYPES = {str: "string", int: "integer", bool: "boolean", tuple: "string"}
TAKES_TEXT = {"string", "integer", "boolean"}
"""The key types for which Pulumi's engine accepts text; `pulumi config set` stores only text."""


def refusal(**texts: str) -> str:
    with pytest.raises(SettingsError) as refused:
        Settings.parse(texts)
    return str(refused.value)


def read_yaml(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / name).read_text())


def test_nothing_needs_to_be_set():
    settings = Settings.parse({})
    assert settings.retry_delays_seconds == (60, 120, 240, 480, 960)
    assert settings.max_attempts == 6
    assert settings.worker_timeout_seconds == 45
    assert settings.retry_span_seconds == 1.1 * (60 + 120 + 240 + 480 + 960) + 6 * 45
    assert settings.stalled_after_seconds == settings.retry_span_seconds + 3600
    assert not settings.allow_private_targets
    assert settings.bundle_target == "lambda"


def test_every_key_is_read_from_its_text():
    settings = Settings.parse(
        {
            "domainName": "hooks.example.com",
            "hostedZoneName": "example.com",
            "webhookTimeoutSeconds": "10",
            "retryDelaysSeconds": "[1,2,3]",
            "eventRetentionDays": "7",
            "idempotencyHours": "48",
            "statusIndexShards": "16",
            "workerBatchSize": "1",
            "workerMaximumConcurrency": "2",
            "logRetentionDays": "365",
            "alarmEmail": "ops@example.com",
            "protectData": "true",
            "requeue": '{"limit": 5}',
            "allowPrivateTargets": "false",
            "bundleTarget": "host",
        }
    )
    assert settings == Settings.model_validate(
        {
            "domainName": "hooks.example.com",
            "hostedZoneName": "example.com",
            "webhookTimeoutSeconds": 10,
            "retryDelaysSeconds": "[1, 2, 3]",
            "eventRetentionDays": 7,
            "idempotencyHours": 48,
            "statusIndexShards": 16,
            "workerBatchSize": 1,
            "workerMaximumConcurrency": 2,
            "logRetentionDays": 365,
            "alarmEmail": "ops@example.com",
            "protectData": True,
            "requeue": '{"limit": 5}',
            "bundleTarget": "host",
        }
    )
    assert settings.retry_delays_seconds == (1, 2, 3)


def test_settings_cannot_be_changed():
    settings = Settings.parse({})
    with pytest.raises(ValidationError, match="frozen"):
        settings.protect_data = True  # pyright: ignore[reportAttributeAccessIssue] - that is the test


@pytest.mark.parametrize(
    ("key", "text", "must_be"),
    [
        ("webhookTimeoutSeconds", "0", "a whole number from 1 to 30"),
        ("webhookTimeoutSeconds", "31", "a whole number from 1 to 30"),
        ("webhookTimeoutSeconds", "2.5", "a whole number from 1 to 30"),
        ("webhookTimeoutSeconds", "soon", "a whole number from 1 to 30"),
        ("retryDelaysSeconds", "[]", "a list of 1 to 20 whole numbers from 1 to 36000"),
        ("retryDelaysSeconds", "[0]", "a list of 1 to 20 whole numbers from 1 to 36000"),
        ("retryDelaysSeconds", "[36001]", "a list of 1 to 20 whole numbers from 1 to 36000"),
        ("retryDelaysSeconds", "[true]", "a list of 1 to 20 whole numbers from 1 to 36000"),
        ("retryDelaysSeconds", str([1] * 21), "a list of 1 to 20 whole numbers from 1 to 36000"),
        ("retryDelaysSeconds", "60, 120", "a list of 1 to 20 whole numbers from 1 to 36000"),
        ("retryDelaysSeconds", "60", "a list of 1 to 20 whole numbers from 1 to 36000"),
        ("eventRetentionDays", "0", "a whole number from 1 to 3650"),
        ("idempotencyHours", "169", "a whole number from 1 to 168"),
        ("statusIndexShards", "0", "a whole number from 1 to 100"),
        ("workerBatchSize", "11", "a whole number from 1 to 10"),
        ("workerMaximumConcurrency", "1", "a whole number from 2 to 1000"),
        ("workerMaximumConcurrency", "1001", "a whole number from 2 to 1000"),
        ("logRetentionDays", "31", "one of 1, 3, 5, 7, 14, 30,"),
        ("logRetentionDays", "0", "one of 1, 3, 5, 7, 14, 30,"),
        ("domainName", "https://hooks.example.com", "a lower-case host name"),
        ("domainName", "Hooks.example.com", "a lower-case host name"),
        ("hostedZoneName", "example", "a lower-case host name"),
        ("alarmEmail", "ops at example.com", "an e-mail address"),
        ("protectData", "perhaps", "true or false"),
        ("requeue", "everything", "a JSON object"),
        ("requeue", "[1]", "a JSON object"),
        ("allowPrivateTargets", "2", "true or false"),
        ("bundleTarget", "aws", "lambda or host"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key_itself_and_the_remedy(key: str, text: str, must_be: str):
    message = refusal(**{key: text})
    assert message.startswith(f"webhook-delivery:{key} is {text!r}, but must be {must_be}")
    assert f"`pulumi config rm webhook-delivery:{key}`" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("unknown", "nearest"),
    [("workerBatchsize", "workerBatchSize"), ("domain", "domainName"), ("retryDelays", "retryDelaysSeconds")],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(unknown: str, nearest: str):
    message = refusal(**{unknown: "1"})
    assert message == (
        f"Unknown configuration key webhook-delivery:{unknown}. Did you mean webhook-delivery:{nearest}? "
        f"Run `pulumi config rm webhook-delivery:{unknown}`."
    )


@pytest.mark.parametrize("unknown", ["nosuchKey", "zzz"])
def test_an_unknown_key_that_is_like_none_gets_no_guess(unknown: str):
    message = refusal(**{unknown: "1"})
    assert message == (
        f"Unknown configuration key webhook-delivery:{unknown}. README.md lists all keys. "
        f"Run `pulumi config rm webhook-delivery:{unknown}`."
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"tenant": "acme"}', "tenant: Extra inputs are not permitted"),
        ('{"since": "2026"}', "since: must be a date and time with its zone"),
        ('{"limit": 0}', "limit: Input should be greater than or equal to 1"),
    ],
)
def test_a_requeue_that_the_function_would_refuse_is_refused_before_anything_is_deployed(text: str, why: str):
    message = refusal(requeue=text)
    assert message.startswith(f"webhook-delivery:requeue is {text!r}, but must be a JSON object")
    assert why in message


def test_every_fault_is_named_at_once():
    message = refusal(workerBatchSize="0", protectData="2", retries="5")
    assert len(message.splitlines()) == 3
    assert all(key in message for key in ("workerBatchSize", "protectData", "retries"))


def test_an_unknown_key_is_named_beside_values_that_are_at_odds():
    message = refusal(domainName="hooks.example.com", retries="5")
    assert len(message.splitlines()) == 2


def test_a_domain_needs_its_zone():
    assert refusal(domainName="hooks.example.com") == (
        "webhook-delivery:domainName is 'hooks.example.com', but webhook-delivery:hostedZoneName is not set. "
        "Run `pulumi config set webhook-delivery:hostedZoneName NAME`, or "
        "`pulumi config rm webhook-delivery:domainName`."
    )


def test_a_zone_needs_a_domain():
    assert "webhook-delivery:domainName is not set" in refusal(hostedZoneName="example.com")


@pytest.mark.parametrize("domain", ["hooks.example.org", "hooksexample.com"])
def test_a_domain_must_be_in_its_zone(domain: str):
    message = refusal(domainName=domain, hostedZoneName="example.com")
    assert f"webhook-delivery:domainName is '{domain}'" in message
    assert "a name that ends in .example.com" in message


@pytest.mark.parametrize("domain", ["example.com", "hooks.example.com", "a.b.example.com"])
def test_a_domain_may_be_its_zone_or_anywhere_under_it(domain: str):
    assert Settings.parse({"domainName": domain, "hostedZoneName": "example.com"}).domain_name == domain


def test_private_targets_are_refused_where_data_is_protected():
    message = refusal(allowPrivateTargets="true", protectData="true")
    assert "webhook-delivery:allowPrivateTargets is 'true'" in message
    assert "`pulumi config rm webhook-delivery:allowPrivateTargets`" in message


def test_an_event_may_not_expire_before_its_last_retry():
    message = refusal(retryDelaysSeconds="[36000, 36000, 36000]", eventRetentionDays="1")
    assert "webhook-delivery:retryDelaysSeconds is [36000, 36000, 36000]" in message
    assert "webhook-delivery:eventRetentionDays is 1" in message


def test_the_longest_delay_with_its_jitter_stays_within_sqs_s_12_hours():
    settings = Settings.parse({"retryDelaysSeconds": "[36000]"})
    assert settings.retry_delays_seconds[0] * 1.1 + settings.worker_timeout_seconds < 12 * 3600


def test_empty_text_is_as_good_as_nothing():
    assert Settings.parse({"domainName": "", "requeue": "", "alarmEmail": ""}) == Settings.parse({})


def test_the_program_stops_at_a_wrong_configuration_before_it_declares_anything():
    with pytest.raises(pulumi.RunError, match="webhook-delivery:workerBatchSize is '11'"):
        record(config={"workerBatchSize": "11", "bundleTarget": "host"})


def test_the_program_refuses_unknown_keys_of_its_own_namespace_only():
    with pytest.raises(pulumi.RunError, match="Unknown configuration key webhook-delivery:domainname"):
        record(config={"domainname": "hooks.example.com"})


def test_pulumi_yaml_declares_every_key_with_the_same_default_and_description():
    declared = {
        key: value
        for key, value in read_yaml("Pulumi.yaml")["config"].items()
        if not key.startswith("pulumi:")
    }
    expected: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        default = str(list(field.default)) if isinstance(field.default, tuple) else field.default
        expected[to_camel(name)] = {
            "type": PULUMI_TYPES[type(field.default)],
            "default": default,
            "description": field.description,
        }
    assert declared == expected
    assert {key["type"] for key in declared.values()} <= TAKES_TEXT


def test_physical_names_have_the_stacks_name_in_them_by_auto_naming():
    project = read_yaml("Pulumi.yaml")
    assert "${stack}" in project["config"]["pulumi:autonaming"]["value"]["pattern"]
    assert project["requiredPulumiVersion"].startswith(">=3.")


@pytest.mark.parametrize("key", ["bundleTarget", "allowPrivateTargets"])
def test_what_is_for_the_local_stack_is_refused_on_aws(key: str):
    text = {"bundleTarget": "host", "allowPrivateTargets": "true"}[key]

    with pytest.raises(SettingsError) as refused:
        Settings.parse({key: text}, local=False)

    assert str(refused.value).startswith(f"webhook-delivery:{key} is {text!r}, but only the local stack")
    assert f"`pulumi config rm webhook-delivery:{key}`" in str(refused.value)


def test_the_defaults_of_what_is_for_the_local_stack_are_allowed_on_aws():
    assert Settings.parse({"bundleTarget": "lambda", "allowPrivateTargets": "false"}, local=False)


def test_pulumi_yaml_names_the_project_and_its_virtual_environment():
    project = read_yaml("Pulumi.yaml")
    assert project["name"] == "webhook-delivery"
    assert project["runtime"] == {"name": "python", "options": {"virtualenv": ".venv"}}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_every_resource_of_a_stack_is_tagged_with_project_and_stack(stack: str):
    config = read_yaml(f"Pulumi.{stack}.yaml")["config"]
    tags = config["aws:defaultTags"]["tags"]
    assert config["aws:region"] == "us-east-1"
    assert (tags["project"], tags["stack"]) == ("webhook-delivery", stack)


def stack_settings(stack: str) -> Settings:
    config = read_yaml(f"Pulumi.{stack}.yaml")["config"]
    own = {key.partition(":")[2]: value for key, value in config.items() if key.startswith("webhook-")}
    return Settings.parse(
        {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in own.items()}
    )


def test_the_prod_stack_has_its_domain_and_protects_its_data():
    prod = stack_settings("prod")
    assert (prod.domain_name, prod.hosted_zone_name) == ("hooks.vincentchan.cloud", "vincentchan.cloud")
    assert prod.protect_data


def test_the_dev_stack_has_no_domain():
    assert stack_settings("dev") == Settings.parse({})


def test_log_retention_is_any_that_cloudwatch_allows():
    for days in LOG_RETENTION_DAYS:
        assert Settings.parse({"logRetentionDays": str(days)}).log_retention_days == days


def test_an_unknown_key_is_seen_as_the_engine_hands_it_over(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PULUMI_CONFIG", '{"webhook-delivery:retryDelays": "[1]", "aws:region": "us-east-1"}')

    with pytest.raises(SettingsError, match="Unknown configuration key webhook-delivery:retryDelays"):
        Settings.load(pulumi.Config("webhook-delivery"))


def test_the_readme_lists_every_key_with_its_default_and_description():
    rows = {
        cells[1].strip("` "): (cells[2].strip("` "), cells[3].strip())
        for line in (ROOT / "README.md").read_text().splitlines()
        if line.startswith("| `") and len(cells := line.split("|")) == 5
    }

    expected = {
        to_camel(name): ("" if field.default == "" else _as_written(field.default), field.description)
        for name, field in Settings.model_fields.items()
    }
    assert {key: rows.get(key) for key in expected} == expected


def _as_written(default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return str(list(default)) if isinstance(default, tuple) else str(default)


def test_idempotency_keys_must_not_outlive_the_events_that_they_make():
    message = refusal(eventRetentionDays="1", idempotencyHours="24")

    assert "webhook-delivery:idempotencyHours is 24" in message
    assert "webhook-delivery:eventRetentionDays is 1" in message
