"""A graded copy is the agent's work with what might decide its grade put right; nothing outside is touched."""

import os
from pathlib import Path

import pytest

from scylla.workspace.graded import Recipe, clear_place, files_below, make_graded, protects
from scylla.workspace.removal import remove_tree


class Trees:
    """A pinned tree, the agent's, hidden files, and something outside."""

    def __init__(self, root):
        self.root = root
        for name in ("pinned/.git", "work/.git", "hidden", "outside"):
            (root / name).mkdir(parents=True)
        (root / "pinned/.git/config").write_text("[pinned]\n")
        (root / "outside/file").write_text("outside")

    def write(self, **files):
        for tree, content in files.items():
            for name, text in content.items():
                path = self.root / tree / name
                path.parent.mkdir(parents=True, exist_ok=True)
                if isinstance(text, bytes):
                    path.symlink_to(os.fsdecode(text))
                else:
                    path.write_text(text)

    def grade(self, *, hidden=True, **recipe):
        recipe = Recipe(pinned=self.root / "pinned", hidden=self.root / "hidden" if hidden else None, **recipe)
        notes = make_graded(self.root / "work", self.root / "copy", recipe)
        assert (self.root / "outside/file").read_text() == "outside"
        assert [path.name for path in (self.root / "outside").iterdir()] == ["file"]
        found = {}
        for path in (self.root / "copy").rglob("*"):
            name = str(path.relative_to(self.root / "copy"))
            if path.is_symlink():
                found[name] = os.readlink(path).encode()
            elif path.is_file() and ".git" not in path.parts:
                found[name] = path.read_text()
        return found, notes


@pytest.fixture
def trees(tmp_path):
    return Trees(tmp_path)


@pytest.mark.parametrize(
    ("patterns", "yes", "no"),
    [
        (("conftest.py",), ["conftest.py", "a/b/conftest.py", "conftest.py/x"], ["xconftest.py", "conftest.pyc"]),
        (("*.dist-info",), ["e.dist-info/entry_points.txt", "a/e.dist-info"], ["dist-info"]),
        (("tests/**",), ["tests/a", "tests/b/c"], ["a/tests/b", "tests"]),
        (("tests/",), ["tests/a", "a/tests/b"], ["test"]),
        (("src/*.cfg",), ["src/a.cfg"], ["src/a/b.cfg", "a.cfg"]),
        (("**/x.py",), ["x.py", "a/b/x.py"], ["ax.py"]),
        (("a?[b]",), ["ax[b]"], ["axb", "a/[b]"]),
        (("tests/**", "!tests/data/**"), ["tests/a"], ["tests/data/x"]),
        (("conftest.py", "!*"), [], ["conftest.py"]),
        (("!*", "conftest.py"), ["conftest.py"], ["x"]),
        (("**/site-packages/*.pth",), ["v/lib/site-packages/e.pth", "site-packages/e.pth"], ["model.pth"]),
        (("a.b",), ["a.b"], ["axb"]),
    ],
)
def test_patterns(patterns, yes, no):
    decide = protects(patterns)
    assert [path for path in (*yes, *no) if decide(path)] == yes


def test_protected_files_are_as_at_the_pinned_commit(trees):
    trees.write(
        pinned={"tests/a.py": "a", "tests/gone.py": "g", "tests/sub/b.py": "b", "tests/same.py": "s", "keep.py": "k"},
        work={"tests/a.py": "changed", "tests/new.py": "n", "tests/sub": "a file now", "tests/same.py": "s"},
    )
    trees.write(work={"keep.py": "changed", "conftest.py": "planted"})
    found, notes = trees.grade(protect=("tests/**", "conftest.py"))
    kept = {"tests/a.py": "a", "tests/gone.py": "g", "tests/sub/b.py": "b", "tests/same.py": "s"}
    assert found == kept | {"keep.py": "changed"}
    said = " ".join(notes)
    assert "conftest.py: not there" in said
    assert "tests/a.py: as at the pinned commit" in said
    assert "same.py" not in said


