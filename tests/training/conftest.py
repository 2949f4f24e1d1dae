import pytest

from gcvos_model.training.layouts import find_training_data
from gcvos_model.training.made_up_data import make_data


@pytest.fixture(scope="session")
def training_root(tmp_path_factory):
    """A small data set of every kind, in the layout of the readers."""
    root = tmp_path_factory.mktemp("data")
    make_data(root)
    return root


@pytest.fixture(scope="session")
def training_data(training_root):
    return find_training_data(training_root)
