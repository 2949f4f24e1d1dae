"""`python -m gcvos_model.cli`: the same as `gcvos`."""

from gcvos_model.cli import main

main()
