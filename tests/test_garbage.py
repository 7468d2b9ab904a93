import gc

import pytest

from spacy_eiou.garbage import paused_collection


@pytest.fixture(autouse=True)
def collecting():
    yield
    gc.enable()


@pytest.mark.parametrize("is_enabled", [True, False])
def test_collection_is_as_it_was_afterwards(is_enabled):
    (gc.enable if is_enabled else gc.disable)()
    with pytest.raises(RuntimeError), paused_collection():
        assert not gc.isenabled()
        raise RuntimeError
    assert gc.isenabled() is is_enabled
