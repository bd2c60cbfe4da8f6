"""No check sees what another one left."""

from pathlib import Path
from types import SimpleNamespace

import anyio

from scylla.domain.rubric import DEFAULT_GRADE_SCALE, Category, Check, Item, Rubric, Scoring, TextMatch
from scylla.e2e.checking import Bench, run_checks
from scylla.workspace.graded import Recipe


def marks_of(tmp_path: Path, *commands: str, **options):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "a.txt").write_text("a\n")
    (tmp_path / "work" / "a.txt").chmod(0o644)
    (tmp_path / "work" / "CLAUDE.md").write_text("setup\n")
    items = tuple(
        Item(
            id=f"c{number}",
            text="",
            points=1.0,
            scoring=Scoring.BINARY,
            check=Check(run=command, **options),
        )
        for number, command in enumerate(commands)
    )
    rubric = Rubric(
        categories=(Category(name="all", weight=1.0, items=items),),
        pass_threshold=0.5,
        grade_scale=DEFAULT_GRADE_SCALE,
    )
    parts = SimpleNamespace(scratch=tmp_path / "scratch", search_path="/usr/bin:/bin")
    case = SimpleNamespace(id="case", rubric=rubric, requires=(), protect=(), hidden=None)
    (tmp_path / "pinned").mkdir()

    async def check():
        return await run_checks(
            case,
            tmp_path / "work",
            pinned=tmp_path / "pinned",
            overlay=("CLAUDE.md",),
            folder=tmp_path / "out",
            parts=parts,
        )

    checked = anyio.run(check)
    assert checked.problem == ""
    marks = checked.marks
    assert (tmp_path / "work" / "a.txt").read_text() == "a\n", "the workspace itself is never touched"
    assert list((tmp_path / "scratch").iterdir()) == []
    return [mark.points for mark in marks]


def test_each_check_starts_from_what_the_agent_left(tmp_path):
    same = (
        'test "$(cat a.txt)" = a && test "$(ls)" = a.txt && test "$(stat -c %a a.txt)" = "$MODE" '
        '&& test -z "$(ls -A $HOME)$(ls -A $TMPDIR)"'
    ).replace("$MODE", "644")
    spoil = ["echo b > a.txt", "rm a.txt", "touch new", "chmod 600 a.txt", "mkdir d", "ln -s a.txt l", "touch $HOME/x"]
    commands = [command for deed in spoil for command in (f"{same} && {deed}", same)]
    assert marks_of(tmp_path, *commands) == [1.0] * len(commands)


def test_change_of_the_same_size_with_times_set_back_is_undone(tmp_path):
    sneaky = "touch -r a.txt $TMPDIR/t; printf 'b\\n' > a.txt; touch -r $TMPDIR/t a.txt"
    assert marks_of(tmp_path, sneaky, 'test "$(cat a.txt)" = a') == [1.0, 1.0]


def test_files_of_the_setup_are_not_there(tmp_path):
    assert marks_of(tmp_path, "ls", stdout=TextMatch(equals="a.txt\n")) == [1.0]


def test_removing_the_files_of_the_setup_follows_no_link_of_the_agent(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "settings.json").write_text("mine")
    work = tmp_path / "work"
    work.mkdir()
    (work / ".claude").symlink_to(outside)
    (work / "CLAUDE.md").mkdir()
    (work / "CLAUDE.md" / "inner").write_text("x")
    (tmp_path / "pinned").mkdir()
    recipe = Recipe(pinned=tmp_path / "pinned", overlay=(".claude/settings.json", "CLAUDE.md"))
    bench = Bench(workspace=work, recipe=recipe, root=tmp_path / "bench")
    anyio.run(bench.make_ready)
    assert (outside / "settings.json").read_text() == "mine"
    assert list(bench.project.iterdir()) == []


def test_time_limit_and_daemons(tmp_path):
    assert marks_of(tmp_path, "setsid sleep 300 & sleep 300", timeout_s=0.5) == [0.0]


def test_no_file_of_a_check_grows_without_limit(tmp_path):
    assert marks_of(tmp_path, 'test "$(ulimit -f)" -le 2097152 && test "$0" = /bin/sh && test $# = 0') == [1.0]
