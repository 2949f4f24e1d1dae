"""The bundled clip: a short video with exact masks, drawn by `make_clip.py`."""

from pathlib import Path

CLIP = Path(__file__).parent / "clip.mp4"
MASKS = Path(__file__).parent / "masks"
