"""Nothing that the program declares is skipped silently."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.deployer.resources import KINDS, Created, Declared, Kind, Properties, create
from local.emulator.aws import Aws
from local.errors import LocalStackError

AWS = Aws("http://127.0.0.1:9")  # nobody is asked

BOX = "aws:storage/box:Box"


def declared(**properties: Any) -> Declared:
    return Declared(type=BOX, name="shoes", properties=Properties(properties))


def box(aws: Aws, declared: Declared) -> Created:
    """Knows its size, a lid and some shelves."""
    declared.properties.renamed(size="Size")
    declared.properties.nested("lid").take("colour")
    for shelf in declared.properties.each("shelves"):
        shelf.take("height")
    return Created(id="box-1")


BOXES = {BOX: Kind(create=box, not_emulated={"smell": "nothing smells here"})}


def test_a_type_that_is_not_known_is_named_with_its_resource():
    with pytest.raises(LocalStackError, match=r"aws:storage/box:Box 'shoes'.*does not know this type"):
        create(AWS, declared())


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"size": 1, "weight": 2}, "weight"),
        ({"lid": {"colour": "red", "handle": True}}, "lid.handle"),
        ({"shelves": [{"height": 1}, {"height": 1, "depth": 2}]}, r"shelves\[1\].depth"),
    ],
)
def test_a_property_that_is_not_known_is_named_however_deep_it_lies(properties: dict[str, Any], named: str):
    with pytest.raises(LocalStackError, match=f"aws:storage/box:Box 'shoes'.*does not know {named};"):
        create(AWS, declared(**properties), BOXES)


def test_a_property_that_is_listed_as_not_emulated_is_accepted():
    assert create(AWS, declared(size=1, smell="new"), BOXES).id == "box-1"


def test_every_property_that_is_not_emulated_has_a_reason():
    reasons = [reason for kind in KINDS.values() for reason in kind.not_emulated.values()]

    assert reasons
    assert all(reasons)


def test_a_refusal_of_the_emulator_names_the_resource():
    def refused(_aws: Aws, _declared: Declared) -> Created:
        raise ClientError({"Error": {"Code": "LimitExceeded", "Message": "too many boxes"}}, "CreateBox")

    with pytest.raises(LocalStackError, match=r"'shoes': the emulator refused it: .*too many boxes"):
        create(AWS, declared(), {BOX: Kind(create=refused)})


def test_physical_names_have_seven_hexadecimal_digits_and_stay_the_same():
    name = declared().physical_name

    assert name.startswith("shoes-")
    assert len(bytes.fromhex("0" + name.removeprefix("shoes-"))) == 4
    assert name == declared().physical_name
