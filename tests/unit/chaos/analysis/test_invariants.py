"""The judge of the chaos finds what it is there for, and nothing in a clean farm."""

from __future__ import annotations

import hashlib
import inspect
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from chaos.analysis.evidence import Evidence, JobRecord, JobTransition
from chaos.analysis.invariants import check_invariants
from chaos.episode import HUNG_REASON
from chaos.hash_chain import FIRST_SEED, last_link, pixels
from chaos.records import (
    ChildRequest,
    LostCommits,
    RemovedInput,
    RequestedAction,
    Submission,
)
from shared.states import JobState
from worker import watchdog

SEED, ITERATIONS = FIRST_SEED + 7, 12
PAINTED = b"the bytes of an undisturbed picture"


def png(link):
    buffer = BytesIO()
    Image.fromarray(pixels(link, 43, 64)).save(buffer, "PNG")
    return buffer.getvalue()


def moved(event, was, state, fence, job_id="job_a", at=0.0):
    return JobTransition(job_id, event, was, state, fence, at)


LIFE = (
    moved("submit", None, "queued", 0),
    moved("claim", "queued", "running", 1),
    moved("rescue", "running", "queued", 2),
    moved("claim", "queued", "running", 3),
    moved("complete", "running", "succeeded", 3),
)


def row(data, **more):
    whole = {
        "id": "job_a",
        "name": "chain 0",
        "state": JobState.SUCCEEDED,
        "fence": 3,
        "result_key": "results/job_a/3-n.png",
        "result_digest": hashlib.sha256(data).hexdigest(),
        "completion": "full",
        "iteration": ITERATIONS,
        "iterations": ITERATIONS,
        "error_code": None,
        "error_message": None,
        "exact": True,
        "exact_reason": None,
        "params": {"seed": SEED, "style_weight": 8.0},
    }
    return JobRecord(**{**whole, **more})


def submission(**more):
    whole = {
        "name": "chain 0",
        "kind": "chain",
        "variant": SEED,
        "params": {},
        "job_id": "job_a",
        "is_unknown": False,
        "at": 0.0,
        "seconds": 0.1,
    }
    return Submission(**{**whole, **more})


def evidence(*, weights=((0, 8.0),), result=None, asked=(), events=LIFE, **of_row):
    data = result or png(last_link(SEED, ITERATIONS, weights))
    return Evidence(
        submissions=[submission()],
        actions=asked,
        rows=[row(data, **of_row)],
        events={"job_a": events},
        weights={"job_a": weights},
        results={"results/job_a/3-n.png": data},
        pictures={0: PAINTED},
        counts={"own_local": (0, 0)},
    )


def kinds(found):
    return sorted({one.kind for one in check_invariants(found)})


def test_a_clean_farm_is_found_clean():
    assert check_invariants(evidence()) == []


def test_a_job_that_was_accepted_and_has_no_row_is_lost():
    clean = evidence()

    found = replace(clean, submissions=[*clean.submissions, submission(job_id="job_b")])

    assert kinds(found) == ["lost"]


def test_a_job_that_never_ends_is_stuck():
    queued = {"state": JobState.QUEUED, "fence": 2, "result_key": None}

    found = evidence(events=LIFE[:3], **queued)

    assert kinds(replace(found, counts={"own_local": (1, 0)})) == ["stuck"]


def test_a_submission_with_two_rows_is_doubled():
    clean = evidence()
    events = [replace(one, job_id="job_b") for one in LIFE]
    data = clean.results["results/job_a/3-n.png"]
    other = row(data, id="job_b", result_key="results/job_b/3-n.png")

    found = replace(
        clean,
        rows=[*clean.rows, other],
        events={**clean.events, "job_b": events},
        weights={**clean.weights, "job_b": ((0, 8.0),)},
        results={**clean.results, "results/job_b/3-n.png": data},
    )

    assert kinds(found) == ["doubled"]


def test_a_job_that_completed_twice_is_doubled():
    again = moved("complete", "succeeded", "succeeded", 3)

    assert "doubled" in kinds(evidence(events=(*LIFE, again)))


