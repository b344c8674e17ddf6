"""Let the engine record a stack without creating it: every key, a new name, a domain, protection."""

from engine.cli import Operation, Pulumi, pulumi_project
from engine.expectations import all_destroyed, exactly, listed, never, nothing_changed, only
from engine.keys import DOMAIN_NAME, KEYS, OTHER_DOMAIN_NAME, PAIRED, PROTECTING, Trial
from engine.report import Report, Step
from engine.values import DEFAULTS

STACK, RENAMED, PRODUCTION = "dev", "renamed", "prod"

_DOMAIN = [
    "aws:acm/certificate:Certificate",
    "aws:acm/certificateValidation:CertificateValidation",
    "aws:apigatewayv2/apiMapping:ApiMapping",
    "aws:apigatewayv2/domainName:DomainName",
    "aws:route53/record:Record",
    "aws:route53/record:Record",
]
_NAMED_BY_STACK = ["aws:cloudwatch/dashboard:Dashboard"]
_PROTECTED = [
    "aws:apigatewayv2/api:Api",
    "aws:apigatewayv2/domainName:DomainName",
    "aws:dynamodb/table:Table",
    "aws:dynamodb/table:Table",
    "aws:sqs/queue:Queue",
    "aws:sqs/queue:Queue",
]


def planned_only(executable: str, report: Report) -> None:
    """Run the steps. Raises AbandonedError if the remaining ones cannot be tried."""
    with pulumi_project(executable) as pulumi:
        report.heading(
            f"Stack {STACK!r} with its Pulumi.{STACK}.yaml, recorded by the engine, created nowhere"
        )
        resources = _deploy(pulumi, report)
        _set_every_key(pulumi, report, resources)
        _set_wrong_keys(pulumi, report)
        _rename(pulumi, report, resources)
        _switch_domain_on(pulumi, report)
        _protect(pulumi, report)
        _switch_domain_off(pulumi, report)
        with report.step("destroy") as step:
            all_destroyed(step, pulumi, pulumi.operate("destroy"), resources)
        report.heading(f"Stack {PRODUCTION!r} with its Pulumi.{PRODUCTION}.yaml")
        with report.step("stack init, preview") as step:
            pulumi.run("stack", "init", PRODUCTION)
            operation = pulumi.operate("preview")
            step.succeeded(operation)
            only(step, operation, "created")


def _deploy(pulumi: Pulumi, report: Report) -> int:
    with report.step("stack init, up") as step:
        pulumi.run("stack", "init", STACK)
        operation = _up(pulumi, step)
        only(step, operation, "created")
        _expect_named(step, pulumi)
    resources = len(operation.changes.created)
    for command in ("up", "refresh"):
        with report.step(f"{command}, with nothing changed") as step:
            operation = pulumi.operate(command)
            step.succeeded(operation)
            nothing_changed(step, operation, resources)
    return resources


def _set_every_key(pulumi: Pulumi, report: Report, resources: int) -> None:
    for key, trial in KEYS.items():
        with report.step(f"config set {key} {trial.value}") as step:
            pulumi.set(key, trial.value)
            if trial.local_only:
                step.refused(pulumi.operate("preview"), key)
                pulumi.run("config", "rm", key)
            else:
                _expect_effect(step, pulumi, key, trial)
    for key, trial in KEYS.items():
        if trial.for_good:
            with report.step(f"config rm {key}") as step:
                pulumi.run("config", "rm", key)
                step.refused(pulumi.operate("preview"), key)
                pulumi.set(key, trial.value)
    with report.step("config rm of the others, up") as step:
        for key, trial in KEYS.items():
            if not trial.for_good:
                pulumi.run("config", "rm", key)
        operation = _up(pulumi, step)
        only(step, operation, "updated", "deleted")
        exactly(step, operation, "deleted", [made for trial in KEYS.values() for made in trial.creates])
        _expect_kept(step, operation, resources)


def _set_wrong_keys(pulumi: Pulumi, report: Report) -> None:
    for key, value in (("workerBatchSize", "11"), ("alarmMail", "ops@example.com")):
        with report.step(f"config set {key} {value}, a mistake") as step:
            pulumi.set(key, value)
            step.refused(pulumi.operate("preview"), key)
            pulumi.run("config", "rm", key)


def _expect_effect(step: Step, pulumi: Pulumi, key: str, trial: Trial) -> None:
    operation = pulumi.operate("up")
    if operation.code:
        step.failed(operation)
        pulumi.run("config", "rm", key)  # the next keys are tried all the same
        return
    step.succeeded(operation)
    exactly(step, operation, "created", trial.creates)
    never(step, operation, "replaced", "deleted")
    step.expect(not operation.changes.none, "nothing was updated")


