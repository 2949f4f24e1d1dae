"""`gcvos benchmark`: speed and memory, one subcommand for each thing that is measured."""

from importlib import import_module

import typer

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

# A subcommand's module holds the function `benchmark_NAME`; those of the doors need their host's SDK only when called.
SUBCOMMANDS = {
    "module": "gcvos_model.cli.benchmark_module",
    "propagation": "gcvos_model.cli.benchmark_propagation",
    "streaming": "gcvos_model.cli.benchmark_streaming",
    "gpu": "gcvos_model.cli.benchmark_gpu",
    "report": "gcvos_model.cli.benchmark_report",
    "serverless": "gcvos_model.cli.benchmark_serverless",
    "fiftyone": "gcvos_model.cli.benchmark_fiftyone",
}

for name, module in SUBCOMMANDS.items():
    app.command(name)(getattr(import_module(module), f"benchmark_{name}"))
