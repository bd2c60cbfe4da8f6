"""Each condition of a check can hold and fail."""

import pytest

from scylla.domain.rubric import Check, FileMatch, Item, Scoring, TextMatch
from scylla.judge.checks import decide


def points(check: Check, tmp_path, *, exit_code=0, timed_out=False, stdout=b"", stderr=b""):
    item = Item(id="i", text="t", points=2.0, scoring=Scoring.BINARY, check=check)
    mark = decide(item, check, exit_code=exit_code, timed_out=timed_out, stdout=stdout, stderr=stderr, folder=tmp_path)
    assert bool(mark.points) == (mark.reason == "all conditions hold")
    return mark.points


def test_exit_code(tmp_path):
    assert points(Check(run="x"), tmp_path) == 2.0
    assert points(Check(run="x"), tmp_path, exit_code=1) == 0.0
    assert points(Check(run="x", exit_code=1), tmp_path, exit_code=1) == 2.0
    assert points(Check(run="x", exit_code=None), tmp_path, exit_code=9) == 2.0
    assert points(Check(run="x"), tmp_path, exit_code=None) == 0.0


def test_time_limit_gives_no_points(tmp_path):
    assert points(Check(run="x", exit_code=None), tmp_path, timed_out=True) == 0.0


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize(
    ("condition", "good", "bad"),
    [
        (TextMatch(equals="a\n"), b"a\n", b"a"),
        (TextMatch(contains="b"), b"abc", b"ac"),
        (TextMatch(pattern=r"^x\d$"), b"x1", b"xy"),
        (TextMatch(contains="a", pattern="z$"), b"az", b"a"),
        (TextMatch(equals=""), b"", b"x"),
    ],
)
def test_output(tmp_path, stream, condition, good, bad):
    check = Check(run="x", **{stream: condition})
    assert points(check, tmp_path, **{stream: good}) == 2.0
    assert points(check, tmp_path, **{stream: bad}) == 0.0


def test_files(tmp_path):
    (tmp_path / "there").write_text("hello\n")
    present = Check(run="x", files=(FileMatch(path="there", text=TextMatch(contains="hell")),))
    assert points(present, tmp_path) == 2.0
    assert points(Check(run="x", files=(FileMatch(path="gone"),)), tmp_path) == 0.0
    assert points(Check(run="x", files=(FileMatch(path="gone", exists=False),)), tmp_path) == 2.0
    assert points(Check(run="x", files=(FileMatch(path="there", exists=False),)), tmp_path) == 0.0
    assert points(Check(run="x", files=(FileMatch(path="there", text=TextMatch(equals="x")),)), tmp_path) == 0.0


def test_link_out_of_the_workspace_is_not_followed(tmp_path):
    (tmp_path / "secret").write_text("hello")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "link").symlink_to("../secret")
    check = Check(run="x", files=(FileMatch(path="link", text=TextMatch(contains="hello")),))
    assert points(check, tmp_path / "project") == 0.0


def test_binary_output_is_no_crash(tmp_path):
    assert points(Check(run="x", stdout=TextMatch(contains="x")), tmp_path, stdout=b"\xff\xfe") == 0.0
