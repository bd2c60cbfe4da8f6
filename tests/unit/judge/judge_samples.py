"""A case, patches as git writes them, and a reader of prompts."""

import re
from dataclasses import replace
from pathlib import Path

from scylla.domain.case import Case, Source, SourceKind
from scylla.domain.rubric import DEFAULT_GRADE_SCALE, Category, Check, Item, Rubric, Scoring
from scylla.domain.score import ItemMark

CHECK = Item(id="runs", text="It runs", points=2.0, scoring=Scoring.BINARY, check=Check(run="true"))
STYLE = Item(id="style", text="Readable", points=2.0, scoring=Scoring.SCALED)
DOCS = Item(id="docs", text="Documented", points=1.0, scoring=Scoring.BINARY, na_condition="no public function")
RUBRIC = Rubric(
    categories=(Category(name="all", weight=1.0, items=(CHECK, STYLE, DOCS)),),
    pass_threshold=0.6,
    grade_scale=DEFAULT_GRADE_SCALE,
)
CASE = Case(
    id="secret-case-id", name="Secret name", description="secret description", language="python",
    folder=Path("/secret/folder"), source=Source(kind=SourceKind.FOLDER, location="/secret/source", commit=None),
    prompt="Write src/tool.py.", criteria="It is small.", rubric=RUBRIC, timeout_s=60.0, max_cost_usd=7.77,
    tiers=("T0",), tags=("secret-tag",), offline_file=None, digest="secret-digest",
)  # fmt: skip
FAILED = ItemMark(item_id="runs", points=0.0, reason="exit code 1 instead of 0", evidence="stderr: no such file")
HELD = replace(FAILED, points=2.0, reason="all conditions hold", evidence="stdout: fine")


def added(path: str, *lines: str, quoted: str | None = None) -> str:
    """The part of a patch that adds a file; `quoted` is its name as git writes it where that differs."""
    old, new = (f"{side}/{path}" if quoted is None else f'"{side}/{quoted}"' for side in "ab")
    head = f"diff --git {old} {new}\nnew file mode 100644\nindex {'0' * 40}..{'1' * 40}\n--- /dev/null\n+++ {new}\n"
    return head + f"@@ -0,0 +1,{len(lines)} @@\n" + "".join(f"+{line}\n" for line in lines)


def binary(path: str, lines: int) -> str:
    head = f"diff --git a/{path} b/{path}\nindex {'0' * 40}..{'1' * 40} 100644\n"
    return head + "GIT binary patch\nliteral 5200\n" + "zcmV<JGf4Ub7Xp8\n" * lines + "\n"


def parse(prompt: str):
    """The sections that are ours, by title, and the material, by title: as the judge is told to read it."""
    (code,) = set(re.findall(r"between lines that carry the code ([0-9a-f]{32})\.", prompt))
    ours, material, inside = {}, {}, None
    title = None
    for line in prompt.split("\n"):
        edge = re.fullmatch(rf"===== {code} (begin|end): (.*) =====", line)
        if edge and edge[1] == "begin":
            assert inside is None
            inside = edge[2]
            assert inside not in material
            material[inside] = []
        elif edge:
            assert inside == edge[2]
            inside = None
        elif inside is not None:
            assert code not in line
            material[inside].append(line)
        elif line.startswith("# "):
            title = line[2:]
            assert title not in ours
            ours[title] = []
        else:
            ours[title].append(line)
    assert inside is None
    return tuple({name: "\n".join(lines) for name, lines in part.items()} for part in (ours, material))
