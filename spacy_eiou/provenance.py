"""What a result was made with: the code, the day and the machine."""

import os
import platform
import subprocess
from datetime import datetime, timezone
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

PACKAGE = "spacy-eiou"
PACKAGES = (PACKAGE, "spacy", "thinc", "torch", "numpy", "numba")
PACKAGE_PATH = Path(__file__).parent


def get_provenance(**machine: Any) -> Dict[str, Any]:
    """Say what a result is made with.

    machine (Any): What to say of the machine beside its processor, e.g. threads.
    RETURNS (Dict[str, Any]): `versions`, of Python and of the packages that are installed;
        `commit`, see `find_commit`; `code`, see `hash_code`; `date`, in ISO format and UTC;
        `machine`.
    """
    return {
        "versions": {"python": platform.python_version(), **find_versions()},
        "commit": find_commit(),
        "code": hash_code(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {
            "processor": find_processor(),
            "cores": os.cpu_count(),
            "system": platform.system(),
            **machine,
        },
    }


def describe_code(result: Mapping[str, Any]) -> str:
    """RETURNS (str): Version and commit of the code that a result was made with, e.g.
    "0.1.0, 7a36b1f", as far as the result has what `get_provenance` gives."""
    commit, *changed = (result.get("commit") or "").partition("-")
    names = [result.get("versions", {}).get(PACKAGE), commit[:7] + "".join(changed)]
    return ", ".join(filter(None, names)) or "unknown"


def find_versions() -> Dict[str, str]:
    """RETURNS (Dict[str, str]): The versions of those of PACKAGES that are installed."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


@cache
def find_commit() -> Optional[str]:
    """Find the commit of the checkout that this package is imported from.

    RETURNS (Optional[str]): Its hash, followed by "-dirty" if files of the package are changed.
        `None` if the package lies in no checkout, or there is no git.
    """
    try:
        # Fails in an environment inside of some checkout.
        run_git("ls-files", "--error-unmatch", "__init__.py")
        commit = run_git("rev-parse", "HEAD")
        changed = run_git("status", "--porcelain", ".")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}-dirty" if changed else commit


def run_git(*arguments: str) -> str:
    command = ["git", "-C", str(PACKAGE_PATH), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


# What was imported does not change with its files.
@cache
def hash_code() -> str:
    """Hash the files of this package, apart from `cli`, on which no result depends. Unlike the
    commit, it stays the same when only documents or results change.

    RETURNS (str): 16 hexadecimal digits.
    """
    digest = sha256()
    paths = {path.relative_to(PACKAGE_PATH).as_posix(): path for path in PACKAGE_PATH.rglob("*.py")}
    for name, path in sorted(paths.items()):
        if not name.startswith("cli/"):
            digest.update(f"{name}\n{path.read_text(encoding='utf8')}".encode())
    return digest.hexdigest()[:16]


def find_processor() -> str:
    """RETURNS (str): The name of the processor, which Python only knows on some systems."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
