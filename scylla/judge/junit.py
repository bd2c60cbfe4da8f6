"""A test report in JUnit XML, read as what untrusted code may have written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.parsers import expat

REPORT_LIMIT_BYTES = 16 * 2**20

_DEEPEST = 50
_NOT_PASSED = frozenset({"failure", "error", "skipped"})
_NOT_RUN = frozenset({"notrun", "skipped", "suppressed", "disabled"})


class ReportError(ValueError):
    """The report cannot be used; the message says why."""


def read_report(content: bytes) -> Mapping[str, bool]:
    """Whether each test (`classname::name`) passed; one that occurs more than once passes when all of it does.

    ReportError for what is no JUnit XML, and for document types and entities: nothing is expanded or fetched.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(content, True)
    except ReportError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:  # the latter two for an encoding that it names
        raise ReportError(f"is no XML ({error})") from error
    if reader.root not in {"testsuites", "testsuite"}:
        raise ReportError(f"is no test report: it begins with <{reader.root:.40}>")
    return reader.tests


class _Reader:
    """Takes the test cases out of the stream of elements."""

    def __init__(self) -> None:
        self.tests: dict[str, bool] = {}
        self.root = ""
        self._path: list[str] = []
        self._test: str | None = None
        self._passed = True
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end

    @staticmethod
    def _refuse(*_: object) -> None:
        raise ReportError("declares a document type or entities, which no test runner writes")

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self.root = self.root or name
        self._path.append(name)
        if len(self._path) > _DEEPEST:
            raise ReportError(f"is nested more than {_DEEPEST} levels deep")
        if name == "testcase":
            self._test = one_line(f"{attributes.get('classname', '')}::{attributes.get('name', '')}")
            self._passed = not {attributes.get("status", ""), attributes.get("result", "")} & _NOT_RUN
        elif name in _NOT_PASSED and self._path[-2:-1] == ["testcase"]:
            self._passed = False

    def _end(self, name: str) -> None:
        self._path.pop()
        if name == "testcase" and self._test is not None:
            self.tests[self._test] = self._passed and self.tests.get(self._test, True)
            self._test = None


def one_line(text: str) -> str:
    """The name of a test as it is compared: XML makes blanks of the line breaks in attributes."""
    return re.sub(r"\s+", " ", text).strip()