def _rename(pulumi: Pulumi, report: Report, resources: int) -> None:
    with report.step("stack rename, up") as step:
        pulumi.run("stack", "rename", RENAMED)
        operation = _up(pulumi, step)
        never(step, operation, "created", "deleted")
        exactly(step, operation, "replaced", _NAMED_BY_STACK)
        _expect_kept(step, operation, resources - len(_NAMED_BY_STACK))
        _expect_named(step, pulumi)
        configurations = {path.name for path in pulumi.project.glob("Pulumi.*.yaml")}
        step.expect(f"Pulumi.{RENAMED}.yaml" in configurations, "its configuration was not renamed")


def _switch_domain_on(pulumi: Pulumi, report: Report) -> None:
    with report.step("config set of a domain, up") as step:
        for key, value in PAIRED.items():
            pulumi.set(key, value)
        operation = _up(pulumi, step)
        exactly(step, operation, "created", _DOMAIN)
        never(step, operation, "replaced", "deleted")
        _expect_endpoint(step, pulumi, own=True)


def _switch_domain_off(pulumi: Pulumi, report: Report) -> None:
    with report.step("config set domainName to another, up") as step:
        pulumi.set("domainName", OTHER_DOMAIN_NAME)
        operation = _up(pulumi, step)
        exactly(step, operation, "replaced", _DOMAIN)
        never(step, operation, "created", "deleted")
    with report.step("config rm of the domain, up") as step:
        for key in PAIRED:
            pulumi.run("config", "rm", key)
        operation = _up(pulumi, step)
        exactly(step, operation, "deleted", _DOMAIN)
        never(step, operation, "created", "replaced")
        _expect_endpoint(step, pulumi, own=False)


def _protect(pulumi: Pulumi, report: Report) -> None:
    with report.step(f"config set {PROTECTING} true, up") as step:
        pulumi.set(PROTECTING, "true")
        only(step, _up(pulumi, step), "updated")
        _expect_protected(step, pulumi, _PROTECTED)
    with report.step("config set domainName to another, protected") as step:
        pulumi.set("domainName", OTHER_DOMAIN_NAME)
        step.refused(pulumi.operate("preview"), "protect")
        pulumi.set("domainName", DOMAIN_NAME)
    before = len(pulumi.resources())
    with report.step("destroy, protected") as step:
        operation = pulumi.operate("destroy")
        step.refused(operation, "protected")
        never(step, operation, "deleted")
        step.expect(len(pulumi.resources()) == before, f"{len(pulumi.resources())} of {before} are left")
    with report.step("destroy --skip-preview, protected") as step:
        step.refused(pulumi.operate("destroy", "--skip-preview"), "protected")
        _expect_protected(step, pulumi, _PROTECTED)
    with report.step("up, after the refused destroy") as step:
        never(step, _up(pulumi, step), "replaced", "deleted")
        step.expect(len(pulumi.resources()) == before, f"{len(pulumi.resources())} of {before} are there")
    with report.step(f"config set {PROTECTING} false, up") as step:
        pulumi.set(PROTECTING, "false")
        only(step, _up(pulumi, step), "updated")
        _expect_protected(step, pulumi, [])


def _up(pulumi: Pulumi, step: Step) -> Operation:
    operation = pulumi.operate("up")
    step.succeeded(operation)
    return operation


def _expect_kept(step: Step, operation: Operation, resources: int) -> None:
    kept = len(operation.changes.same | operation.changes.updated)
    step.expect(kept == resources, f"{kept} resources were kept, not {resources}")


def _expect_named(step: Step, pulumi: Pulumi) -> None:
    """Physical names contain the stack's name at their creation, by `pulumi:autonaming` in Pulumi.yaml."""
    names = {
        resource["inputs"][key]: resource["type"]
        for resource in pulumi.resources()
        for key in resource.get("inputs", {}).get(DEFAULTS, [])
    }
    step.expect(bool(names), "no name was made up")
    for name, type_ in names.items():
        step.expect(f"-{STACK}-" in name, f"{type_} is called {name!r}, without its stack")


def _expect_protected(step: Step, pulumi: Pulumi, types: list[str]) -> None:
    found = sorted(resource["type"] for resource in pulumi.resources() if resource.get("protect"))
    step.expect(found == types, f"protected: {listed(found)}, where {listed(types)} was expected")


def _expect_endpoint(step: Step, pulumi: Pulumi, *, own: bool) -> None:
    url = pulumi.outputs().get("endpoint_url", "")
    step.expect((url == f"https://{DOMAIN_NAME}") if own else "execute-api" in url, f"endpoint_url is {url}")