def test_a_result_of_an_older_claim_is_doubled():
    clean = evidence(result_key="results/job_a/1-n.png")
    data = clean.results["results/job_a/3-n.png"]

    found = replace(clean, results={"results/job_a/1-n.png": data})

    assert kinds(found) == ["doubled"]


@pytest.mark.parametrize(
    "link",
    [
        last_link(SEED, ITERATIONS - 1, [(0, 8.0)]),  # a link is missing
        last_link(SEED + 1, ITERATIONS, [(0, 8.0)]),  # another job's
        last_link(SEED, ITERATIONS, [(0, 8.0), (5, 9.0)]),  # steered, and nobody did
    ],
    ids=["short", "foreign", "steered"],
)
def test_a_chain_with_a_wrong_digest_is_unequal(link):
    assert kinds(evidence(result=png(link))) == ["unequal"]


def test_a_steered_chain_is_checked_with_its_segments():
    assert (
        check_invariants(evidence(weights=((0, 8.0), (4, 2.5), (4, 3.5), (9, 1.0))))
        == []
    )


def test_a_picture_that_differs_in_one_byte_is_unequal():
    clean = evidence(result=PAINTED)
    sent = submission(kind="style", variant=0)
    spoiled = PAINTED[:-1] + b"!"

    assert check_invariants(replace(clean, submissions=[sent])) == []
    found = replace(evidence(result=spoiled), submissions=[sent])
    assert kinds(found) == ["unequal"]


def test_a_result_that_is_not_exact_is_unequal():
    assert kinds(evidence(exact=False, exact_reason="other threads")) == ["unequal"]


def test_a_result_whose_blob_is_gone_is_lost():
    assert kinds(replace(evidence(), results={})) == ["lost"]


def test_a_job_that_a_fault_has_failed_is_found():
    end = moved("fail", "running", "failed", 3)
    ended = {"state": JobState.FAILED, "result_key": None, "error_code": "engine-error"}

    assert kinds(evidence(events=(*LIFE[:4], end), **ended)) == ["failed"]


def test_a_job_that_lost_three_workers_in_a_row_may_fail():
    life = [LIFE[0]]
    for fence in (1, 3, 5):
        life.append(moved("claim", "queued", "running", fence))
        life.append(moved("rescue", "running", "queued", fence + 1))
    life[-1] = moved("crash_loop", "running", "failed", 6)
    ended = {
        "state": JobState.FAILED,
        "result_key": None,
        "error_code": "worker-lost",
        "fence": 6,
    }

    assert check_invariants(evidence(events=tuple(life), **ended)) == []
    assert kinds(evidence(events=(*life[:-4], *life[-2:]), **ended)) == ["failed"]


def test_an_event_that_is_no_move_of_the_tables_is_untrue():
    strange = moved("complete", "queued", "succeeded", 3)

    assert "untrue" in kinds(evidence(events=(*LIFE[:3], strange)))


def test_a_claim_that_raises_no_fence_is_untrue():
    again = moved("claim", "queued", "running", 2)
    end = moved("complete", "running", "succeeded", 3)

    assert kinds(evidence(events=(*LIFE[:3], again, end))) == ["untrue"]


def test_a_row_that_its_events_do_not_lead_to_is_untrue():
    assert "untrue" in kinds(evidence(events=LIFE[:-1]))


def test_an_api_that_tells_another_state_is_untrue():
    assert (
        check_invariants(replace(evidence(), api_states={"job_a": ("succeeded",)}))
        == []
    )
    differ = {"job_a": ("succeeded", "running")}  # of two servers, one is behind
    assert kinds(replace(evidence(), api_states=differ)) == ["untrue"]


def test_wrong_counts_of_an_owner_are_untrue():
    assert kinds(replace(evidence(), counts={"own_local": (0, 1)})) == ["untrue"]


def test_a_cancel_that_was_accepted_and_not_done_is_disobeyed():
    asked = [RequestedAction("job_a", "cancel", 202, 0.0)]

    assert kinds(evidence(asked=asked)) == ["disobeyed"]
    refused = [RequestedAction("job_a", "cancel", 409, 0.0)]
    assert check_invariants(evidence(asked=refused)) == []


