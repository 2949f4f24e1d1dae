"""Help, `gcvos models`, `gcvos visualize`."""

import subprocess
import sys

from PIL import Image

from gcvos_model.cli import COMMANDS


def test_help_lists_every_command_without_importing_them(gcvos):
    code, out, _ = gcvos("--help")
    assert code == 0
    assert all(name in out for name in COMMANDS)
    script = "import sys\ntry:\n    from gcvos_model.cli import main; main(['--help'])\nexcept SystemExit:\n    pass\n"
    script += "print(sorted(m for m in sys.modules if m in ('torch', 'cv2', 'av')), file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stderr.strip() == "[]"


def test_an_unknown_command_is_refused(gcvos):
    code, _, err = gcvos("propogate")
    assert code == 2
    assert "propogate" in err


def test_models_shows_digest_and_record(gcvos, checkpoint, tiny_model):
    code, out, _ = gcvos("models", checkpoint)
    assert code == 0
    assert "minutes: 0" in out
    assert f"{sum(p.numel() for p in tiny_model.parameters()) / 1e6:.2f} M" in out


def test_pictures_of_results_and_keys(gcvos, clip, checkpoint, tmp_path):
    gcvos("propagate", clip, "--mask", tmp_path / "first.png", "--out", tmp_path / "out", "--model", checkpoint,
          "--short-side", 64)  # fmt: skip
    code, _, err = gcvos(
        "visualize", "overlays", clip, tmp_path / "out", "--out", tmp_path / "a.png", "--frames", 4
    )
    assert code == 0, err
    code, out, err = gcvos("visualize", "keys", clip, tmp_path / "out", "--out", tmp_path / "b.png", "--model", checkpoint,
                           "--frames", 3, "--channels", "0,7")  # fmt: skip
    assert code == 0, err
    assert "channels 0, 7 of 8" in out
    assert Image.open(tmp_path / "b.png").width > Image.open(tmp_path / "a.png").width * 0.9


def test_visualize_refuses_what_is_no_result(gcvos, clip, tmp_path):
    code, _, err = gcvos("visualize", "overlays", clip, tmp_path)
    assert code == 2
    assert "not a results folder" in err
