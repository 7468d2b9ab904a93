import csv
import io
import re
import zipfile
from base64 import urlsafe_b64encode
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import pytest
import spacy

import spacy_eiou
from spacy_eiou.pipeline import Package, package
from spacy_eiou.pipeline.packaging import write_own_wheel
from util import TINY_MODEL

OWN_WHEEL = f"spacy_eiou-{version('spacy-eiou')}-py3-none-any.whl"


@pytest.fixture
def model_path(tmp_path):
    nlp = spacy.blank("en", meta={"name": "tiny", "version": "1.2.3"})
    nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL}).add_label("DNA")
    nlp.initialize()
    nlp.to_disk(tmp_path / "model")
    return tmp_path / "model"


def test_own_wheel_has_the_files_of_the_package_and_their_checksums(tmp_path):
    wheel = write_own_wheel(tmp_path)
    assert wheel.name == OWN_WHEEL
    root = Path(spacy_eiou.__file__).parent
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        for path in root.rglob("*.py"):
            name = path.relative_to(root.parent).as_posix()
            assert archive.read(name) == path.read_bytes()
        (record_name,) = [name for name in names if name.endswith(".dist-info/RECORD")]
        rows = list(csv.reader(io.StringIO(archive.read(record_name).decode("utf8"))))
        assert [row[0] for row in rows] == names
        for name, checksum, size in rows[:-1]:
            digest = urlsafe_b64encode(sha256(archive.read(name)).digest()).rstrip(b"=").decode()
            assert (checksum, int(size)) == (f"sha256={digest}", len(archive.read(name)))
    assert rows[-1] == [record_name, "", ""]
    metadata = {name.split("/")[-1] for name in names if ".dist-info/" in name}
    assert metadata >= {"METADATA", "WHEEL", "RECORD", "LICENSE", "entry_points.txt"}
    assert not metadata & {"direct_url.json", "INSTALLER"}


def test_own_wheel_needs_an_installed_package(tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_eiou.pipeline.packaging.distributions", lambda name: [])
    with pytest.raises(ValueError, match="which pip has not installed"):
        write_own_wheel(tmp_path)


def test_command_quotes_a_folder_with_a_space():
    result = Package("en_tiny", "1.2.3", Path("my packages"))
    assert result.install_command == "pip install --find-links 'my packages' en_tiny"


@pytest.mark.slow
def test_wheels_are_side_by_side_and_replace_the_old_ones(model_path, tmp_path):
    for _ in range(2):
        result = package(model_path, tmp_path / "packages")
    folder = tmp_path / "packages" / "en_tiny-1.2.3" / "dist"
    assert result == Package("en_tiny", "1.2.3", folder)
    wheels = {path.name for path in folder.iterdir()}
    assert wheels == {OWN_WHEEL, "en_tiny-1.2.3-py3-none-any.whl"}
    with zipfile.ZipFile(folder / "en_tiny-1.2.3-py3-none-any.whl") as archive:
        metadata = archive.read("en_tiny-1.2.3.dist-info/METADATA").decode("utf8")
    assert re.findall("^Requires-Dist: (spacy[-_]eiou)", metadata, re.MULTILINE)
    other = package(model_path, tmp_path / "packages", name="other", version="2.0")
    assert other.wheels_path == tmp_path / "packages" / "en_other-2.0" / "dist"
    assert {path.name for path in (tmp_path / "packages").iterdir()} == {
        "en_tiny-1.2.3",
        "en_other-2.0",
    }


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"name": "not-a-module"}, "a name of letters, digits and underscores, not 'not-a-module'"),
        ({"version": "one"}, "a version such as 1.0.0, not 'one'"),
    ],
)
def test_names_and_versions_are_checked_before_anything_is_built(settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        package(tmp_path, tmp_path / "packages", **settings)


@pytest.mark.slow
def test_what_spacy_refuses_is_an_error_that_leaves_nothing(model_path, tmp_path):
    with pytest.raises(ValueError, match=r"meta\.json"):
        package(tmp_path, tmp_path / "packages")
    assert not (tmp_path / "packages").exists()