def test_links_in_the_way_are_replaced_and_never_followed(trees):
    trees.write(
        pinned={"tests/a.py": "a"},
        hidden={"acceptance/t.py": "t", "file": "hidden"},
        work={"tests": b"../outside", "acceptance": b"../outside", "file": b"../outside/file", "CLAUDE.md": b"file"},
    )
    found, _ = trees.grade(protect=("tests/**",), overlay=("CLAUDE.md",))
    assert found == {"tests/a.py": "a", "acceptance/t.py": "t", "file": "hidden"}


@pytest.mark.parametrize("inner", [b"real", b"./real/..//real"])
def test_links_out_of_the_tree_are_gone_unless_they_are_pinned(trees, inner):
    trees.write(
        pinned={"own": b"../outside/file", "changed": b"../outside/file"},
        work={"own": b"../outside/file", "changed": b"../outside", "abs": b"/etc/hostname", "up": b"../work/x"},
    )
    trees.write(work={"real": "r", "inner": inner, "chain": b"up", "loop": b"loop", "dangling": b"nothing"})
    found, notes = trees.grade(hidden=False)
    assert found.keys() - {"chain"} == {"own", "real", "inner", "loop", "dangling"}
    assert "abs: not there for the checks" in " ".join(notes)


def test_files_of_the_setup_are_as_at_the_pinned_commit(trees):
    trees.write(pinned={"CLAUDE.md": "mine"}, work={"CLAUDE.md": "the set-up's", ".claude/x": "the set-up's"})
    assert trees.grade(hidden=False, overlay=("CLAUDE.md", ".claude/x"))[0] == {"CLAUDE.md": "mine"}


def test_a_hidden_folder_that_the_commit_has_not_is_hidden_files_alone(trees):
    trees.write(
        pinned={"tests/old.py": "o"},
        hidden={"acceptance/deep/t.py": "t", "acceptance/__pycache__/t.pyc": "left", "tests/new.py": "hidden"},
        work={"acceptance/__init__.py": "planted", "acceptance/deep/x.py": "x", "tests/old.py": "o"},
    )
    trees.write(work={"tests/new.py": "guessed", "tests/mine.py": "m", "tests/__pycache__/new.pyc": "planted"})
    found, _ = trees.grade()
    assert found == {"acceptance/deep/t.py": "t", "tests/new.py": "hidden", "tests/old.py": "o", "tests/mine.py": "m"}


def test_hidden_files_keep_their_mode(trees):
    trees.write(hidden={"run.sh": "x"})
    (trees.root / "hidden/run.sh").chmod(0o755)
    trees.grade()
    assert os.access(trees.root / "copy/run.sh", os.X_OK)


def test_the_repository_is_configured_as_in_the_beginning(trees):
    trees.write(
        work={
            ".git/config": "[evil]\n", ".git/hooks/pre-commit": "evil", ".git/info/attributes": "evil",
            ".git/commondir": "/elsewhere", ".git/config.worktree": "evil", ".git/HEAD": "ref: refs/heads/main",
        }
    )  # fmt: skip
    trees.grade(hidden=False)
    repository = trees.root / "copy/.git"
    left = sorted(str(path.relative_to(repository)) for path in repository.rglob("*") if path.is_file())
    assert left == ["HEAD", "config"]
    assert (repository / "config").read_text() == "[pinned]\n"


def test_place_of_a_report_is_cleared_without_following_links(trees):
    trees.write(work={"out": b"../outside", "r.xml/inner": "x"})
    for path in ("out/file", "r.xml", "new/r.xml"):
        clear_place(path, trees.root / "work")
    assert (trees.root / "outside/file").exists()
    assert (trees.root / "work/out").is_dir()
    assert not (trees.root / "work/out").is_symlink()
    assert not (trees.root / "work/r.xml").exists()
    assert (trees.root / "work/new").is_dir()


def test_folders_deeper_than_the_stack_are_walked(tmp_path):
    top, deep = tmp_path / "top", f"{tmp_path}/top"
    try:
        for _ in range(1200):
            os.mkdir(deep)
            deep += "/d"
        Path(deep).write_text("x")
        assert [path.count("/") for path in files_below(top)] == [1199]
    finally:
        remove_tree(top)
