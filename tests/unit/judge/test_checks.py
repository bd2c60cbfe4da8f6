"""Each condition of a check can hold and fail."""

import pytest

from scylla.domain.rubric import Check, FileMatch, Item, JsonMatch, ReportMatch, Scoring, TextMatch
from scylla.domain.score import ItemMark
from scylla.judge.checks import decide, state_words


def points(check: Check, tmp_path, *, exit_code=0, timed_out=False, stdout=b"", stderr=b"", scoring=Scoring.BINARY):
    item = Item(id="i", text="t", points=2.0, scoring=scoring, check=check)
    mark = decide(item, check, exit_code=exit_code, timed_out=timed_out, stdout=stdout, stderr=stderr, folder=tmp_path)
    assert (mark.points == 2.0) == (mark.reason == "all conditions hold")
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


@pytest.mark.parametrize(
    ("condition", "good", "bad"),
    [
        ({"pointer": "/a/0/b~1c~0d", "equals": '"x"'}, '{"a": [{"b/c~d": "x"}]}', '{"a": [{"b/c~d": "y"}]}'),
        ({"equals": '{"a": 1, "b": [true, null]}'}, '{"b": [true, null], "a": 1.0}', '{"b": [1, null], "a": 1}'),
        ({"pointer": "/a", "equals": "1"}, '{"a": 1}', '{"a": true}'),
        ({"pointer": "/a", "equals": "1"}, '{"a": 1}', '{"a": "1"}'),
        ({"pointer": "/a", "equals": "null"}, '{"a": null}', "{}"),
        ({"pointer": "/1", "equals": "2"}, "[1, 2]", "[1]"),
        ({"pointer": "/01", "equals": "2"}, '{"01": 2}', "[1, 2]"),
        ({"pointer": "/", "equals": "2"}, '{"": 2}', "2"),
        ({"equals": "[0.3, 5]", "tolerance": 0.1}, "[0.4, 5]", "[0.41, 5]"),
        ({"equals": "0.3"}, "0.3", "0.30000001"),
        ({"equals": "1", "tolerance": 0.5}, "1.2", "1" + "0" * 400),
        ({"pointer": "/s", "at_most": 1.5, "at_least": 1.0}, '{"s": 1.5}', '{"s": 1.6}'),
        ({"at_least": 1.0}, "1", "0"),
        ({"at_least": 1.0}, "2", "true"),
        ({"at_least": 1.0}, "2", "1e999"),
        ({"at_most": 1.0}, "1", '"0"'),
        ({"at_most": 1.0}, "1", "-Infinity"),
        ({"equals": "1"}, "1", "1 2"),
        ({"equals": "[]"}, "[]", "[" * 100_000),
        ({"equals": "1"}, "1", "9" * 10_000),
    ],
)
def test_json(tmp_path, condition, good, bad):
    check = Check(run="x", json=(JsonMatch(**condition),))
    assert points(check, tmp_path, stdout=good.encode()) == 2.0
    assert points(check, tmp_path, stdout=bad.encode()) == 0.0
    in_file = Check(run="x", json=(JsonMatch(file="o.json", **condition),))
    assert points(in_file, tmp_path) == 0.0, "no file is no value"
    for text, expected in ((good, 2.0), (bad, 0.0)):
        (tmp_path / "o.json").write_text(text)
        assert points(in_file, tmp_path) == expected


def test_json_of_standard_error(tmp_path):
    check = Check(run="x", json=(JsonMatch(stream="stderr", equals="1"),))
    assert points(check, tmp_path, stderr=b"1", stdout=b"2") == 2.0
    assert points(check, tmp_path, stderr=b"2", stdout=b"1") == 0.0


PASS = '<testcase classname="t.T" name="{}"/>'
FAIL = '<testcase classname="t.T" name="{}"><failure message="no">x</failure></testcase>'
ERROR = '<testcase classname="t.T" name="{}"><system-out>x</system-out><error/></testcase>'
SKIP = '<testcase classname="t.T" name="{}"><skipped/></testcase>'


def report_points(tmp_path, *cases, scoring=Scoring.BINARY, **lists):
    (tmp_path / "r.xml").write_text(
        f'<?xml version="1.0"?><testsuites><testsuite>{"".join(cases)}</testsuite></testsuites>'
    )
    return points(Check(run="x", report=ReportMatch(file="r.xml", **lists)), tmp_path, scoring=scoring)


def test_all_tests_of_a_report_must_pass_and_there_must_be_one(tmp_path):
    assert report_points(tmp_path, PASS.format("a"), PASS.format("b")) == 2.0
    assert report_points(tmp_path) == 0.0
    for bad in (FAIL, ERROR, SKIP, PASS.replace("/>", ' status="notrun"/>')):
        assert report_points(tmp_path, PASS.format("a"), bad.format("b")) == 0.0


