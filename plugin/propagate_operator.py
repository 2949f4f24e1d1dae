"""The operator that propagates, its worker's part, and their use from Python."""

import time
from collections.abc import Callable, Generator
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import fiftyone.operators.types as types
from fiftyone.operators.delegated import DelegatedOperationService
from fiftyone.operators.executor import ExecutionRunState

from gcvos_model.errors import GCVOSError

from .form import propagate_form, summary_form, target_collection
from .runner import Progress, Summary, check_annotated, finish, propagate_collection
from .settings import Settings
from .shards import queue_shards

REPORT_EVERY = 0.5  # seconds between progress reports of a delegated operation
ASK_EVERY = 2.0  # seconds between looks whether it has been cancelled


class PropagateAnnotations(foo.Operator):
    """Carry annotations of one or some frames through videos or ordered images."""

    @property
    def config(self) -> foo.OperatorConfig:
        """See `foo.Operator.config`."""
        return foo.OperatorConfig(
            name="propagate_annotations",
            label="Propagate annotations (gcvos)",
            description="Carry masks, boxes or polygons from annotated frames through the whole video",
            icon="/assets/icon.svg",
            dynamic=True,
            execute_as_generator=True,
            allow_immediate_execution=True,
            allow_delegated_execution=True,
            default_choice_to_delegated=bool(fo.config.allow_legacy_orchestrators),
        )

    def resolve_placement(self, ctx: Any) -> types.Placement:
        """Show a button above the grid."""
        button = types.Button(label="Propagate annotations", icon="/assets/icon.svg", prompt=True)
        return types.Placement(types.Places.SAMPLES_GRID_SECONDARY_ACTIONS, button)

    def resolve_input(self, ctx: Any) -> types.Property:
        """Show the form."""
        return propagate_form(ctx)

    def resolve_output(self, ctx: Any) -> types.Property:
        """Show the summary."""
        return summary_form()

    def execute(self, ctx: Any) -> Any:
        """Run at once with progress in the App, or, delegated, to the end; with `shards`, queue them instead."""
        collection = target_collection(ctx)
        settings = Settings.of(ctx.params)
        shards = int(ctx.params.get("shards") or 0)
        if shards:
            return _queue_in_app(ctx, collection, settings, shards)
        if ctx.delegated:
            return run_delegated(ctx, propagate_collection(collection, settings, cancelled=cancel_watch(ctx)))
        return _run_in_app(ctx, propagate_collection(collection, settings))

    def __call__(
        self,
        collection: Any,
        source_field: str,
        target_field: str = "gc",
        *,
        shards: int = 0,
        delegate: bool = False,
        progress: Callable[[Progress], None] | None = None,
        **settings: Any,
    ) -> Summary:
        """Propagate annotations from Python.

        Unlike `foo.execute_operator`, this returns the summary, and knows no time limit.

        Args:
            collection: a dataset or view; see `list_sequences`.
            source_field: the field with the annotations, such as `frames.gt`.
            target_field: the field to write, such as `frames.gc`.
            shards: queue this many delegated operations instead of running here.
            delegate: queue one delegated operation instead of running here.
            progress: called after every frame.
            **settings: of `Settings`, such as `direction="both"`.

        Returns:
            See `runner.summary`; with `shards` or `delegate`, see `shards.queue_shards`.

        Raises:
            GCVOSError: the run cannot begin, or there is nothing to start from.
            TypeError: an unknown setting.
        """
        params = {"source_field": source_field, "target_field": target_field, **settings}
        unknown = set(settings) - set(Settings.__dataclass_fields__)
        if unknown:
            known = ", ".join(Settings.__dataclass_fields__)
            raise TypeError(f"unknown settings: {', '.join(sorted(unknown))}; there are {known}")
        chosen = Settings.of(params)
        if shards or delegate:
            return queue_shards(collection, chosen, max(1, shards))
        return finish(propagate_collection(collection, chosen), progress or (lambda step: None))


