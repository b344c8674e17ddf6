"""Roles and their policies, which the emulator enforces."""

from local.deployer.resources.declared import Created, Declared, Kind
from local.emulator.aws import Aws


def _role(aws: Aws, declared: Declared) -> Created:
    role = aws.iam.create_role(
        RoleName=declared.physical_name,
        AssumeRolePolicyDocument=declared.properties.take("assumeRolePolicy"),
    )["Role"]
    return Created(id=role["RoleName"], outputs={"arn": role["Arn"], "name": role["RoleName"]})


def _role_policy(aws: Aws, declared: Declared) -> Created:
    role, name = declared.properties.take("role"), declared.physical_name
    aws.iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=declared.properties.take("policy"))
    return Created(id=f"{role}:{name}", outputs={"name": name})


KINDS = {
    "aws:iam/role:Role": Kind(create=_role),
    "aws:iam/rolePolicy:RolePolicy": Kind(create=_role_policy),
}
