import os
from pathlib import Path

import pytest

from gcvos_model.cluster.scheduling import ATTEMPTS, run_tasks, slots
from gcvos_model.errors import InputError


def fragile_class():
    """Made in a function, so that it travels to the workers by value: they cannot import a test."""

    class Fragile:
        """Writes down each run; `die` kills the process the first time, `always` every time, `raise` raises."""

        def __init__(self, folder):
            self.folder = Path(folder)

        def run(self, task):
            runs = self.folder / task
            first = not runs.exists()
            with runs.open("a") as file:
                file.write(f"{os.getpid()}\n")
            if task.startswith("always") or (task.startswith("die") and first):
                os.kill(os.getpid(), 9)
            if task.startswith("raise"):
                raise ValueError("no such thing")
            return os.getpid()

    return Fragile


def test_a_dead_actor_s_task_is_done_again_by_another_and_each_once(local_cluster, tmp_path):
    actor = local_cluster.remote(fragile_class()).options(num_cpus=1)
    tasks = ["die", "a", "b", "always", "raise", "c"]
    outcomes = {o.task: o for o in run_tasks(tasks, lambda: actor.remote(str(tmp_path)), 2)}
    assert sorted(outcomes) == sorted(tasks)

    def pids(task):
        return (tmp_path / task).read_text().split()

    assert [outcomes[task].attempts for task in tasks] == [2, 1, 1, ATTEMPTS, 1, 1]
    assert all(pids(task) == [str(outcomes[task].result)] for task in "abc")
    dead, other = pids("die")
    assert str(outcomes["die"].result) == other != dead
    assert len(set(pids("always"))) == ATTEMPTS
    assert f"died {ATTEMPTS} times" in outcomes["always"].error
    assert outcomes["raise"].error == "ValueError: no such thing"


def test_slots(local_cluster):
    assert [slots(1, 0), slots(2, 0), slots(0.5, 0)] == [3, 1, 6]
    with pytest.raises(InputError, match="too few for a worker of 4 CPUs"):
        slots(4, 0)
    with pytest.raises(InputError, match="1 GPUs"):
        slots(1, 1)
