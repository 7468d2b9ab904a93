from pathlib import Path
from typing import Optional

from spacy.cli._util import Arg, Opt
from wasabi import msg

from ..pipeline import package
from ._util import app, reporting


@app.command("package")
def package_cli(
    model_path: Path = Arg(
        ..., help="Directory of the trained pipeline", exists=True, file_okay=False
    ),
    output_path: Path = Arg(..., help="Directory of packages", file_okay=False),
    name: Optional[str] = Opt(None, "--name", "-n", help="Package name to override meta"),
    version: Optional[str] = Opt(None, "--version", "-v", help="Package version to override meta"),
) -> None:
    """
    Package a trained pipeline, for pip to install anywhere.

    The wheel of spacy-eiou is put beside it, and the last line that is printed
    installs both. An older package of the same name and version is replaced.
    """
    with reporting(f"Can't package the pipeline '{model_path}'"):
        result = package(model_path, output_path, name=name, version=version)
    msg.good(f"Saved wheels: {result.wheels_path}")
    print(result.install_command)
