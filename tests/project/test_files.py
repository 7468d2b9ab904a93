"""The files of the repository as git and pip hand them on."""

from pathlib import Path

import pytest

from spacy_eiou.templates import TEMPLATES_PATH

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", sorted(TEMPLATES_PATH.glob("*.cfg")), ids=lambda path: path.name)
def test_templates_are_the_configs_of_the_project_and_no_links(path):
    assert path.read_bytes() == (ROOT / "configs" / path.name).read_bytes()
    assert not path.is_symlink()
