"""Turn a function's lock and the handlers into a folder that is ready to be zipped.

There are two steps, and each result is kept under the hash of all its inputs. First come the installed
packages with their bill of materials, which change with the lock; then the bundle, which hard-links those
packages and adds the handlers.
"""

import functools
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from bundles import size
from bundles.bytecode import Compiler, find_compiler
from bundles.errors import BundleError
from bundles.store import Store, digest
from bundles.target import Target
from bundles.trim import copy_trimmed
from bundles.wheels import Installer, install_wheels

REPO = Path(__file__).resolve().parent.parent
_REQUIREMENTS = Path("bundles", "requirements")
_SOURCE = "handlers"
_BILL = "sbom.cdx.json"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A finished bundle.

    Attributes:
        path: The folder; its handler is `handlers.<function>.handler`.
        cached: Whether it existed already.
    """

    path: Path
    cached: bool

    @property
    def bill(self) -> Path:
        """The bill of materials: the bundle's packages, as CycloneDX JSON."""
        return self.path / _BILL


def build(function: str, target: Target, *, root: Path = REPO, cache: Path | None = None) -> Path:
    """Return the folder of a function's bundle, for `pulumi.FileArchive`.

    Args:
        function: One of `functions(root)`.
        target: Where the bundle runs.
        root: The project, with `handlers/` and `bundles/requirements/`.
        cache: Where finished bundles are kept; `.cache/bundles` of the project by default.

    Raises:
        BundleError: the function is unknown, a wheel is unavailable, a module does not compile, or the
            bundle is too large for AWS Lambda.
    """
    return prepare(function, target, root=root, cache=cache).path


def functions(root: Path = REPO) -> list[str]:
    """The functions that can be bundled: those with a requirements file."""
    return sorted(path.stem for path in (root / _REQUIREMENTS).glob("*.in"))


def prepare(
    function: str,
    target: Target,
    *,
    root: Path = REPO,
    cache: Path | None = None,
    install: Installer = install_wheels,
    compiler_for: Callable[[str], Compiler | None] = find_compiler,
) -> Bundle:
    """Build like `build`, and also tell whether the bundle was cached.

    Args:
        function: As in `build`.
        target: As in `build`.
        root: As in `build`.
        cache: As in `build`.
        install: Installs the wheels; tests replace it.
        compiler_for: Finds an interpreter by its version; without one there is no bytecode.
    """
    store = Store(cache or root / ".cache" / "bundles")
    recipe = _Recipe(
        function=function,
        target=target,
        lock=_find_lock(function, root),
        source=_read_source(function, root),
        install=install,
        compiler=compiler_for(target.python_version),
    )
    if found := store.find(recipe.name):
        return Bundle(path=found, cached=True)
    packages = store.find(recipe.packages_name) or store.make(recipe.packages_name, recipe.install_packages)
    return Bundle(path=store.make(recipe.name, functools.partial(recipe.assemble, packages)), cached=False)


@dataclass(frozen=True, kw_only=True)
class _Recipe:
    """All the inputs of a bundle; both names are digests of exactly these inputs."""

    function: str
    target: Target
    lock: Path
    source: dict[str, bytes]
    install: Installer
    compiler: Compiler | None

    @functools.cached_property
    def packages_name(self) -> str:
        facts = (
            self.target.python_version,
            self.target.platform,
            self.compiler.version if self.compiler else "none",
            metadata.version("cyclonedx-python-lib"),
            _builder_version(),
        )
        return f"packages-{self._label}-{digest(self.lock.read_bytes(), *(fact.encode() for fact in facts))}"

    @functools.cached_property
    def name(self) -> str:
        return f"{self._label}-{digest(self.packages_name.encode(), *_parts(self.source))}"

    @property
    def _label(self) -> str:
        return f"{self.function}-{self.target.platform}-{self.target.python_version}"

    def install_packages(self, tree: Path) -> None:
        with tempfile.TemporaryDirectory(dir=tree.parent) as installed:
            self.install(function=self.function, lock=self.lock, target=self.target, into=Path(installed))
            copy_trimmed(Path(installed), tree)
        self._write_bill(tree)
        if self.compiler:
            self.compiler.compile(tree, within=tree)

    def _write_bill(self, tree: Path) -> None:
        # Importing the library takes longer than finding a cached bundle.
        from bundles.bill import write_bill  # noqa: PLC0415

        write_bill(tree / _BILL, function=self.function, packages=tree)

    def assemble(self, packages: Path, tree: Path) -> None:
        shutil.copytree(packages, tree, copy_function=_link, dirs_exist_ok=True)
        for name, content in self.source.items():
            path = tree / _SOURCE / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if self.compiler:
            self.compiler.compile(tree / _SOURCE, within=tree)
        size.check(size.measure(tree), function=self.function)


def read_files(folder: Path) -> dict[str, bytes]:
    """Read every file of a source folder, by relative path, without caches and hidden files."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        skipped = path.suffix == ".pyc" or any(
            part == "__pycache__" or part.startswith(".") for part in parts
        )
        if path.is_file() and not skipped:
            found["/".join(parts)] = path.read_bytes()
    return found


def _find_lock(function: str, root: Path) -> Path:
    if function not in functions(root):
        raise BundleError(f"Unknown function {function!r}. Choose one of {', '.join(functions(root))}.")
    lock = root / _REQUIREMENTS / f"{function}.txt"
    if not lock.is_file():
        raise BundleError(f"{lock} is missing, so {function!r} cannot be bundled: run `make lock`.")
    return lock


def _read_source(function: str, root: Path) -> dict[str, bytes]:
    source = read_files(root / _SOURCE)
    if f"{function}.py" not in source:
        raise BundleError(
            f"{root / _SOURCE / function}.py is missing: put the handler of {function!r} there."
        )
    return source


@functools.cache
def _builder_version() -> str:
    """A digest of the building code, so that a changed builder reuses no older bundle."""
    modules = {path.name: path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))}
    return digest(*_parts(modules))


def _parts(files: dict[str, bytes]) -> list[bytes]:
    return [part for name, content in files.items() for part in (name.encode(), content)]


def _link(source: str, destination: str) -> None:
    try:
        os.link(source, destination)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, destination)
