"""How long a private copy of a prepared source takes, way by way. Prints ratios to the way that is used."""

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio

from scylla.domain.case import Source, SourceKind
from scylla.workspace.copies import copy
from scylla.workspace.prepare import Prepared, prepare

ENV = {
    "PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b", "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip


def run(*command: str, cwd: Path) -> None:
    subprocess.run(command, cwd=cwd, env=ENV, check=True, capture_output=True)


def make_source(folder: Path, *, files: int, commits: int) -> Path:
    """A repository of generated text files."""
    folder.mkdir()
    run("git", "init", "-q", cwd=folder)
    for number in range(files):
        path = folder / f"package_{number % 50}" / f"module_{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"value_{line} = {line * number}\n" for line in range(60)))
    for number in range(commits):
        (folder / f"package_{number % 20}" / "CHANGES.txt").write_text(f"change {number}\n")
        run("git", "add", "-A", cwd=folder)
        run("git", "commit", "-qm", f"change {number}", cwd=folder)
    return folder


def hard_links(source: Path, target: Path) -> None:
    """The work tree copied, the objects linked."""
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("objects"))
    shutil.copytree(source / ".git" / "objects", target / ".git" / "objects", copy_function=os.link)


def overlay_mount(source: Path, target: Path) -> None:
    """Copies nothing; needs a right to mount. Unmounted again by `remove`."""
    for made in (target, *layers_of(target)):
        made.mkdir()
    upper, work = layers_of(target)
    options = f"lowerdir={source},upperdir={upper},workdir={work}"
    run("mount", "-t", "overlay", "overlay", "-o", options, str(target), cwd=target.parent)


def layers_of(target: Path) -> tuple[Path, Path]:
    return target.with_name("upper"), target.with_name("work")


def remove(target: Path) -> None:
    if target.is_mount():
        run("umount", str(target), cwd=target.parent)
    for folder in (target, *layers_of(target)):
        shutil.rmtree(folder, ignore_errors=True)


def ways(prepared: Prepared) -> dict[str, Callable[[Path], object]]:
    source = str(prepared.folder)
    return {
        "copies.copy (in use)": lambda target: anyio.run(copy, prepared, target),
        "shutil.copytree": lambda target: shutil.copytree(source, target, symlinks=True),
        "git clone --no-hardlinks": lambda target: run(
            "git", "clone", "-q", "--no-hardlinks", source, str(target), cwd=target.parent
        ),
        "git clone --local (links objects)": lambda target: run(
            "git", "clone", "-q", "--local", source, str(target), cwd=target.parent
        ),
        "copy, objects hard-linked": partial(hard_links, prepared.folder),
        "overlay file system": partial(overlay_mount, prepared.folder),
    }


def measure(prepared: Prepared, folder: Path, repetitions: int) -> dict[str, tuple[float, float] | str]:
    """Median seconds of each way and of the first `git status` after it, or why it is not possible here.

    The ways are taken in turn, so that a busy moment hits all of them.
    """
    copying_s: dict[str, list[float]] = {}
    status_s: dict[str, list[float]] = {}
    refused: dict[str, str] = {}
    for number in range(repetitions + 1):
        for name, way in ways(prepared).items():
            if name in refused:
                continue
            target = folder / "copy"
            started = time.perf_counter()
            try:
                way(target)
                copied = time.perf_counter()
                run("git", "status", "--porcelain", cwd=target)
                if number:  # the first round only warms up
                    copying_s.setdefault(name, []).append(copied - started)
                    status_s.setdefault(name, []).append(time.perf_counter() - copied)
            except (subprocess.CalledProcessError, FileNotFoundError) as error:
                refused[name] = (getattr(error, "stderr", b"") or str(error).encode()).decode().strip()
            finally:
                remove(target)
    done = {name: (statistics.median(taken), statistics.median(status_s[name])) for name, taken in copying_s.items()}
    return {name: done.get(name, refused.get(name, "")) for name in ways(prepared)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    for title, files, commits in (("20 files, 3 commits", 20, 3), ("5,000 files, 200 commits", 5000, 200)):
        with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
            folder = Path(name)
            source = make_source(folder / "source", files=files, commits=commits)
            commit = subprocess.run(
                ["git", "rev-parse", "HEAD"], cwd=source, env=ENV, check=True, capture_output=True, text=True
            ).stdout.strip()
            pinned = Source(kind=SourceKind.FOLDER, location=str(source), commit=commit)
            prepared = anyio.run(prepare, pinned, folder / "made")
            figures = measure(prepared, folder, arguments.repetitions)
        used = figures["copies.copy (in use)"]
        assert not isinstance(used, str), used
        print(f"\n{title}\n\n| way | median | ratio | first git status |\n|---|---|---|---|")
        for way, taken in figures.items():
            if isinstance(taken, str):
                print(f"| {way} | not possible here: {taken} | | |")
            else:
                print(f"| {way} | {1000 * taken[0]:.0f} ms | {taken[0] / used[0]:.2f} | {1000 * taken[1]:.0f} ms |")


if __name__ == "__main__":
    main()