def test_lists_alone_decide(tmp_path):
    lists = {"fail_to_pass": ("t.T::a",), "pass_to_pass": ("t.T::b",)}
    assert report_points(tmp_path, PASS.format("a"), PASS.format("b"), FAIL.format("c"), **lists) == 2.0
    assert report_points(tmp_path, PASS.format("a"), PASS.format("c"), **lists) == 0.0, "missing is failed"
    assert report_points(tmp_path, PASS.format("a"), FAIL.format("a"), PASS.format("b"), **lists) == 0.0
    odd = {"fail_to_pass": ("t.T::two  words",)}
    assert report_points(tmp_path, PASS.format("two&#10;words"), **odd) == 2.0


def test_points_by_share(tmp_path):
    def share(*cases, **lists):
        return report_points(tmp_path, *cases, scoring=Scoring.SCALED, **lists)

    lists = {"fail_to_pass": ("t.T::a", "t.T::b"), "pass_to_pass": ("t.T::c", "t.T::d")}
    kept = (PASS.format("c"), PASS.format("d"))
    assert share(PASS.format("a"), PASS.format("b"), *kept, **lists) == 2.0
    assert share(PASS.format("a"), FAIL.format("b"), *kept, **lists) == 1.0
    assert share(FAIL.format("a"), FAIL.format("b"), *kept, **lists) == 0.0, "nothing for what passed before"
    assert share(PASS.format("a"), PASS.format("b"), PASS.format("c"), **lists) == 1.0
    assert share(PASS.format("a"), FAIL.format("b")) == 1.0
    assert report_points(tmp_path, PASS.format("a"), FAIL.format("b"), *kept, **lists) == 0.0, "all or nothing"
    check = Check(run="x", report=ReportMatch(file="r.xml"))
    assert points(check, tmp_path, exit_code=1, scoring=Scoring.SCALED) == 0.0, "the other conditions must hold"
    assert points(check, tmp_path, timed_out=True, scoring=Scoring.SCALED) == 0.0


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    '<testsuites><testcase classname="t" name="a">&b;</testcase></testsuites>'
)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ok 1 - a\n",
        b"<testsuites>",
        b'<html><testcase classname="t" name="a"/></html>',
        BOMB.encode(),
        BOMB.encode("utf-16"),
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuites><testcase classname="t" name="a"/></testsuites>',
        b"<testsuites>" + b"<testsuite>" * 100_000 + b"</testsuite>" * 100_000 + b"</testsuites>",
        b'<testsuites><testcase classname="t" name="a"/></testsuites>' + b" " * 2**24,
    ],
    ids=["empty", "tap", "cut", "html", "entities", "entities in utf-16", "external", "deep", "large"],
)
def test_a_report_that_is_none_gives_nothing(tmp_path, content):
    (tmp_path / "r.xml").write_bytes(content)
    assert points(Check(run="x", report=ReportMatch(file="r.xml")), tmp_path) == 0.0


@pytest.mark.parametrize("encoding", ["utf-7", "shift_jis", "hex", "idna", "punycode", "undefined", "no such thing"])
def test_a_report_in_an_encoding_that_is_none_gives_nothing(tmp_path, encoding):
    (tmp_path / "r.xml").write_text(f'<?xml version="1.0" encoding="{encoding}"?><testsuite/>')
    assert points(Check(run="x", report=ReportMatch(file="r.xml")), tmp_path) == 0.0


def test_a_report_behind_a_link_is_not_read(tmp_path):
    assert report_points(tmp_path, PASS.format("a")) == 2.0
    (tmp_path / "p" / "d").mkdir(parents=True)
    (tmp_path / "p" / "d" / "r.xml").write_text((tmp_path / "r.xml").read_text())
    (tmp_path / "p" / "r.xml").symlink_to("d/r.xml")
    (tmp_path / "p" / "link").symlink_to("d")
    (tmp_path / "p" / "pipe").mkdir()
    for place in ("r.xml", "link/r.xml", "none.xml", "pipe"):
        assert points(Check(run="x", report=ReportMatch(file=place)), tmp_path / "p") == 0.0


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        (2.0, None, "holds"),
        (0.0, None, "fails"),
        (2.0, 0.0, "holds (failed before)"),
        (0.0, 2.0, "fails (held before)"),
        (1.0, 0.5, "holds for 50% (failed before)"),
    ],
)
def test_state_in_words(now, before, words):
    item = Item(id="i", text="t", points=2.0, scoring=Scoring.BINARY)
    assert state_words(item, ItemMark(item_id="i", points=now, reason="", points_before=before)) == words
