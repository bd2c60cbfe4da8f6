"""What is recorded is read back whole, once, by this version alone, whatever happens to the writer."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from store_samples import AT, SCORE, SPEND, attempt, grading, key, plan, verdict

from scylla.domain.experiment import ExperimentMeta, describe
from scylla.domain.outcome import Outcome
from scylla.domain.record import JudgeCall, RunRecord, Verdict
from scylla.domain.tier import Setup, SystemPrompt
from scylla.errors import StoreError
from scylla.store.codec import decode, encode
from scylla.store.matching import find_matching
from scylla.store.reading import read_experiment
from scylla.store.store import Store


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "20260102T030405Z-case-1"


@pytest.fixture
def store(folder):
    with Store.create(folder, plan(), created_at=AT) as store:
        yield store


def claim(store, of=None):
    return store.claim_attempt(of or key(), started_at=AT, setup_digest="s")


def claim_call(store):
    return store.claim_judge_call(key(), attempt=1, judge_number=1, model="sonnet", started_at=AT)


def test_every_step_is_read_back_as_it_was_written(store, folder):
    assert claim(store) == 1
    store.finish_attempt(attempt(1, Outcome.RATE_LIMITED))
    assert claim(store) == 2
    store.finish_attempt(attempt(2))
    store.save_grading(grading())
    assert claim_call(store) == 1
    store.save_verdict(verdict(1, is_valid=False))
    assert claim_call(store) == 2
    store.save_verdict(verdict(2))
    store.save_score(key(), SCORE)
    expected = RunRecord(
        key=key(),
        attempts=(attempt(1, Outcome.RATE_LIMITED), attempt(2)),
        grading=grading(),
        verdicts=(verdict(1, is_valid=False), verdict(2)),
        score=SCORE,
    )
    assert store.record(key()) == expected
    assert expected in read_experiment(folder)[1]
    assert [record.key for record in store.records()] == list(store.planned()) == list(plan().order)


def test_what_was_never_finished_is_open_and_can_be_closed(store):
    claim(store)
    assert [(entry.key, entry.number) for entry in store.open_attempts()] == [(key(), 1)]
    assert store.record(key()).attempts == ()
    store.lose_attempt(key(), 1, SPEND)
    assert store.open_attempts() == ()
    assert (store.record(key()).lost_attempts, store.record(key()).lost_spend) == (1, SPEND)
    assert claim(store) == 2


def test_lost_judge_call_becomes_a_verdict_that_is_not_valid_and_keeps_its_cost(store):
    claim_call(store)
    (call,) = store.open_judge_calls()
    store.lose_judge_call(call, SPEND)
    (found,) = store.record(key()).verdicts
    assert (found.is_valid, found.spend, found.model) == (False, SPEND, "sonnet")
    assert store.open_judge_calls() == ()


def test_workspace_is_forgotten(store):
    claim(store)
    store.finish_attempt(attempt())
    store.forget_workspace(key(), 1)
    assert store.record(key()).attempts[0].workspace is None


@pytest.mark.parametrize("step", ["attempt", "lost", "grading", "verdict", "score"])
def test_no_step_is_recorded_twice(store, step):
    claim(store)
    claim_call(store)
    steps = {
        "attempt": lambda: store.finish_attempt(attempt()),
        "lost": lambda: store.lose_attempt(key(), 1, SPEND),
        "grading": lambda: store.save_grading(grading()),
        "verdict": lambda: store.save_verdict(verdict()),
        "score": lambda: store.save_score(key(), SCORE),
    }
    steps[step]()
    before = store.record(key())
    with pytest.raises(StoreError):
        steps[step]()
    assert store.record(key()) == before


def test_run_is_never_paid_for_twice(store):
    claim(store)
    with pytest.raises(StoreError):
        claim(store)
    store.finish_attempt(attempt())
    with pytest.raises(StoreError, match="has a result already"):
        claim(store)
    assert len(store.record(key()).attempts) == 1
    assert store.open_attempts() == ()
    claim_call(store)
    with pytest.raises(StoreError):
        claim_call(store)


def test_run_that_is_not_planned_is_no_run(store):
    with pytest.raises(KeyError):
        store.record(key("07"))


def test_extending_only_adds_and_never_shrinks(store):
    claim(store)
    store.finish_attempt(attempt())
    before = store.planned()
    store.extend(plan(runs=3, subtests=("00", "01", "02")))
    assert store.planned()[: len(before)] == before
    assert len(store.planned()) == len(set(store.planned())) == 9
    store.extend(plan(runs=1, subtests=("00",)))
    assert len(store.planned()) == 9
    assert store.meta().runs_per_subtest == 3
    assert [subtest.label for subtest in store.meta().subtests] == ["T0/00", "T0/01", "T0/02"]
    assert store.record(key()).attempts == (attempt(),)


def test_plan_file_is_readable_and_has_its_version_first(store, folder):
    document = json.loads((folder / "plan.json").read_text())
    assert next(iter(document)) == "format_version"
    assert document["conditions"]["model"] == "sonnet"
    assert len(document["runs"]) == 4


def test_second_writer_is_refused_and_a_reader_is_not(store, folder):
    with pytest.raises(StoreError) as raised:
        Store.open(folder)
    assert "another run" in raised.value.message
    assert str(os.getpid()) in raised.value.message
    assert len(read_experiment(folder)[1]) == 4


def test_other_versions_and_broken_files_are_named(store, folder):
    store.close()
    connection = sqlite3.connect(folder / "experiment.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for use in (Store.open, read_experiment):
        with pytest.raises(StoreError, match="99"):
            use(folder)
    (folder / "experiment.db").write_bytes(b"no database" * 100)
    for use in (Store.open, read_experiment):
        with pytest.raises(StoreError, match=r"experiment\.db"):
            use(folder)
    for use in (Store.open, read_experiment):
        with pytest.raises(StoreError, match="no experiment"):
            use(folder.parent)


def test_full_disk_is_one_error_and_loses_nothing(folder):
    program = f"""
