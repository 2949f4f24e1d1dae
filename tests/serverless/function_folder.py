"""Where the function lies, and how small the tests make it work."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
FUNCTION = ROOT / "serverless" / "gcvos" / "nuclio"
SHORT_SIDE = 32
