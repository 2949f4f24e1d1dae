"""Looking through what has been propagated: each object's confidence along the frames, and what needs a look."""

from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import fiftyone.operators.types as types
from fiftyone import ViewField as F

from .clear import run_key_input
from .database import label_documents
from .records import Run, run_keys, run_settings
from .schema import review_field
from .sequences import Sequence, list_sequences
from .settings import REVIEW_TAG, Settings

PANEL = "review_propagation_panel"
SHOW_FRAME = "@gcvos/gcvos/show_frame"  # of show_frame.js

Series = dict[str, tuple[list[int], list[float]]]


def confidence_series(dataset: fo.Dataset, sequence: Sequence, settings: Settings) -> Series:
    """Return each object's confidence along a sequence.

    Returns:
        Name of the object (class and index) to frame numbers and confidences, ascending; a frame that is not there
        is one on which the object was not found.
    """
    series: Series = {}
    for index, label in label_documents(dataset, sequence, settings.target_field, masks=False):
        number = sequence.number(index)
        for name, confidence in _confidences(label, settings.run_key):
            numbers, values = series.setdefault(name, ([], []))
            numbers.append(number)
            values.append(confidence)
    return series


def _confidences(label: dict[str, Any], run_key: str) -> list[tuple[str, float]]:
    if "detections" not in label:
        return [(f"object {value}", confidence) for value, confidence in label.get("confidences", {}).items()]
    own = [detection for detection in label["detections"] if detection.get("run") == run_key]
    return [(f"{d.get('label')} {d.get('index')}", d["confidence"]) for d in own]


def review_view(dataset: fo.Dataset, run_key: str) -> Any:
    """Return the samples of a run that need a look.

    Raises:
        InputError: there is no such run.
    """
    settings = run_settings(dataset, run_key)
    tagged = dataset.match_tags(REVIEW_TAG)
    if review_field(settings) in dataset.get_field_schema():
        return tagged.match(F(review_field(settings)).length() > 0)
    return tagged.match(F(f"{settings.target_field}.detections.run").contains(run_key))


class ReviewPropagation(foo.Operator):
    """Show what needs a look."""

    @property
    def config(self) -> foo.OperatorConfig:
        """See `foo.Operator.config`."""
        return foo.OperatorConfig(
            name="review_propagation",
            label="Review propagated annotations (gcvos)",
            description="Show the samples that need a look, and the objects' confidence along the frames",
            dynamic=True,
        )

    def resolve_input(self, ctx: Any) -> types.Property:
        """Ask for the run."""
        inputs = types.Object()
        run_key_input(ctx, inputs)
        return types.Property(inputs, view=types.View(label="Review propagated annotations"))

    def execute(self, ctx: Any) -> None:
        """Filter the view and open the panel."""
        ctx.ops.set_view(view=review_view(ctx.dataset, ctx.params["run_key"]))
        ctx.ops.open_panel(PANEL, layout="horizontal")

    def __call__(self, dataset: fo.Dataset, run_key: str) -> Any:
        """Return the view of what needs a look; see `review_view`."""
        return review_view(dataset, run_key)


