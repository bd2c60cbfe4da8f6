"""Of a patch that is too long the files that matter are shown, and what is missing is said."""

import pytest
from judge_samples import CASE, added, binary

from scylla.judge.patch import show_patch, split_patch
from scylla.judge.prompt import Work, ask_about


def shown(*parts, named_in="", limit=3000):
    return show_patch(split_patch("".join(parts)), named_in=named_in, limit=limit)


def names(text):
    return [line.split()[2].removeprefix("a/") for line in text.split("\n") if line.startswith("diff --git")]


def test_patch_is_split_where_git_begins_a_file_and_nowhere_else():
    forged = added("a.py", "diff --git a/b.py b/b.py", "@@ -1,1 +1,900 @@", "GIT binary patch")
    files = split_patch(forged + added("dir/c d.py", "x"))
    assert [file.path for file in files] == ["a.py", "dir/c d.py"]
    assert not files[0].is_binary
    assert files[0].size == "3 lines added, 0 removed"
    assert 3 in next(hunk for hunk in files[0].hunks() if 1 in hunk)
    assert not any(900 in hunk for hunk in files[0].hunks())


@pytest.mark.parametrize(
    ("quoted", "path"), [("n\\303\\274.py", "nü.py"), ('a\\"b\\\\c', 'a"b\\c'), ("x\\ny\\tz", "x\ny\tz")]
)
def test_names_that_git_quotes(quoted, path):
    assert split_patch(added("", "x", quoted=quoted))[0].path == path


def test_everything_is_shown_where_it_fits():
    parts = [added("b.py", "x"), added("package-lock.json", "{}"), added("a.py", "y")]
    patch = shown(*parts)
    assert patch.told == ""
    assert patch.text == "".join(parts).rstrip("\n")


def test_file_that_became_a_link_is_shown_as_both():
    gone = added("a", "x").replace("new file", "deleted file").replace("+x", "-x")
    assert shown(gone, added("a", "target")).text == (gone + added("a", "target")).rstrip("\n")


def test_generated_files_go_first_then_the_large_ones_and_the_order_stays():
    parts = [
        added("vendor/lib.py", *["v" * 70] * 5),
        added("large.py", *["l" * 70] * 60),
        added("small.py", *["s" * 70] * 5),
        added("uv.lock", "tiny"),
        added("middle.py", *["m" * 70] * 20),
    ]
    patch = shown(*parts, limit=2600)
    assert names(patch.text) == ["small.py", "uv.lock", "middle.py"]
    assert patch.text.endswith(
        "[left out: vendor/lib.py, 5 lines added, 0 removed]\n[left out: large.py, 60 lines added, 0 removed]"
    )
    assert "Of 5 changed files 3 are shown whole, 2 not at all" in patch.told


@pytest.mark.parametrize("text", ["Change large.py.", "see src/deep/large.py", "all of `src/deep/`", "src/ only"])
def test_files_that_task_or_rubric_name_come_before_all_others(text):
    small = [added(f"s{number}.py", *["s" * 70] * 5) for number in range(8)]
    large = added("src/deep/large.py", *["l" * 70] * 30)
    assert "src/deep/large.py" not in names(shown(*small, large, limit=2500).text)
    assert "src/deep/large.py" in names(shown(*small, large, named_in=text, limit=2500).text)


def test_a_named_lock_file_matters():
    lock, code = added("uv.lock", *["l" * 70] * 20), added("a.py", *["a" * 70] * 20)
    assert names(shown(lock, code, limit=1900).text) == ["a.py"]
    assert names(shown(lock, code, named_in="uv.lock is up to date", limit=1900).text) == ["uv.lock"]


def test_a_file_longer_than_everything_is_shown_up_to_a_line():
    patch = shown(added("one.py", *[f"line {number}" for number in range(5000)]), limit=3000)
    lines = patch.text.split("\n")
    assert len(patch.text) <= 3000
    assert lines[6].startswith("+line 0")
    left = 5006 - (len(lines) - 1)
    assert lines[-1] == f"[the rest of one.py is left out: {left} of 5006 lines of its diff]"
    assert lines[-2] == f"+line {len(lines) - 1 - 7}"
    assert "1 in part" in patch.told


def test_binary_content_is_never_shown_but_told():
    patch = shown(binary("logo.png", 5000), added("a.py", "x"))
    assert names(patch.text) == ["logo.png", "a.py"]
    assert "[binary content, not shown]" in patch.text
    assert "zcmV" not in patch.text
    assert patch.told == ""


def test_writing_out_what_is_invisible_counts_as_length():
    patch = shown(added("a.py", "\u200b" * 900), limit=3000)
    assert len(patch.text) <= 3000


def test_very_many_files_are_not_all_named():
    patch = shown(*[added(f"f{number}.py", *["x" * 70] * 40) for number in range(500)], limit=100)
    assert patch.text.count("[left out: f") == 200
    assert patch.text.endswith("[left out: 300 more files]")


def test_the_judge_is_told_in_our_own_words_and_task_criteria_and_items_name_files():
    parts = "".join(added(f"s{number}.py", *["s" * 70] * 5) for number in range(8))
    work = Work(patch=parts + added("src/tool.py", *["l" * 70] * 30))
    prompt = ask_about(CASE, work, limit=2500).prompt
    assert "Of 9 changed files" in prompt.split("===== ")[0]
    assert "src/tool.py" in names(prompt)
