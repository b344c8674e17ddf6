import os
import threading
import time
from pathlib import Path

import pytest

from bundles.store import KEPT_SECONDS, Store, digest
from tests.support.small_project import tree_of, write_files


def write_hello(tree: Path) -> None:
    write_files(tree, {"package/hello.py": b"hello"})


def test_a_tree_that_was_made_is_found_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert store.find("tree") is None

    made = store.make("tree", write_hello)

    assert store.find("tree") == made
    assert (made / "package" / "hello.py").read_bytes() == b"hello"


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def fail(tree: Path) -> None:
        write_hello(tree)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        store.make("tree", fail)
    assert list(tmp_path.iterdir()) == []


def test_two_that_make_the_same_tree_at_once_both_get_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    both_are_making = threading.Barrier(2, timeout=10)
    got: list[Path] = []

    def fill(tree: Path) -> None:
        write_hello(tree)
        both_are_making.wait()

    threads = [threading.Thread(target=lambda: got.append(store.make("tree", fill))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert got == [tmp_path / "tree"] * 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["tree"]


def test_everything_is_readable_by_all_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        made = Store(tmp_path).make("tree", write_hello)
    finally:
        os.umask(before)

    modes = {name: mode & 0o777 for name, (mode, _) in tree_of(made).items()}
    assert modes == {"package": 0o755, "package/hello.py": 0o644}
    assert made.stat().st_mode & 0o777 == 0o755


def test_trees_nobody_asked_for_in_a_week_are_forgotten(tmp_path: Path) -> None:
    store = Store(tmp_path)
    long_ago = time.time() - KEPT_SECONDS - 60
    for name in ("unused", "used", ".making-killed"):
        write_hello(tmp_path / name)
        os.utime(tmp_path / name, (long_ago, long_ago))

    store.find("used")
    store.make("new", write_hello)

    assert {entry.name for entry in tmp_path.iterdir()} == {"used", "new"}


def test_digests_tell_where_one_part_ends_and_the_next_begins() -> None:
    assert digest(b"a", b"b") == digest(b"a", b"b")
    assert digest(b"ab", b"") != digest(b"a", b"b")
