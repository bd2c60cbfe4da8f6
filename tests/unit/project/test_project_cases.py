"""Every case of ours tells its own solution from nothing, on this machine, by the way runs are graded."""

import os
from pathlib import Path

import anyio
import pytest

from scylla.adapters.anchors import NOP
from scylla.cli.machine import find_cli, search_path
from scylla.cli.proof import faults
from scylla.config.cases import load_cases
from scylla.domain.anchor import EMPTY_MOST_SCORE, REFERENCE_LEAST_SCORE
from scylla.e2e.anchors import ProofGrounds, prove_cases

FOLDERS = sorted(file.parent for file in (Path(__file__).parents[2] / "fixtures" / "tests").glob("*/test.yaml"))


def test_the_bounds_are_those_that_were_promised():
    assert (REFERENCE_LEAST_SCORE, EMPTY_MOST_SCORE) == (0.95, 0.15)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_reference_scores_near_one_and_nothing_near_zero(tmp_path, folder):
    loaded = load_cases([folder])
    assert loaded.problems == ()

    async def prove():
        grounds = ProofGrounds(
            work=tmp_path, scratch=tmp_path / "scratch", search_path=search_path(os.environ),
            cli=await find_cli(NOP, os.environ), network={}, repeats=1, told=lambda _text: None,
        )  # fmt: skip
        return await prove_cases(loaded.cases, grounds)

    (proof,) = anyio.run(prove)
    assert proof.missing == ""
    assert list(faults(proof)) == []
    assert proof.reference_range is not None, "it has a reference"
    assert proof.reference_range.highest >= REFERENCE_LEAST_SCORE, proof.failed
    assert proof.empty_range.lowest <= EMPTY_MOST_SCORE, proof.unearned
    assert proof.settles, "whatever judges say, the reference scores higher"
