import zipfile
from pathlib import Path

import pytest

from bundles import BundleError
from bundles.size import UNZIPPED_LIMIT, ZIPPED_LIMIT, Size, check, measure
from tests.support.small_project import write_files


def test_a_tree_is_measured_as_it_would_be_zipped(tmp_path: Path) -> None:
    write_files(tmp_path / "tree", {"a.py": b"a" * 10_000, "package/b.py": b"b" * 5_000})

    size = measure(tmp_path / "tree")

    with zipfile.ZipFile(tmp_path / "expected.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "tree" / "a.py", "a.py")
        archive.write(tmp_path / "tree" / "package" / "b.py", "package/b.py")
    assert size == Size(files=2, unzipped=15_000, zipped=(tmp_path / "expected.zip").stat().st_size)


def test_a_bundle_at_the_quotas_is_accepted() -> None:
    check(Size(files=1, unzipped=UNZIPPED_LIMIT, zipped=ZIPPED_LIMIT), function="ingest")


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (
            Size(files=1, unzipped=1, zipped=ZIPPED_LIMIT + 1),
            "52,428,801 bytes, but AWS Lambda takes 52,428,800 zipped",
        ),
        (
            Size(files=1, unzipped=UNZIPPED_LIMIT + 1, zipped=1),
            "262,144,001 bytes, but AWS Lambda takes 262,144,000 unzipped",
        ),
    ],
)
def test_a_bundle_over_a_quota_is_refused_with_both_figures(size: Size, said: str) -> None:
    with pytest.raises(BundleError, match=said) as refused:
        check(size, function="ingest")
    assert "'ingest'" in str(refused.value)
    assert "make lock" in str(refused.value)
