"""The command line: one file a command, imported when it is called."""

import sys
from collections.abc import Sequence
from importlib import import_module

import typer

from gcvos_model.errors import GCVOSError

# The module of a command holds a function of the same name, or an `app` with subcommands.
COMMANDS = {
    "demo": "Try it on the bundled clip.",
    "propagate": "Carry objects from annotated frames through a video.",
    "cluster": "Propagate many videos, on this machine or on a Ray cluster.",
    "evaluate": "Score a model, or existing masks, as DAVIS does.",
    "benchmark": "Measure speed and memory.",
    "train": "Train a network: stage 1 on images, stage 2 on video.",
    "visualize": "Overlays, contact sheets and key maps.",
    "export": "Write one step as ONNX, for other runtimes and languages.",
    "quantize": "Let a model compute in int8 on CPUs.",
    "models": "List the models that are there.",
    "cvat": "Track shapes of a CVAT task over many frames.",
}
BAD_INPUT = 2  # exit code: nothing was written


def build_app(wanted: str | None) -> typer.Typer:
    """The application with one command in full; of the others it knows the names and what they do."""
    app = typer.Typer(
        name="gcvos",
        help="Fast, constant-memory video object segmentation.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for name, summary in COMMANDS.items():
        if name != wanted:
            app.command(name, help=summary)(_not_called)
            continue
        module = import_module(f"gcvos_model.cli.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name, help=summary)
        else:
            app.command(name)(getattr(module, name))
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `gcvos`; exits with 0, 1 (stopped on the way, finished work is kept) or 2 (bad input, nothing written)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    wanted = next((argument for argument in given if not argument.startswith("-")), None)
    try:
        build_app(wanted)(args=given, prog_name="gcvos")
    except GCVOSError as error:
        print(f"gcvos: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except ModuleNotFoundError as error:
        extra = {
            "fiftyone": "fiftyone",
            "cvat_sdk": "cvat",
            "lightning_fabric": "train",
            "tensorboard": "train",
            "pycocotools": "train",
            "onnx": "export",
            "onnxscript": "export",
            "onnxruntime": "export",
            "openvino": "export",
            "ray": "cluster",
            "matplotlib": "plots",
        }
        name = (error.name or "").partition(".")[0]
        if name not in extra:
            raise
        print(f"gcvos: this command needs {name}: pip install 'gcvos[{extra[name]}]'", file=sys.stderr)
        sys.exit(BAD_INPUT)


def _not_called() -> None:
    """Stands for a command that was not asked for."""