class ReviewPanel(foo.Panel):
    """Plot each object's confidence along the frames of one video; a click opens the frame."""

    @property
    def config(self) -> foo.PanelConfig:
        """See `foo.Panel.config`."""
        return foo.PanelConfig(name=PANEL, label="Propagation review", icon="timeline", surfaces="grid modal")

    def on_load(self, ctx: Any) -> None:
        """Take the latest run, and its first video that needs a look."""
        keys = run_keys(ctx.dataset)
        ctx.panel.state.run_key = keys[-1] if keys else None
        self._choose_run(ctx)

    def on_change_current_sample(self, ctx: Any) -> None:
        """Show the video that has been opened."""
        for sequence in self._sequences(ctx):
            if ctx.current_sample in (sequence.sample_id, *sequence.image_ids):
                ctx.panel.state.sequence = sequence.key
        self._plot(ctx)

    def on_run(self, ctx: Any) -> None:
        """Show another run."""
        ctx.panel.state.run_key = ctx.params["value"]
        self._choose_run(ctx)

    def on_sequence(self, ctx: Any) -> None:
        """Show another video."""
        ctx.panel.state.sequence = ctx.params["value"]
        self._plot(ctx)

    def on_click(self, ctx: Any) -> None:
        """Open the frame that was clicked."""
        number = int(ctx.params["x"])
        [sequence] = [s for s in self._sequences(ctx) if s.key == ctx.panel.state.sequence]
        if not sequence.is_video:
            ctx.ops.open_sample(id=sequence.image_ids[number - 1])
            return
        if ctx.current_sample != sequence.sample_id:
            ctx.ops.open_sample(id=sequence.sample_id)
        ctx.trigger(SHOW_FRAME, {"sample_id": sequence.sample_id, "frame_number": number})

    def on_filter(self, ctx: Any) -> None:
        """Show only what needs a look."""
        ctx.ops.set_view(view=review_view(ctx.dataset, ctx.panel.state.run_key))

    def on_all(self, ctx: Any) -> None:
        """Show everything again."""
        ctx.ops.clear_view()

    def render(self, ctx: Any) -> types.Property:
        """Lay the panel out."""
        panel = types.Object()
        keys = run_keys(ctx.dataset)
        if not keys:
            panel.md("Nothing has been propagated in this dataset yet.", name="empty")
            return types.Property(panel)
        run_key = ctx.panel.state.run_key or keys[-1]
        states = Run(ctx.dataset, run_key).states()
        panel.enum("run_key", keys, default=run_key, label="Run", on_change=self.on_run)
        names = types.DropdownView()
        for key, state in sorted(states.items(), key=lambda item: -len(item[1].review)):
            look = f", {len(state.review)} frames to look at" if state.review else ""
            names.add_choice(key, label=f"{state.name}: {state.status}{look}")
        panel.enum(
            "sequence",
            names.values(),
            default=ctx.panel.state.sequence,
            label="Video",
            view=names,
            on_change=self.on_sequence,
        )
        layout = {
            "xaxis": {"title": {"text": "frame"}},
            "yaxis": {"title": {"text": "confidence"}, "range": [0, 1.05]},
            "margin": {"l": 50, "r": 10, "t": 10, "b": 40},
            "showlegend": True,
        }
        panel.plot("confidence", layout=layout, height=320, on_click=self.on_click)
        panel.btn("filter", label="Show what needs a look", on_click=self.on_filter, variant="contained")
        panel.btn("all", label="Show all", on_click=self.on_all)
        return types.Property(panel)

    def _choose_run(self, ctx: Any) -> None:
        if ctx.panel.state.run_key is None:
            return
        states = Run(ctx.dataset, ctx.panel.state.run_key).states()
        ctx.panel.state.sequence = max(states, key=lambda key: len(states[key].review), default=None)
        self._plot(ctx)

    def _sequences(self, ctx: Any) -> list[Sequence]:
        settings = run_settings(ctx.dataset, ctx.panel.state.run_key)
        known = Run(ctx.dataset, settings.run_key).states()
        return [
            sequence
            for sequence in list_sequences(run_collection(ctx, settings), settings)
            if sequence.key in known
        ]

    def _plot(self, ctx: Any) -> None:
        """Send the plot's data."""
        settings = run_settings(ctx.dataset, ctx.panel.state.run_key)
        chosen = [sequence for sequence in self._sequences(ctx) if sequence.key == ctx.panel.state.sequence]
        series = confidence_series(ctx.dataset, chosen[0], settings) if chosen else {}
        traces = [
            {"type": "scatter", "mode": "lines+markers", "marker": {"size": 5}, "name": name, "x": x, "y": y}
            for name, (x, y) in series.items()
        ]
        if series:
            last = max(numbers[-1] for numbers, _ in series.values())
            limit = settings.review_confidence
            line = {"type": "scatter", "mode": "lines", "line": {"dash": "dot"}, "name": "look again below"}
            traces.append({**line, "x": [1, last], "y": [limit, limit]})
        ctx.panel.data.confidence = traces


def run_collection(ctx: Any, settings: Settings) -> Any:
    """Return what to find a run's sequences in: the view where it has the layout of the run, else the dataset."""
    if ctx.view._is_dynamic_groups or settings.order_by is not None:
        return ctx.view
    return ctx.dataset
