"""Fixtures of the journeys."""

import pytest
from laboratory import FAKE_KEY, Lab, Provider, cli_binary, running_model


@pytest.fixture
def lab(tmp_path):
    return Lab(root=tmp_path, claude=cli_binary("claude"))


@pytest.fixture
def provider(tmp_path, lab):
    lab.env["ANTHROPIC_API_KEY"] = FAKE_KEY
    with running_model() as (model, portal):
        yield Provider(model=model, portal=portal, folder=tmp_path)
