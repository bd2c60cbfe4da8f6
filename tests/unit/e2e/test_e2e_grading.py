"""A result can be graded whatever happens between its agent and its grading, and the evidence stays."""

import hashlib
import json
import shutil
from dataclasses import replace

import pytest
from test_e2e_resume import RUBRIC, Interrupter, Script, make_case, one_sitting, plan_for

from scylla.domain.rubric import Check, FileMatch
from scylla.stats.summary import summarise
from scylla.store.store import Store


class Lab:
    """An experiment of a few runs with a scripted agent that makes made.txt."""

    def __init__(self, folder, **changes):
        self.folder = folder
        self.script = Script([], [])
        self.case = replace(make_case(folder), **changes)
        plan = plan_for(self.case, 1)
        # A subtest that inherits waits for others to be scored, which is not what is tested here.
        subtests = tuple(subtest for subtest in plan.subtests if not subtest.inherits)
        labels = {subtest.label for subtest in subtests}
        order = tuple(key for key in plan.order if f"{key.tier}/{key.subtest}" in labels)
        self.plan = replace(plan, subtests=subtests, order=order)
        self.runs = len(self.plan.order)

    def sit(self, progress=None, **options):
        one_sitting(self.folder, self.plan, self.script, progress or Interrupter(0, "never"), parallel=1, **options)

    def records(self):
        with Store.open(self.folder / "experiment") as store:
            return store.records()

    def reasons(self):
        with Store.open(self.folder / "experiment") as store:
            return [run.reason for run in summarise(store.meta(), store.records()).runs]

    def attempt_folder(self, record):
        return self.folder / "experiment" / record.key.label / "attempt_01"


class KillBeforeGrading(Interrupter):
    """Kills the runner when the first result is about to be graded."""

    def __init__(self):
        super().__init__(0, "never")

    def grading_started(self, _key):
        self.left, self.how = 1, "kill"
        self.__getattr__("grading_started")()


def test_a_result_whose_workspace_is_gone_is_graded_by_its_patch(tmp_path):
    lab = Lab(tmp_path)
    lab.sit(KillBeforeGrading())
    (left,) = (tmp_path / "done").iterdir()
    shutil.rmtree(left)
    lab.sit()
    assert [record.score.score for record in lab.records()] == [0.75] * lab.runs
    assert lab.script.paid["agent"] == lab.runs, "no agent was paid again"
    noted = [note for record in lab.records() for note in record.grading.notes]
    assert any("workspace was gone" in note for note in noted)
    assert list((tmp_path / "scratch").glob("*")) == []


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_without_workspace_and_whole_patch_there_is_no_grade(tmp_path, damage):
    lab = Lab(tmp_path)
    lab.sit(KillBeforeGrading())
    (left,) = (tmp_path / "done").iterdir()
    shutil.rmtree(left)
    (patch,) = (tmp_path / "experiment").rglob("changes.patch")
    if damage == "gone":
        patch.unlink()
    else:
        patch.write_bytes(patch.read_bytes()[:-10])
    lab.sit()
    scores = [record.score for record in lab.records()]
    assert sum(score is None for score in scores) == 1
    assert any("so it can never be graded" in reason for reason in lab.reasons())


def test_a_missing_program_leaves_the_run_unscored_until_it_is_there(tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    lab = Lab(tmp_path, requires=("special-tool",))
    path = f"{tools}:/usr/bin:/bin"
    lab.sit(search_path=path)
    for record, reason in zip(lab.records(), lab.reasons(), strict=True):
        assert record.result is not None
        assert (record.grading, record.score) == (None, None)
        assert "case case-1 needs special-tool" in reason
    (tools / "special-tool").write_text("#!/bin/sh\n")
    (tools / "special-tool").chmod(0o755)
    lab.sit(search_path=path)
    assert [record.score.score for record in lab.records()] == [0.75] * lab.runs
    assert [record.ungraded_reason for record in lab.records()] == [""] * lab.runs
    assert lab.reasons() == [""] * lab.runs
    assert (lab.script.paid["agent"], lab.script.paid["judge"]) == (lab.runs, 1), "identical work is judged once"


def test_the_baseline_is_known_and_found_out_once(tmp_path):
    (category,) = RUBRIC.categories
    counted = tmp_path / "count"
    made, good = category.items
    always = replace(made, id="always", check=Check(run=f"echo x >> {counted}"))
    rubric = replace(RUBRIC, categories=(replace(category, items=(made, always, good)),))
    lab = Lab(tmp_path, rubric=rubric)
    lab.sit()
    for record in lab.records():
        assert [(mark.points_before, mark.points) for mark in record.grading.marks] == [(0.0, 1.0), (1.0, 1.0)]
    assert len(counted.read_text().split()) == lab.runs + 1, "once for each run, once for the baseline"
    with Store.open(tmp_path / "experiment") as store:
        assert [mark.points for mark in store.baseline("case-1").marks] == [0.0, 1.0]


def test_evidence_is_kept_with_its_digests(tmp_path):
    (category,) = RUBRIC.categories
    made, good = category.items
    made = replace(made, check=Check(run="cat README.md", files=(FileMatch(path="made.txt"),)))
    good = replace(good, text="missing.txt and ../../etc/passwd are not there")
    lab = Lab(tmp_path, rubric=replace(RUBRIC, categories=(replace(category, items=(made, good)),)))
    lab.sit()
    for record in lab.records():
        folder = lab.attempt_folder(record)
        manifest = json.loads((folder / "evidence/manifest.json").read_text())
        listed = {entry["path"]: entry for entry in manifest["contents"]}
        assert {
            "changes.patch", "changes.json", "checks/made/stdout.txt", "evidence/task.md", "evidence/message.md",
            "evidence/trajectory.jsonl", "evidence/files/made.txt", "evidence/files/README.md",
        } <= listed.keys()  # fmt: skip
        assert not any("passwd" in path or "missing" in path for path in listed)
        for path, entry in listed.items():
            assert hashlib.sha256((folder / path).read_bytes()).hexdigest() == entry["sha256"]
        assert listed["changes.patch"]["sha256"] == record.grading.patch_digest
        assert (folder / "evidence/task.md").read_text() == "Do it."
        assert (folder / "evidence/message.md").read_text() == "done"
        assert manifest["pinned_commit"]
        assert manifest["case_digest"] == lab.case.digest


def test_what_goes_wrong_with_one_run_does_not_end_the_others(tmp_path):
    lab = Lab(tmp_path)
    lab.sit(KillBeforeGrading())
    (attempt,) = (tmp_path / "experiment").rglob("attempt_01")
    (attempt / "checks").write_text("in the way of the folder")
    lab.sit()
    assert sum(record.score is None for record in lab.records()) == 1
    assert [reason for reason in lab.reasons() if reason.startswith("not graded: grading it failed: ")]
    (attempt / "checks").unlink()
    lab.sit()
    assert [record.score.score for record in lab.records()] == [0.75] * lab.runs
    assert lab.script.paid["agent"] == lab.runs
