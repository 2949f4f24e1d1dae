import re
from dataclasses import fields
from pathlib import Path

import pytest
from gcvos_function.settings import Settings

from gcvos_model.errors import InputError

README = Path(__file__).parents[2] / "serverless" / "README.md"


def test_defaults_and_environment():
    assert Settings.from_environment({}) == Settings()
    settings = Settings.from_environment(
        {"GCVOS_MODEL": "gcvos-r50", "GCVOS_THREADS": " 2 ", "GCVOS_POLYGON_TOLERANCE": "0.5", "OTHER": "x"}
    )
    assert (settings.model, settings.threads, settings.polygon_tolerance) == ("gcvos-r50", 2, 0.5)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("GCVOS_THREADS", "two", "GCVOS_THREADS is 'two': expected int"),
        ("GCVOS_MAX_OBJECTS", "0", "GCVOS_MAX_OBJECTS is 0: expected 1 to"),
        ("GCVOS_POLYGON_TOLERANCE", "nan", "GCVOS_POLYGON_TOLERANCE is nan: expected"),
        ("GCVOS_LOG_LEVEL", "verbose", "expected one of debug, info, warn, error"),
    ],
)
def test_refusals_name_the_variable(name, value, message):
    with pytest.raises(InputError, match=message):
        Settings.from_environment({name: value})


def test_the_readme_has_the_table():
    rows = re.findall(r"^\| `GCVOS_(\w+)` \| `([^`]*)` \| (.+) \|$", README.read_text("utf-8"), re.MULTILINE)
    assert rows == [
        (setting.name.upper(), str(setting.default), setting.metadata["meaning"])
        for setting in fields(Settings)
    ]
