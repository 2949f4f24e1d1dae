"""Tasks shared out among Ray actors, so that each is done once, also where actors die."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from gcvos_model.errors import InputError

Task = TypeVar("Task")
ATTEMPTS = 3  # a task whose actor died this often is given up: it may be what kills them


@dataclass(frozen=True)
class Outcome(Generic[Task]):
    """What became of one task."""

    task: Task
    result: Any  # what the actor's `run` gave, or None
    error: str | None  # what went wrong, or None
    attempts: int


def connect(address: str | None) -> None:
    """Join the cluster at an address, or start one on this machine; nothing where that has happened already.

    Raises:
        InputError: there is no cluster at the address.
        ModuleNotFoundError: ray is not installed (extra `cluster`).
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # what annotators do is nobody else's business
    import ray

    if ray.is_initialized():
        return
    try:
        if address is None:
            ray.init(include_dashboard=False, log_to_driver=False)
        else:
            ray.init(address=address, log_to_driver=False)
    except Exception as error:  # Ray raises bare ones, as when this machine is too busy to start it in 30 s
        raise InputError(f"no Ray cluster at '{address or 'this machine'}': {error}") from error


def slots(cpus: float, gpus: float) -> int:
    """How many actors of that many CPUs and GPUs the cluster has room for.

    Raises:
        InputError: for none.
    """
    import ray

    count: Callable[[], dict[str, float]] = ray.cluster_resources  # which Ray has left without types
    resources = count()
    wanted = {"CPU": cpus, "GPU": gpus}
    room = [int(resources.get(kind, 0) / number) for kind, number in wanted.items() if number > 0]
    if not room or min(room) < 1:
        raise InputError(
            f"the cluster has {resources.get('CPU', 0):.0f} CPUs and {resources.get('GPU', 0):.0f} GPUs, too few for "
            f"a worker of {cpus:g} CPUs and {gpus:g} GPUs: ask for fewer"
        )
    return min(room)


def run_tasks(tasks: Sequence[Task], new_actor: Callable[[], Any], actors: int) -> Iterator[Outcome[Task]]:
    """Have every task run by an actor's method `run`, and give the outcomes as they come.

    An exception in `run` is the task's error. A task whose actor died is given to another one, and a new actor takes
    the dead one's place. At the end, and when the caller stops asking, the actors are dismissed.

    Args:
        tasks: anything that can be pickled.
        new_actor: makes an actor.
        actors: how many at once, at least 1.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError

    waiting = deque((task, 1) for task in tasks)
    running: dict[Any, tuple[Any, Task, int]] = {}
    idle = [new_actor() for _ in range(min(actors, len(waiting)))]
    try:
        while waiting or running:
            while waiting and idle:
                actor, (task, attempt) = idle.pop(), waiting.popleft()
                running[actor.run.remote(task)] = (actor, task, attempt)
            (done,), _ = ray.wait(list(running), num_returns=1)
            actor, task, attempt = running.pop(done)
            try:
                outcome = Outcome(task, ray.get(done), None, attempt)
            except RayTaskError as error:  # raised by `run` itself: the actor lives
                outcome = Outcome(task, None, f"{type(error.cause).__name__}: {error.cause}", attempt)
            except RayError as error:
                actor = new_actor()
                if attempt < ATTEMPTS:
                    waiting.append((task, attempt + 1))
                    idle.insert(0, actor)
                    continue
                reason = str(error).splitlines()[0]
                outcome = Outcome(task, None, f"its worker died {attempt} times: {reason}", attempt)
            idle.append(actor)
            yield outcome
    finally:
        for actor in [*idle, *(actor for actor, _, _ in running.values())]:
            ray.kill(actor)