import resource, sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
from store_samples import *
from scylla.store.store import Store
from scylla.errors import StoreError
import pathlib
store = Store.create(pathlib.Path({str(folder)!r}), plan(runs=40), created_at=AT)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
done = 0
try:
    for number in range(1, 41):
        for subtest in ("00", "01"):
            of = key(subtest, number)
            store.claim_attempt(of, started_at=AT, setup_digest="s")
            store.finish_attempt(attempt(of=of))
            done += 1
except StoreError as error:
    print("stopped", done, error.message)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("stopped"), done
    recorded = int(done.stdout.split()[1])
    assert sum(len(record.attempts) for record in read_experiment(folder)[1]) == recorded > 0


def test_killed_writer_leaves_whole_steps(tmp_path):
    program = """
import sys, pathlib
sys.path.insert(0, sys.argv[1])
from store_samples import *
from scylla.store.store import Store
with Store.create(pathlib.Path(sys.argv[2]), plan(runs=500), created_at=AT) as store:
    print("ready", flush=True)
    for number in range(1, 501):
        of = key("00", number)
        store.claim_attempt(of, started_at=AT, setup_digest="s")
        store.finish_attempt(attempt(of=of))
        store.save_grading(grading(of=of))
        print(number, flush=True)
"""
    chance = random.Random(3)
    for repetition in range(6):
        folder = tmp_path / str(repetition)
        command = [sys.executable, "-c", program, os.path.dirname(__file__), str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.01, 0.2))
            writer.send_signal(signal.SIGKILL)
            said = [int(line) for line in writer.stdout.read().split()]
        with Store.open(folder) as store:
            records = [store.record(key("00", number)) for number in range(1, 501)]
            whole = [record for record in records if record.grading is not None]
            assert len(whole) >= len(said), "what was reported as done is there"
            assert all(record.attempts == (attempt(of=record.key),) for record in whole)
            assert len(store.open_attempts()) <= 1


def test_records_of_before_are_read_with_what_was_not_known_then():
    new = {"question_digest": "q", "reused_from": JudgeCall(key=key(), judge_number=1, call=3)}
    mark = replace(verdict().marks[0], evidence_found=False)
    given = replace(verdict(), marks=(mark,), **new)
    assert decode(Verdict, encode(given)) == given
    old = json.loads(encode(given))
    for name in new:
        del old[name]
    del old["marks"][0]["evidence_found"]
    read = decode(Verdict, json.dumps(old))
    assert (read.question_digest, read.reused_from, read.evidence_missing) == (None, None, 0)
    assert read.marks[0].evidence_found is None
    meta = describe(plan(), created_at=AT)
    old = json.loads(encode(meta))
    del old["conditions"]["reuse_verdicts"]
    del old["cases"][0]["rubric"]["closing_message"]
    assert decode(ExperimentMeta, json.dumps(old)) == meta


def test_matching_experiment_is_found(store, folder):
    assert find_matching(folder.parent, plan(runs=9)).folder == folder
    assert find_matching(folder.parent, plan(subtests=("00", "05"))).folder == folder
    assert find_matching(folder.parent / "nothing", plan()).folder is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "opus"}, "model: sonnet, now opus"),
        ({"offline": False}, "mode: offline, now live"),
        ({"agent_version": "3.0.0"}, "agent CLI: 2.1.197, now 3.0.0"),
        ({"judge_models": ("a", "b")}, "judges: sonnet, now a, b"),
        ({"reuse_verdicts": False}, "identical work: judged once, now judged each time"),
        ({"timeout_s": 5.0}, "time limit: the case's, now 5 s"),
        ({"seed": 2}, "seed: 1, now 2"),
        ({"case_digests": (("case-1", "d2"),)}, "case case-1 has changed"),
    ],
)
def test_what_differs_is_said_in_words(store, folder, changes, words):
    match = find_matching(folder.parent, plan(**changes))
    assert match.folder is None
    assert match.differing[0].differences == (words,)


def test_changed_setup_and_broken_folder_do_not_match(store, folder):
    changed = plan(setup=Setup(system_prompt=SystemPrompt.NONE))
    assert "T0/00 has changed" in str(find_matching(folder.parent, changed).differing)
    broken = folder.parent / "20990101T000000Z-case-1"
    broken.mkdir()
    (broken / "experiment.db").write_bytes(b"x" * 5000)
    match = find_matching(folder.parent, plan())
    assert match.folder == folder
    assert match.differing[0].folder == broken


def test_records_of_a_killed_writer_are_whole_on_media_that_cannot_be_written(tmp_path):
    """The journal that a killed writer left is read too, though nothing can be written beside it."""
    program = """
import os, sys, pathlib
sys.path.insert(0, sys.argv[1])
from store_samples import *
from scylla.store.store import Store
store = Store.create(pathlib.Path(sys.argv[2]), plan(), created_at=AT)
store.claim_attempt(key(), started_at=AT, setup_digest="s")
store.finish_attempt(attempt())
os.kill(os.getpid(), 9)
"""
    folder = tmp_path / "killed"
    subprocess.run([sys.executable, "-c", program, os.path.dirname(__file__), str(folder)], check=False)
    assert (folder / "experiment.db-wal").stat().st_size > 0
    (folder / "experiment.db-shm").unlink()
    (folder / "experiment.db-shm").mkdir()  # what read-only media amount to: no shared memory can be made
    records = read_experiment(folder)[1]
    assert attempt() in [found for record in records for found in record.attempts]
