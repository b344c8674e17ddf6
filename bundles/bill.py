"""The bill of materials of a bundle: a list of its packages for those who answer for them.

It is CycloneDX (https://cyclonedx.org) as JSON, beside the packages. It lists the installed packages, not the
lock, and holds no time and no random value: equal packages have equal bills, to the byte.

It has no hashes of wheels: a lock accepts any file of a release, and an installed package does not record
which file it came from.
"""

import json
import uuid
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.exceptions import InvalidSpdxLicenseException
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import bom, component
from cyclonedx.model.license import License, LicenseAcknowledgement
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

# The library's decorators hide the constructors of its models from type checkers.
_Bom: Any = bom.Bom
_BomMetaData: Any = bom.BomMetaData
_Component: Any = component.Component

_DECLARED = LicenseAcknowledgement.DECLARED
_LICENCES = LicenseFactory()


def write_bill(path: Path, *, function: str, packages: Path) -> None:
    """Write the bill of the packages that are installed in the folder `packages`."""
    path.write_text(
        json.dumps(_describe(function, packages), indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )


def _describe(function: str, packages: Path) -> dict[str, Any]:
    bundle = _Component(name=function, type=component.ComponentType.APPLICATION, bom_ref=function)
    bill = _Bom(
        metadata=_BomMetaData(component=bundle),
        components=[_describe_package(package) for package in distributions(path=[str(packages)])],
    )
    bill.register_dependency(bundle, bill.components)
    return _without_chance(json.loads(JsonV1Dot6(bill).output_as_string()))


def _without_chance(document: dict[str, Any]) -> dict[str, Any]:
    """Drop the time, derive the serial number from the rest, and claim no unknown dependencies."""
    del document["metadata"]["timestamp"], document["serialNumber"]
    # An entry without `dependsOn` would claim that a component depends on nothing, which nobody has checked.
    document["dependencies"] = [entry for entry in document["dependencies"] if "dependsOn" in entry]
    content = json.dumps(document, sort_keys=True)
    return {**document, "serialNumber": uuid.uuid5(uuid.NAMESPACE_OID, content).urn}


def _describe_package(package: Distribution) -> Any:
    purl = PackageURL("pypi", name=package.name, version=package.version)
    return _Component(
        name=package.name,
        version=package.version,
        purl=purl,
        bom_ref=purl.to_string(),
        licenses=_licences(package),
    )


def _licences(package: Distribution) -> list[License]:
    """The licences that METADATA declares: an SPDX expression (PEP 639), or else in the older fields."""
    for expression in _fields(package, "License-Expression"):
        return [_LICENCES.make_from_string(expression, license_acknowledgement=_DECLARED)]
    declared = [text.strip().splitlines()[0] for text in _fields(package, "License") if text.strip()]
    classified = [
        classifier.rpartition(" :: ")[2]
        for classifier in _fields(package, "Classifier")
        if classifier.startswith("License :: ")
    ]
    return [_by_id_or_name(licence) for licence in declared + classified]


def _fields(package: Distribution, name: str) -> list[str]:
    return package.metadata.get_all(name) or []


def _by_id_or_name(licence: str) -> License:
    try:
        return _LICENCES.make_with_id(licence, acknowledgement=_DECLARED)
    except InvalidSpdxLicenseException:
        return _LICENCES.make_with_name(licence, acknowledgement=_DECLARED)
