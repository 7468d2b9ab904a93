"""A trained pipeline as wheels that pip installs anywhere, with no checkout at hand."""

import shlex
import shutil
import subprocess
import sys
from base64 import urlsafe_b64encode
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Dict, NamedTuple, Optional
from zipfile import ZIP_DEFLATED, ZipFile

from packaging.version import InvalidVersion, Version

from ..files import accepts_strings, replacing

# What pip notes about one installation.
INSTALLATION_FILES = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"}
WHEEL = """Wheel-Version: 1.0
Generator: spacy-eiou
Root-Is-Purelib: true
Tag: py3-none-any
"""


class Package(NamedTuple):
    """A packaged pipeline.

    name (str): The name that pip installs and `spacy.load` loads.
    version (str): Its version.
    wheels_path (Path): Directory of its wheel and that of spacy-eiou.
    """

    name: str
    version: str
    wheels_path: Path

    @property
    def install_command(self) -> str:
        """The command that installs the pipeline, in an empty environment as well."""
        return shlex.join(["pip", "install", "--find-links", str(self.wheels_path), self.name])


@accepts_strings
def package(
    model: Path, output: Path, *, name: Optional[str] = None, version: Optional[str] = None
) -> Package:
    """Build the wheel of a pipeline, as `spacy package` does, and beside it that of spacy-eiou,
    which it requires. When they are complete, they replace those of the same name and version.

    model (Path): Directory of the pipeline.
    output (Path): Directory of packages: the wheels are in `NAME-VERSION/dist`.
    name (Optional[str]): Name of the package. If None, that of meta.json.
    version (Optional[str]): Version of the package. If None, that of meta.json.
    RETURNS (Package): The package.
    RAISES (ValueError): If pip would not take the name or the version, or spaCy can't build the
        wheel.
    """
    check_package(name, version)
    options = [
        f"{option}={value}"
        for option, value in (("--name", name), ("--version", version))
        if value is not None
    ]
    with TemporaryDirectory() as folder:
        _run_spacy("package", str(model), folder, "--build=wheel", *options)
        (built,) = Path(folder).iterdir()
        write_own_wheel(built / "dist")
        with replacing(output / built.name) as new:
            shutil.move(built, new)
    package_name, package_version = built.name.split("-", 1)
    return Package(package_name, package_version, output / built.name / "dist")


def check_package(name: Optional[str], version: Optional[str]) -> None:
    """Check that pip takes a name and a version.

    name (Optional[str]): The name, without that of the language.
    version (Optional[str]): The version.
    RAISES (ValueError): If it doesn't.
    """
    if name is not None and not (f"_{name}".isidentifier() and name.isascii()):
        raise ValueError(f"Expected a name of letters, digits and underscores, not '{name}'")
    try:
        Version(version or "0")
    except InvalidVersion as err:
        raise ValueError(f"Expected a version such as 1.0.0, not '{version}'") from err


def _run_spacy(*args: str) -> None:
    # Not spaCy's function: it prints, and ends the process.
    result = subprocess.run(
        [sys.executable, "-m", "spacy", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode != 0:
        raise ValueError(f"`spacy {shlex.join(args)}` failed:\n{result.stdout.strip()}")


def write_own_wheel(folder: Path) -> Path:
    """Write the wheel of spacy-eiou from the files of the package that runs: of the same code that
    made a pipeline, even if it was edited, and without a network. Format of a wheel:
    https://packaging.python.org/en/latest/specifications/binary-distribution-format

    folder (Path): Where to write it.
    RETURNS (Path): The wheel.
    RAISES (ValueError): If spacy-eiou is not installed.
    """
    # A checkout in the current directory may have metadata without a list of files.
    installed = [own for own in distributions(name="spacy-eiou") if own.read_text("RECORD")]
    if not installed:
        raise ValueError("Can't write the wheel of spacy-eiou, which pip has not installed")
    own = installed[0]
    root = Path(__file__).parents[1]
    info = f"{root.name}-{own.version}.dist-info"
    contents: Dict[str, bytes] = {
        path.relative_to(root.parent).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    for file in own.files or ():
        if file.parts[0] == info and file.name not in INSTALLATION_FILES:
            contents[file.as_posix()] = file.read_binary()
    contents[f"{info}/WHEEL"] = WHEEL.encode("utf8")
    record = [
        f"{name},sha256={urlsafe_b64encode(sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
        for name, data in contents.items()
    ]
    contents[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,\n"]).encode("utf8")
    wheel = folder / f"{root.name}-{own.version}-py3-none-any.whl"
    with ZipFile(wheel, "w", ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return wheel
