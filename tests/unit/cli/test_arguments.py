"""Arguments are read exactly, and bad ones are named."""

import subprocess
import sys

import pytest

from scylla.cli.arguments import build_parser, expand_tiers


def parse(*words):
    return build_parser().parse_args(["run", "--tiers-dir", "cases", *words])


@pytest.mark.parametrize(
    ("words", "tiers"),
    [
        (["T0"], ("T0",)),
        (["t1", "T0", "T1"], ("T0", "T1")),
        (["T1..T3"], ("T1", "T2", "T3")),
        (["all"], ("T0", "T1", "T2", "T3", "T4", "T5", "T6")),
        (["T0", "T5..T6"], ("T0", "T5", "T6")),
    ],
)
def test_tiers(words, tiers):
    assert expand_tiers(words) == tiers


@pytest.mark.parametrize("word", ["T7", "T3..T1", "T0-T3", "", "T0..T9", "0"])
def test_words_that_are_no_tiers_are_named(word):
    with pytest.raises(ValueError, match="no tier") as raised:
        expand_tiers([word])
    assert repr(word) in str(raised.value)


def test_defaults():
    arguments = parse()
    assert (arguments.runs, arguments.parallel, arguments.tiers, arguments.timeout) == (10, 4, ["T0", "T1"], None)
    assert not any((arguments.offline, arguments.fresh, arguments.dry_run, arguments.json))


def test_lists_do_not_swallow_what_follows():
    arguments = parse("--tiers", "T0", "T1", "--judge-model", "a", "--judge-model", "b", "--runs", "2")
    assert (arguments.tiers, arguments.judge_model, arguments.runs) == (["T0", "T1"], ["a", "b"], 2)


@pytest.mark.parametrize(
    "words",
    [
        ["--runs", "0"],
        ["--runs", "1.5"],
        ["--runs", "many"],
        ["--parallel", "-1"],
        ["--timeout", "0"],
        ["--timeout", "nan"],
        ["--timeout", "inf"],
        ["--subtests", "03"],
        ["--max-subtests", "0"],
        ["-v", "-q"],
        ["--unknown"],
    ],
)
def test_bad_arguments_end_with_2(words, capsys):
    with pytest.raises(SystemExit) as raised:
        parse(*words)
    assert raised.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_help_loads_no_heavy_library():
    program = (
        "import sys; from scylla.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "COMMAND" in done.stdout
    heavy = {"aiohttp", "anyio", "asyncio", "jinja2", "pydantic", "rich", "sqlite3", "yaml", "numpy", "scipy", "altair"}
    assert not heavy & set(eval(done.stderr))
