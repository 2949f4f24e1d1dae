"""Many workers: a run's sequences as FiftyOne's own delegated operations, some sequences in each.

Any number of `fiftyone delegated launch` processes, on any machines that share the database and the files, claim
them. FiftyOne does not queue a dead worker's operation again: queueing under the same run key again queues what
is missing.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators.delegated import DelegatedOperationService
from fiftyone.operators.executor import ExecutionRunState

from gcvos_model.errors import InputError

from .records import Run, State
from .runner import begin
from .settings import Settings

SHARD_URI = "@gcvos/gcvos/propagate_shard"
WORKER_COMMAND = "FIFTYONE_ALLOW_LEGACY_ORCHESTRATORS=true fiftyone delegated launch"


def queue_shards(collection: Any, settings: Settings, shards: int) -> dict[str, Any]:
    """Queue what a run has still to do, as at most so many operations of about as many sequences each.

    Args:
        collection: a FiftyOne dataset or view.
        settings: of the run.
        shards: how many operations to make.

    Returns:
        `run_key`, `operations` (their ids), `queued` and `skipped` (numbers of sequences; skipped are those that are
        done, in a worker's hands, or queued already) and the `command` that starts a worker.

    Raises:
        GCVOSError: the run cannot begin.
    """
    if shards < 1:
        raise InputError(f"{shards} shards: expected at least 1")
    run, sequences = begin(collection, settings)
    states = run.states()
    taken = _taken(run, states)
    keys = [s.key for s in sequences if s.key not in taken and not _finished(states.get(s.key), settings)]
    parts = [part for part in (keys[n::shards] for n in range(shards)) if part]
    operations = [_queue(collection, {**settings.to_params(), "keys": part}) for part in parts]
    return {
        "run_key": run.run_key,
        "operations": operations,
        "queued": len(keys),
        "skipped": len(sequences) - len(keys),
        "command": WORKER_COMMAND,
    }


def _finished(state: State | None, settings: Settings) -> bool:
    return state is not None and state.status in ("done", "unannotated") and settings.skip_done


def _taken(run: Run, states: dict[str, State]) -> set[str]:
    """Return the keys that are queued, or in an operation whose worker shows signs of life."""
    alive = {key for key, state in states.items() if state.alive}
    taken = set(alive)
    for run_state in (ExecutionRunState.QUEUED, ExecutionRunState.RUNNING):
        operations = DelegatedOperationService().list_operations(
            operator=SHARD_URI, dataset_name=run.dataset.name, run_state=run_state
        )
        for operation in operations:
            params = operation.context.request_params["params"]
            queued = run_state == ExecutionRunState.QUEUED
            if params["run_key"] == run.run_key and (queued or not alive.isdisjoint(params["keys"])):
                taken.update(params["keys"])
    return taken


def _queue(collection: Any, params: dict[str, Any]) -> str:
    """Queue one operation and return its id."""

    def queue() -> Any:
        view = collection.view()
        return foo.execute_operator(SHARD_URI, view=view, params=params, request_delegation=True)

    # In a notebook this thread runs an event loop, in which FiftyOne would only return a task.
    with ThreadPoolExecutor(max_workers=1) as pool:
        return str(pool.submit(queue).result().result["id"])
