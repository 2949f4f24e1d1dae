"""What is known of a run: its settings, as FiftyOne records runs, and how far each sequence has come.

The settings are a FiftyOne run (`dataset.list_runs()`, `dataset.get_run_info(run_key)`); the states are in an
execution store, where one worker's update never meets another's.
"""

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import fiftyone as fo
import psutil
from fiftyone.operators.store import ExecutionStore

from gcvos_model import ObjectMemory
from gcvos_model.errors import InputError

from .database import patiently
from .sequences import Sequence
from .settings import Settings

METHOD = "gcvos"
SILENCE = 120.0  # seconds without a sign of life after which a worker counts as dead; it gives one every 15 s

# What may differ when a run goes on: nothing of the result depends on it.
FREE_SETTINGS = {"device", "skip_done", "overwrite"}


@dataclass(frozen=True)
class State:
    """How far one sequence has come in a run.

    Attributes:
        name: of the sequence, for messages.
        status: `running`, `done`, `failed` or `unannotated`.
        written: how many of its frames have been written, in the order of propagation.
        frames: numbers of the frames that hold labels of the run.
        review: numbers of the frames to look at.
        areas: object id (text) to usual area, see `LabelWriter`.
        folder: the folder of its mask files; None where masks are in the database.
        seconds: time spent on it.
        error: why it failed.
        host: the machine that works on it.
        pid: the process there.
        heartbeat: when that process last gave a sign of life, in seconds since 1970.
    """

    name: str
    status: str = "running"
    written: int = 0
    frames: int = 0
    review: list[int] = field(default_factory=list)
    areas: dict[str, float] = field(default_factory=dict)
    folder: str | None = None
    seconds: float = 0.0
    error: str | None = None
    host: str = ""
    pid: int = 0
    heartbeat: float = 0.0

    @property
    def alive(self) -> bool:
        """Whether a process is working on it now."""
        if self.status != "running" or not self.host:
            return False
        if self.host == socket.gethostname() and (self.pid == os.getpid() or not psutil.pid_exists(self.pid)):
            return False
        return time.time() - self.heartbeat < SILENCE


class Run:
    """One run over a dataset."""

    def __init__(self, dataset: fo.Dataset, run_key: str) -> None:
        self.dataset, self.run_key = dataset, run_key
        self._store = ExecutionStore.create(f"{METHOD}/{run_key}", dataset._doc.id)

    def begin(self, settings: Settings, digest: str) -> None:
        """Register the run, or go on with it.

        Args:
            settings: of the run.
            digest: of the model.

        Raises:
            InputError: the key belongs to another kind of run, or to a run with other settings.
        """
        parameters = {**settings.to_params(), "model_digest": digest}
        if self.run_key in self.dataset.list_runs():
            known = self.dataset.get_run_info(self.run_key).config
            if known.method != METHOD:
                raise InputError(
                    f"'{self.run_key}' is the key of another kind of run; choose another run key"
                )
            different = _differences(known.parameters, parameters)
            if not different:
                return
            if not settings.overwrite:
                raise InputError(
                    f"the run '{self.run_key}' was made with other settings ({different}); choose another run key, "
                    "remove that run with clear_propagation, or set overwrite"
                )
            self._store.clear()
        config = self.dataset.init_run(method=METHOD, parameters=parameters)
        self.dataset.register_run(self.run_key, config, overwrite=True)

    def states(self) -> dict[str, State]:
        """Return every sequence's state, by its key."""
        keys = patiently(self._store.list_keys)
        found = ((key, self.state(key)) for key in keys if not key.endswith("/memories"))
        return {key: state for key, state in found if state is not None}

    def state(self, key: str) -> State | None:
        """Return one sequence's state."""
        kept = patiently(lambda: self._store.get(key))
        return None if kept is None else State(**kept)

    def claim(self, sequence: Sequence, *, again: bool = False) -> State | None:
        """Take a sequence to work on, so that no other process does.

        Args:
            sequence: to take.
            again: begin anew also what is done.

        Returns:
            The state to go on from; None where it is done, or another process works on it.
        """
        known = self.state(sequence.key)
        if known is None:
            fresh = _signed(State(sequence.name))
            created = patiently(lambda: self._store.set_if_absent(sequence.key, asdict(fresh)))
            return fresh if created else None
        if known.alive or (known.status == "done" and not again):
            return None
        start = known if known.status in ("running", "failed") else State(sequence.name)
        mine = _signed(replace(start, status="running", error=None))
        taken = patiently(lambda: self._store.compare_and_set(sequence.key, asdict(known), asdict(mine)))
        return mine if taken else None

    def save(self, key: str, state: State, memories: Mapping[int, ObjectMemory] | None = None) -> State:
        """Record how far a sequence has come, and the memories to go on from there."""
        state = _signed(state)
        if memories is not None:
            packed = {str(object_id): memory.to_bytes() for object_id, memory in memories.items()}
            value = {"written": state.written, "memories": packed}
            patiently(lambda: self._store.set(f"{key}/memories", value))
        elif state.status == "done":
            patiently(lambda: self._store.delete(f"{key}/memories"))
        patiently(lambda: self._store.set(key, asdict(state)))
        return state

    def memories(self, key: str, state: State, digest: str) -> dict[int, ObjectMemory] | None:
        """Return the memories after the last frame written; None where there are none for exactly that frame."""
        kept = patiently(lambda: self._store.get(f"{key}/memories"))
        if not state.written or kept is None or kept["written"] != state.written:
            return None
        return {int(i): ObjectMemory.from_bytes(bytes(b), digest=digest) for i, b in kept["memories"].items()}

    def delete(self) -> None:
        """Forget the run."""
        self._store.clear()
        if self.run_key in self.dataset.list_runs():
            self.dataset.delete_run(self.run_key)


def run_keys(dataset: fo.Dataset) -> list[str]:
    """Return the keys of the dataset's propagation runs."""
    keys = dataset.list_runs()
    return [key for key in keys if dataset.get_run_info(key).config.method == METHOD]


def run_settings(dataset: fo.Dataset, run_key: str) -> Settings:
    """Return the settings of a run.

    Raises:
        InputError: there is no such run; lists those that there are.
    """
    known = run_keys(dataset)
    if run_key not in known:
        raise InputError(
            f"there is no propagation run '{run_key}': expected one of {', '.join(known) or 'none'}"
        )
    return Settings.of(dataset.get_run_info(run_key).config.parameters)


def _signed(state: State) -> State:
    return replace(state, host=socket.gethostname(), pid=os.getpid(), heartbeat=time.time())


def _differences(known: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    names = sorted((known.keys() | new.keys()) - FREE_SETTINGS)
    return ", ".join(
        f"{n}: {known.get(n)} then, {new.get(n)} now" for n in names if known.get(n) != new.get(n)
    )
