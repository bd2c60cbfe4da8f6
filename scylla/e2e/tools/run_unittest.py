"""Run hidden unittest tests and write a JUnit report: `python3 -I run_unittest.py REPORT FOLDER…`.

Every `test*.py` below each FOLDER is loaded. FOLDER and the working folder can be imported from, after the standard
library, so that nothing in a workspace stands in for it. The tests run in a child process; the report is written by
this one, so that an exit in the middle is seen and a report made by the tested code does not count. Exit code 0 when
all passed.

Only the standard library, Python 3.8 and later.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
import tempfile
import traceback
import unittest
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TEXT_LIMIT = 4000


def main(arguments: list[str]) -> int:
    """Run, write the report, say how it went."""
    if len(arguments) < 2:
        print("usage: run_unittest.py REPORT FOLDER…", file=sys.stderr)  # noqa: T201
        return 2
    report = Path(arguments[0]).absolute()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        _run(arguments[1:], write_end)
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as lines:
        told = [json.loads(line) for line in lines]
    os.waitpid(child, 0)
    return _write_report(report, told)


def _run(folders: list[str], write_end: int) -> None:
    """The child: one line for each planned test, one for each that ended, and one at the end."""
    sys.pycache_prefix = tempfile.mkdtemp()  # compiled files beside the sources are never read
    sys.dont_write_bytecode = True
    folders = [str(Path(folder).absolute()) for folder in folders]
    sys.path += [*folders, str(Path.cwd())]

    def tell(**words: object) -> None:
        os.write(write_end, (json.dumps(words) + "\n").encode())

    intact = dict(vars(unittest.TestCase))
    suite = []
    for folder in folders:
        for file in sorted(Path(folder).rglob("test*.py")):
            name = ".".join(file.relative_to(folder).with_suffix("").parts)
            try:
                tests = list(_flat(unittest.defaultTestLoader.loadTestsFromModule(_load(name, file))))
            except BaseException:  # noqa: BLE001 - a broken module is a failed test, whatever it raised
                tell(test=[name, "import"], failure=traceback.format_exc()[-_TEXT_LIMIT:])
                continue
            suite += [(name, test) for test in tests]
    for name, test in suite:
        tell(planned=_identity(name, test))
    for name, test in suite:
        result = unittest.TestResult()
        _run_one(test, result, intact)
        tell(test=_identity(name, test), **_ending(result))
    tell(done=True)


def _load(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    sys.modules[name] = module
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def _flat(suite: unittest.TestSuite) -> Iterator[Any]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _flat(test)
        else:
            yield test


def _run_one(test: Any, result: unittest.TestResult, intact: Mapping[str, object]) -> None:  # noqa: ANN401
    """Run one test, unless the tested code has changed what asserts."""
    changed = [name for name, value in intact.items() if vars(unittest.TestCase).get(name) is not value]
    if changed:
        result.failures.append((test, f"unittest was changed: {changed}"))
        return
    try:
        unittest.TestSuite([test]).run(result)
    except BaseException:  # noqa: BLE001 - SystemExit in a test is a failure
        result.errors.append((test, traceback.format_exc()))


def _identity(name: str, test: Any) -> list[str]:  # noqa: ANN401
    return [f"{name}.{type(test).__name__}", getattr(test, "_testMethodName", str(test))]


def _ending(result: unittest.TestResult) -> dict[str, str]:
    broken = [text for _, text in (*result.failures, *result.errors)]
    broken += ["passed, but was expected to fail"] * len(result.unexpectedSuccesses)
    if broken:
        return {"failure": "\n".join(broken)[-_TEXT_LIMIT:]}
    return {"skipped": result.skipped[0][1]} if result.skipped else {}


def _write_report(report: Path, told: list[dict[str, Any]]) -> int:
    ended: dict[tuple[str, str], dict[str, Any]] = {}
    for words in told:
        if "test" in words:
            test = (words["test"][0], words["test"][1])
            if "failure" not in ended.get(test, {}):  # two folders may have a test of the same name
                ended[test] = words
    planned = [(words["planned"][0], words["planned"][1]) for words in told if "planned" in words]
    if not any("done" in words for words in told):
        ended[("run_unittest", "finished")] = {"failure": "the process ended before all tests had run"}
    for identity in planned:
        ended.setdefault(identity, {"failure": "did not run"})
    lines = []
    for (classname, name), words in ended.items():
        kind = next((kind for kind in ("failure", "skipped") if kind in words), None)
        inner = "" if kind is None else f"<{kind}>{_text(words[kind])}</{kind}>"
        lines.append(f"<testcase classname={_attribute(classname)} name={_attribute(name)}>{inner}</testcase>")
        if kind == "failure":
            print(f"FAILED {classname}::{name}\n{words[kind]}")  # noqa: T201
    with contextlib.suppress(FileNotFoundError):
        report.unlink()
    report.write_text("\n".join(["<testsuite>", *lines, "</testsuite>", ""]), encoding="utf-8")
    failed = sum("failure" in words for words in ended.values())
    print(f"{len(ended) - failed} of {len(ended)} tests passed or were skipped")  # noqa: T201
    return 1 if failed or not ended else 0


def _attribute(text: str) -> str:
    return quoteattr(_clean(text))


def _text(text: object) -> str:
    return escape(_clean(str(text)))


def _clean(text: str) -> str:
    """Without the characters that XML does not have."""
    kept = "".join(character for character in text if character in "\t\n\r" or " " <= character < "\ud800")
    return kept.encode(errors="replace").decode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