class PropagateShard(foo.Operator):
    """A worker's share of a run; queued by `queue_shards`, not meant for the App."""

    @property
    def config(self) -> foo.OperatorConfig:
        """See `foo.Operator.config`."""
        return foo.OperatorConfig(
            name="propagate_shard",
            label="Propagate annotations: a worker's share",
            unlisted=True,
            allow_immediate_execution=True,
            allow_delegated_execution=True,
        )

    def resolve_run_name(self, ctx: Any) -> str:
        """Name the operation in FiftyOne's list."""
        return f"gcvos {ctx.params.get('run_key', '')}: {len(ctx.params.get('keys', []))} videos"

    def execute(self, ctx: Any) -> Summary:
        """Propagate through the sequences named in `keys`."""
        settings, keys = Settings.of(ctx.params), ctx.params["keys"]
        steps = propagate_collection(ctx.view, settings, keys=keys, cancelled=cancel_watch(ctx))
        return run_delegated(ctx, steps)


def run_delegated(ctx: Any, steps: Generator[Progress, None, Summary]) -> Summary:
    """Run to the end, with progress in FiftyOne's list of operations."""
    reported = 0.0

    def report(step: Progress) -> None:
        nonlocal reported
        if time.monotonic() - reported > REPORT_EVERY:
            ctx.set_progress(progress=step.share, label=step.label)
            reported = time.monotonic()

    return finish(steps, report)


def cancel_watch(ctx: Any) -> Callable[[], bool]:
    """Return what says whether a delegated operation has been cancelled: marked as failed in FiftyOne's list."""
    operation = ctx.request_params.get("run_doc")
    asked, answer = time.monotonic(), False

    def cancelled() -> bool:
        nonlocal asked, answer
        if operation is not None and not answer and time.monotonic() - asked > ASK_EVERY:
            asked = time.monotonic()
            answer = DelegatedOperationService().get(operation).run_state == ExecutionRunState.FAILED
        return answer

    return cancelled


def _run_in_app(ctx: Any, steps: Generator[Progress, None, Summary]) -> Generator[Any, None, None]:
    """Run while the App shows a progress bar; closing it leaves whole frames."""
    try:
        while True:
            step = next(steps)
            yield ctx.ops.set_progress(progress=step.share, label=step.label)
    except StopIteration as end:
        try:
            result = check_annotated(end.value)
        except GCVOSError as error:
            yield ctx.ops.notify(str(error), variant="error")
            return
    except GCVOSError as error:
        yield ctx.ops.notify(str(error), variant="error")
        return
    finally:
        steps.close()
    yield ctx.ops.reload_dataset()
    yield ctx.ops.show_output(summary_form().to_json(), as_text(result))


def _queue_in_app(ctx: Any, collection: Any, settings: Settings, shards: int) -> Any:
    result = queue_shards(collection, settings, shards)
    text = {
        "run_key": result["run_key"],
        "outcome": f"{result['queued']} videos queued in {len(result['operations'])} operations, "
        f"{result['skipped']} done or in work; start workers with: {result['command']}",
    }
    if ctx.delegated:
        return text
    return iter([ctx.ops.show_output(summary_form().to_json(), text)])


def as_text(result: Summary) -> dict[str, str]:
    """Return a summary in words, for the App."""
    failed = "; ".join(f"{name}: {reason}" for name, reason in result["failed"].items())
    review = "; ".join(
        f"{name}: {', '.join(map(str, numbers))}" for name, numbers in result["review"].items()
    )
    return {
        "run_key": result["run_key"],
        "outcome": f"{result['done']} of {result['sequences']} videos done, {result['frames']} frames in "
        f"{result['seconds']:.0f} s; {result['skipped']} skipped, {len(result['unannotated'])} without annotations",
        "failed": failed or "none",
        "review": review or "none",
    }
