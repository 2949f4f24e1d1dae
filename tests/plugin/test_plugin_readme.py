"""The first example of plugin/README.md, as it stands there."""

import re
from pathlib import Path

import fiftyone as fo
from made_up import scene, write_video

README = Path(__file__).resolve().parents[2] / "plugin" / "README.md"


def test_annotate_propagate_compare(tmp_path, monkeypatch, capsys):
    example = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)[1]
    pixels, labels = scene(6)
    (tmp_path / "clips").mkdir()
    write_video(tmp_path / "clips" / "a.mp4", pixels)
    monkeypatch.chdir(tmp_path)
    names = {"first_masks": {"a.mp4": labels[0] == 1}}
    exec(example, names)
    assert names["summary"]["done"] == 1
    assert names["summary"]["failed"] == {}
    assert "dog" in capsys.readouterr().out  # the report of the evaluation
    fo.delete_dataset("clips")