def test_an_end_before_its_time_that_nobody_asked_for_is_disobeyed():
    early = {"completion": "early", "iteration": 5}
    data = png(last_link(SEED, 5, [(0, 8.0)]))

    assert kinds(evidence(result=data, **early)) == ["disobeyed"]
    asked = [RequestedAction("job_a", "finish", 202, 0.0)]
    assert check_invariants(evidence(result=data, asked=asked, **early)) == []


def test_files_and_processes_left_behind_are_found():
    left = ["results/job_a/.1.png.0bad"]

    assert kinds(replace(evidence(), orphan_keys=left)) == ["left behind"]
    assert kinds(replace(evidence(), complaints=["worker 1 is there"])) == [
        "left behind"
    ]


CHILD = "job_b"


def child_request(**more):
    whole = {
        "parent_id": "job_a",
        "relation": "fork",
        "job_id": CHILD,
        "is_unknown": False,
        "at": 20.0,
        "seconds": 0.1,
        "iteration": 4,
        "style_weight": 2.5,
    }
    return ChildRequest(**{**whole, **more})


def with_child(asked, *, weights=((0, 8.0), (4, 2.5)), length=ITERATIONS, **of_row):
    """A clean farm with a job, and another one that continues it."""
    clean = evidence()
    data = png(last_link(SEED, length, weights))
    whole = {
        "id": CHILD,
        "result_key": f"results/{CHILD}/3-0b.png",
        "iteration": length,
        "iterations": length,
        "parent_id": "job_a",
        "parent_iteration": 4,
        "relation": "fork",
    }
    job = row(data, **{**whole, **of_row})
    return replace(
        clean,
        children=asked,
        rows=[*clean.rows, job],
        events={**clean.events, CHILD: [replace(one, job_id=CHILD) for one in LIFE]},
        weights={**clean.weights, CHILD: weights},
        results={**clean.results, job.result_key: data},
    )


def test_a_child_that_is_what_was_asked_for_is_found_clean():
    assert check_invariants(with_child([child_request()])) == []


def test_a_child_that_was_accepted_and_has_no_row_is_lost():
    assert kinds(replace(evidence(), children=[child_request()])) == ["lost"]


def test_a_child_that_nobody_was_promised_is_doubled():
    refused = child_request(job_id=None)
    unanswered = child_request(job_id=None, is_unknown=True)

    assert kinds(with_child([refused])) == ["doubled"]
    assert kinds(with_child([child_request(), unanswered])) == []
    assert kinds(with_child([unanswered])) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"parent_iteration": 3},
        {"relation": "retry"},
        {"iterations": ITERATIONS + 1, "completion": "early"},
        {"weights": ((0, 8.0),)},
        {"weights": ((0, 8.0), (4, 2.6))},
    ],
    ids=["begins elsewhere", "another relation", "longer", "unchanged", "other weight"],
)
def test_a_fork_that_is_not_what_was_asked_for_is_disobeyed(wrong):
    asked = [RequestedAction(CHILD, "finish", 202, 0.0)]
    found = replace(with_child([child_request()], **wrong), actions=asked)

    assert "disobeyed" in kinds(found)


def test_an_extension_adds_what_was_asked_for_and_keeps_the_weights_of_its_parent():
    longer = child_request(
        relation="extend", iteration=None, style_weight=None, iterations=5
    )
    extended = {"relation": "extend", "parent_iteration": ITERATIONS}
    steered = ((0, 8.0), (3, 1.5))

    clean = with_child([longer], weights=((0, 8.0),), length=ITERATIONS + 5, **extended)
    short = with_child([longer], weights=((0, 8.0),), **extended)
    forgetful = replace(clean, weights={**clean.weights, "job_a": steered})

    assert check_invariants(clean) == []
    assert kinds(short) == ["disobeyed"]
    assert "disobeyed" in kinds(forgetful)


