"""Many workers: FiftyOne's own delegated operations over disjoint videos."""

import os
import signal
import subprocess
import sys
import time

import fiftyone.operators as foo
import pytest
from bson import ObjectId
from fiftyone.operators.delegated import DelegatedOperationService

from plugin.records import Run

PROPAGATE = "@gcvos/gcvos/propagate_annotations"
FRAMES = 60


@pytest.fixture
def workers():
    """Start `fiftyone delegated launch` processes."""
    started = []

    def launch():
        script = (
            "import sys; from fiftyone.core.cli import main; sys.argv = ['fiftyone', *sys.argv[1:]]; main()"
        )
        command = [sys.executable, "-c", script, "delegated", "launch"]
        started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return started[-1]

    yield launch
    for process in started:
        process.kill()
        process.wait()


def wait_for(condition, seconds=420.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to that")


def test_queueing_again_queues_only_what_is_missing(make_videos, checkpoint):
    dataset = make_videos(count=5, frames=3)
    operator = foo.get_operator(PROPAGATE)
    params = {"source_field": "gt", "model": str(checkpoint), "device": "cpu", "short_side": 64}
    first = operator(dataset, shards=2, **params)
    assert (first["queued"], first["skipped"], len(first["operations"])) == (5, 0, 2)
    assert (operator(dataset, shards=2, **params)["queued"]) == 0
    service = DelegatedOperationService()
    service.execute_operation(service.get(ObjectId(first["operations"][0])))
    service.delete_operation(ObjectId(first["operations"][1]))
    again = operator(dataset, shards=4, **params)
    assert (again["queued"], again["skipped"]) == (2, 3)
    for operation in again["operations"]:
        service.execute_operation(service.get(ObjectId(operation)))
    assert {state.status for state in Run(dataset, "gcvos_gc").states().values()} == {"done"}


def test_three_workers_one_killed_every_video_once(make_videos, steady_checkpoint, workers):
    dataset = make_videos(count=9, frames=FRAMES)
    operator = foo.get_operator(PROPAGATE)
    params = {"source_field": "gt", "model": str(steady_checkpoint), "device": "cpu", "short_side": 32}
    first = operator(dataset, shards=3, **params)
    assert (first["queued"], len(first["operations"])) == (9, 3)
    service = DelegatedOperationService()
    processes = [workers() for _ in range(3)]
    run = Run(dataset, "gcvos_gc")

    def victim():
        return next((s.pid for s in run.states().values() if s.status == "running" and s.pid), None)

    wait_for(lambda: victim() is not None)
    killed = victim()
    os.kill(killed, signal.SIGKILL)
    for process in processes:
        if process.pid == killed:
            process.wait()
    wait_for(lambda: _states(service, first["operations"]).count("completed") == 2)
    assert (
        _states(service, first["operations"]).count("running") == 1
    )  # FiftyOne leaves a dead worker's as it is
    assert any(state.status != "done" for state in run.states().values()) or len(run.states()) < 9
    again = operator(dataset, shards=3, **params)
    assert 1 <= again["queued"] <= 3
    wait_for(lambda: set(_states(service, again["operations"])) == {"completed"})
    states = run.states()
    assert [state.status for state in states.values()] == ["done"] * 9
    assert [state.frames for state in states.values()] == [FRAMES] * 9
    for sample in dataset:
        labels = [frame.gc.detections for frame in sample.frames.values()]
        assert [len(found) for found in labels] == [1] * FRAMES


def _states(service, operations):
    return [service.get(ObjectId(operation)).run_state for operation in operations]
