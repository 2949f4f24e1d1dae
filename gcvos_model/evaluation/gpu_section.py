"""The page's section on GPUs."""

from __future__ import annotations

from collections.abc import Sequence

from .page_tables import SETTING, Row, markdown, megabytes, setting

TARGETS = """\
Meant for one GPU of the class of an H200 at 480 x 854: with one object 600 frames/s (gcvos-lite) and 250 (gcvos-r50), with
ten a third and a sixth of that, and the same memory at frame 100 and at frame 10,000.
"""
NO_GPU = f"""## GPU

**No GPU has been measured.** Steps on a CUDA device are CUDA graphs (`gcvos_model/gpu`), which
are checked on the CPU as far as a CPU can. {TARGETS}
This checks the graphs against steps without them, and then measures everything, in one call of less than ten minutes:

```
gcvos benchmark gpu --out rows.jsonl
```
"""


def gpu_section(checks: Sequence[Row], rows: Sequence[Row]) -> str:
    """Rates with and without graphs, memory along a video, and how far graphs agree with steps without them."""
    if not rows:
        return ""
    headings = (*SETTING, "frames/s", "without graphs", "first step", "memory at frame", "peak")
    rates = (
        [
            *setting(row),
            f"{row['frames_per_second']:.0f}",
            f"{row['eager_frames_per_second']:.0f}",
            f"{row['first_step_seconds']:.1f} s",
            ", ".join(f"{p['frame']}: {megabytes(p['gpu_bytes'])}" for p in row["growth"]) or "-",
            megabytes(row["gpu_peak_bytes"]),
        ]
        for row in rows
    )
    agreement = (
        [
            *setting(row),
            f"{row['largest_difference']:.1e}",
            f"{row['differing_pixels']:.3%}",
            f"{row['state_difference']:.1e}",
        ]
        for row in checks
    )
    about = "Frames decoded already; resizing, uploading, downloading and label maps are in it. " + TARGETS
    checked = "Graphs beside steps without them, from equal state:\n\n"
    columns = (*SETTING, "probabilities differ by", "labels differ in", "the state by")
    table = markdown(headings, rates)
    return f"## GPU\n\n{about}\n{table}\n{checked}{markdown(columns, agreement)}"