def test_a_child_with_another_digest_than_its_weights_make_is_unequal():
    clean = with_child([child_request()])
    other = with_child([child_request()], weights=((0, 8.0), (4, 2.5), (6, 1.0)))

    assert kinds(replace(other, weights=clean.weights)) == ["unequal"]


def test_a_job_may_fail_for_want_of_its_picture_only_if_that_vanished():
    end = moved("fail", "running", "failed", 3)
    failed = {
        "state": JobState.FAILED,
        "result_key": None,
        "error_code": "picture-missing",
    }
    found = replace(
        evidence(events=(*LIFE[:4], end), **failed),
        inputs={"job_a": frozenset({"assets/a", "assets/b"})},
    )

    assert kinds(found) == ["failed"]
    another = replace(found, removed_inputs=[RemovedInput("assets/c", 1.0)])
    assert kinds(another) == ["failed"]
    its_own = replace(found, removed_inputs=[RemovedInput("assets/b", 1.0)])
    assert kinds(its_own) == []


def test_a_picture_painted_by_a_claim_after_its_input_vanished_is_found():
    life = tuple(replace(one, at=float(at)) for at, one in enumerate(LIFE))
    found = replace(evidence(events=life), inputs={"job_a": frozenset({"assets/a"})})

    before = replace(found, removed_inputs=[RemovedInput("assets/a", 2.5)])
    after = replace(found, removed_inputs=[RemovedInput("assets/a", 3.5)])

    assert kinds(before) == ["failed"]
    assert kinds(after) == []


def test_a_job_may_be_lost_only_if_its_commit_was_forgotten():
    window = [LostCommits(since=10.0, until=15.0)]

    def found(at):
        clean = replace(evidence(), lost_commits=window)
        lost = submission(name="chain 1", job_id="job_b", at=at)
        return replace(clean, submissions=[*clean.submissions, lost])

    assert kinds(found(at=9.95)) == []  # answered in that time
    assert kinds(found(at=14.9)) == []
    assert kinds(found(at=9.8)) == ["lost"]  # answered before
    assert kinds(found(at=15.1)) == ["lost"]


def test_a_cancel_may_be_forgotten_only_with_its_commit():
    def found(at):
        asked = [RequestedAction("job_a", "cancel", 202, at, 0.1)]
        return replace(evidence(asked=asked), lost_commits=[LostCommits(10.0, 15.0)])

    assert kinds(found(at=12.0)) == []
    assert kinds(found(at=9.0)) == ["disobeyed"]


def test_blobs_of_a_forgotten_job_may_stay_and_those_of_others_may_not():
    forgotten, known = "frames/job_z/1-5.png", "frames/job_a/1-5.png"
    window = [LostCommits(10.0, 15.0)]

    assert kinds(replace(evidence(), orphan_keys=[forgotten])) == ["left behind"]
    found = replace(evidence(), lost_commits=window, orphan_keys=[forgotten])
    assert kinds(found) == []
    for key in (known, "assets/0a-01", "results/job_z"):
        found = replace(evidence(), lost_commits=window, orphan_keys=[key])
        assert kinds(found) == ["left behind"]


def test_a_checkpoint_may_be_missing_only_if_its_row_came_back():
    life = [moved("submit", None, "queued", 0), moved("claim", "queued", "running", 1)]
    life += [moved("rescue", "running", "queued", 2)]
    life += [moved("claim", "queued", "running", 3, at=20.0), LIFE[-1]]
    found = replace(evidence(events=life), lost_commits=[LostCommits(10.0, 15.0)])
    old, new = "checkpoints/job_a/1-5-0a0b", "checkpoints/job_a/3-5-0a0b"

    assert kinds(replace(found, missing_checkpoints=[old])) == []
    assert kinds(replace(found, missing_checkpoints=[new])) == ["lost"]
    found = replace(found, lost_commits=(), missing_checkpoints=[old])
    assert kinds(found) == ["lost"]


def test_a_worker_that_was_thought_to_hang_is_found():
    assert kinds(replace(evidence(), thought_hung=1)) == ["wasted"]


def test_the_watchdog_says_what_the_judge_looks_for():
    assert HUNG_REASON in inspect.getsource(watchdog)
