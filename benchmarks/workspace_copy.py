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
    }


def measure(prepared: Prepared, folder: Path, repetitions: int) -> dict[str, float]:
    """Median seconds of each way, taken in turn so that a busy moment hits all of them."""
    times: dict[str, list[float]] = {}
    for number in range(repetitions + 1):
        for name, way in ways(prepared).items():
            target = folder / "copy"
            started = time.perf_counter()
            way(target)
            if number:  # the first round only warms up
                times.setdefault(name, []).append(time.perf_counter() - started)
            shutil.rmtree(target)
    return {name: statistics.median(taken) for name, taken in times.items()}


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
        base = figures["copies.copy (in use)"]
        print(f"\n{title}\n\n| way | median | ratio |\n|---|---|---|")
        for way, seconds in figures.items():
            print(f"| {way} | {1000 * seconds:.0f} ms | {seconds / base:.2f} |")


if __name__ == "__main__":
    main()
