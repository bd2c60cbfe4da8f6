"""Print what a CSV file holds, column by column. Reads only.

Usage: python3 profile_csv.py FILE [--delimiter ';'] [--encoding utf-8-sig]
Exit: 0 read completely, 2 not readable as asked for.
"""

import argparse
import csv
import datetime
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PLACEHOLDERS = frozenset({"na", "n/a", "null", "none", "nan", "-", "--", "?", "unknown", "#n/a"})
DISTINCT_LIMIT = 10_000
BROKEN_SHOWN = 10


@dataclass
class Column:
    """Running counts over one column."""

    name: str
    kinds: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    padded: int = 0
    overflowed: bool = False

    def add(self, cell: str) -> None:
        """Count one cell."""
        text = cell.strip()
        self.padded += text != cell
        self.kinds[kind_of(text)] += 1
        if text in self.values or len(self.values) < DISTINCT_LIMIT:
            self.values[text] += 1
        else:
            self.overflowed = True

    def lines(self) -> Iterator[str]:
        """Yield the report on this column."""
        kinds = ", ".join(f"{kind} {count}" for kind, count in self.kinds.most_common())
        common = ", ".join(f"{value!r} {count}" for value, count in self.values.most_common(4))
        more_than = "more than " if self.overflowed else ""
        yield f"{self.name}: {more_than}{len(self.values)} distinct; {kinds}"
        yield f"    most common: {common}"
        if self.padded:
            yield f"    blanks at the edge: {self.padded}"


def kind_of(text: str) -> str:
    """Name the narrowest kind that fits a stripped cell."""
    if not text:
        return "empty"
    if text.lower() in PLACEHOLDERS:
        return "placeholder"
    digits = text.lstrip("+-")
    if digits.isdecimal():
        return "integer with leading zero" if len(digits) > 1 and digits[0] == "0" else "integer"
    try:
        float(text)
    except ValueError:
        pass
    else:
        return "number"
    try:
        datetime.date.fromisoformat(text[:10])
    except ValueError:
        return "text"
    return "ISO date"


def profile(records: Iterable[list[str]]) -> Iterator[str]:
    """Yield the report on records whose first one holds the column names."""
    rows = iter(records)
    header = next(rows, None)
    if header is None:
        yield "the file is empty"
        return
    columns = [Column(name.strip() or f"(column {number})") for number, name in enumerate(header, 1)]
    repeated_names = [name for name, count in Counter(column.name for column in columns).items() if count > 1]
    seen: set[int] = set()
    broken: list[str] = []
    broken_count = repeated = total = 0
    for number, row in enumerate(rows, 2):
        total += 1
        fingerprint = hash(tuple(row))
        repeated += fingerprint in seen
        seen.add(fingerprint)
        if len(row) != len(columns):
            broken_count += 1
            if len(broken) < BROKEN_SHOWN:
                broken.append(f"record {number} has {len(row)}")
            continue
        for index, cell in enumerate(row):
            columns[index].add(cell)
    yield f"{total} records below the header, {len(columns)} columns, {repeated} repeated records"
    if repeated_names:
        yield f"column names used more than once: {', '.join(repeated_names)}"
    if broken_count:
        yield f"{broken_count} records with another number of cells (left out below): {'; '.join(broken)}"
    for column in columns:
        yield from column.lines()


def main() -> int:
    """Report on the file named on the command line and return the exit code."""
    parser = argparse.ArgumentParser(description="Print what a CSV file holds, column by column.")
    parser.add_argument("file")
    parser.add_argument("--delimiter", default=",", help="one character (default: comma)")
    parser.add_argument("--encoding", default="utf-8-sig", help="default: utf-8-sig (UTF-8, with or without BOM)")
    options = parser.parse_args()
    try:
        with Path(options.file).open(encoding=options.encoding, newline="") as stream:
            for line in profile(csv.reader(stream, delimiter=options.delimiter)):
                sys.stdout.write(f"{line}\n")
    except (OSError, UnicodeError, LookupError, TypeError, csv.Error) as error:
        sys.stderr.write(f"{options.file}: {error}; check the path, --encoding and --delimiter\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
