from pathlib import Path

from bundles.trim import copy_trimmed
from tests.support.small_project import tree_of, write_files


def files_left(folder: Path, *names: str) -> set[str]:
    write_files(folder / "installed", dict.fromkeys(names, b"x"))
    copy_trimmed(folder / "installed", folder / "tree")
    return {name for name in tree_of(folder / "tree") if (folder / "tree" / name).is_file()}


def test_how_a_package_was_installed_is_dropped_and_its_metadata_kept(tmp_path: Path) -> None:
    dist_info = [
        f"six-1.17.0.dist-info/{name}" for name in ("METADATA", "RECORD", "INSTALLER", "REQUESTED", "WHEEL")
    ]

    left = files_left(tmp_path, "six.py", ".lock", "bin/ulid", *dist_info)

    assert left == {"six.py", "six-1.17.0.dist-info/METADATA"}


def test_only_the_services_in_use_and_the_shared_files_stay_in_botocore(tmp_path: Path) -> None:
    left = files_left(
        tmp_path,
        "botocore/data/endpoints.json",
        "botocore/data/partitions.json",
        "botocore/data/sqs/2012-11-05/service-2.json.gz",
        "botocore/data/sqs/2012-11-05/examples-1.json",
        "botocore/data/ec2/2016-11-15/service-2.json.gz",
        "boto3/data/ec2/2016-11-15/resources-1.json",
        "boto3/examples/s3.rst",
    )

    assert left == {
        "botocore/data/endpoints.json",
        "botocore/data/partitions.json",
        "botocore/data/sqs/2012-11-05/service-2.json.gz",
    }


def test_superseded_versions_of_an_api_are_dropped(tmp_path: Path) -> None:
    left = files_left(
        tmp_path,
        "botocore/data/dynamodb/2011-12-05/service-2.json.gz",
        "botocore/data/dynamodb/2012-08-10/service-2.json.gz",
    )

    assert left == {"botocore/data/dynamodb/2012-08-10/service-2.json.gz"}


def test_packages_without_boto3_are_left_as_they_are(tmp_path: Path) -> None:
    assert files_left(tmp_path, "six.py") == {"six.py"}
