"""Least privilege: every function needs each of its rights, and whatever is not granted is refused."""

from tests.security.part import Part
from tests.security.permissions.deployed_system import open_deployed_system
from tests.security.permissions.mutation import UNUSED_HERE, faults_of_what_is_unused, prove, rights_to_prove
from tests.security.permissions.trial import (
    STRICTER,
    UNENFORCED,
    faults_of,
    faults_of_controls,
    hold_trial,
)


def run_permissions() -> Part:
    """Take each right away until something breaks, and let every role try every call."""
    with open_deployed_system() as system:
        rights = [right for role in system.roles.values() for right in rights_to_prove(role)]
        proofs = [prove(system, right) for right in rights]
        unused = list(faults_of_what_is_unused(system))
        trial = hold_trial(system.stack, system.roles)
    proven = [proof.right for proof in proofs if proof.fault is None]
    tried = [fault for function in trial.roles for fault in faults_of(trial, function)]
    return Part(
        title="Least privilege: what each function's role may do",
        counts={
            "actions proven necessary": sum(not right.attribute for right in proven),
            "attributes proven in use": sum(bool(right.attribute) for right in proven),
            "forbidden calls refused": sum(
                not trial.roles[function].allows(call)
                for function in trial.roles
                for call in trial.refused(function)
            ),
        },
        faults=[
            *(proof.fault for proof in proofs if proof.fault),
            *unused,
            *tried,
            *faults_of_controls(trial),
        ],
        remarks=_REMARKS,
    )


_REMARKS = (
    (
        f"only AWS uses {len(UNUSED_HERE)} rights, which are asserted over the recorded program: what "
        "Lambda does in the function's role (logs, reading the queue)"
    ),
    (
        "the emulator lets anybody make these calls, which are not counted and no policy grants: "
        + ", ".join(sorted(UNENFORCED))
    ),
    (
        f"the emulator refuses {len(STRICTER)} kinds of calls that AWS would grant, which are not counted: "
        "batches of messages, and a function that writes its own log"
    ),
    (
        "IAM documents no condition for ReturnValuesOnConditionCheckFailure: whoever may make a write whose "
        "condition fails can have it answered with the whole item"
    ),
)
