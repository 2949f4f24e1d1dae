"""The numbers that the paper prints, as it prints them: what our own are set beside.

Li, Shen, Shan: *Fast Video Object Segmentation using the Global Context Module* (ECCV 2020), tables 2 to 4
and figure 4. Numbers in brackets are the paper's references; STM* is STM without the additional data that it
reports a higher score with. Scores are in %.

Figure 4 prints no numbers: its points are those of table 3 (for RANet the text on the figure has 0.12 s, the
table 0.13).
"""

from __future__ import annotations

from dataclasses import dataclass

from .layouts import Benchmark


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper.

    Attributes:
        caption: what it shows.
        benchmark: whose val split the numbers are from.
        columns: headings, the first one that of the row's name.
        sections: rows in the order of print, as printed; "-" where the paper has no number.
    """

    caption: str
    benchmark: Benchmark
    columns: tuple[str, ...]
    sections: tuple[tuple[tuple[str, ...], ...], ...]


TABLE_2 = PaperTable(
    "Table 2: size of the global context (C_M x C_N), DAVIS 2016 val",
    Benchmark.DAVIS2016,
    ("GC feature size", "J&F", "Parameters", "Runtime (s)"),
    ((("512 x 128", "86.6", "38 M", "0.040"), ("512 x 512", "86.1", "46 M", "0.046")),),
)

TABLE_3 = PaperTable(
    "Table 3: DAVIS 2016 val; online-learning methods above, the others below",
    Benchmark.DAVIS2016,
    ("Method", "Time (s)", "J&F", "J", "F"),
    (
        (
            ("OSVOS [2]", "7", "80.2", "79.8", "80.6"),
            ("Lucid [15]", "-", "83.0", "83.9", "82.0"),
            ("CINM [1]", ">30", "84.2", "83.4", "85.0"),
            ("OnAVOS [28]", "13", "85.5", "86.1", "84.9"),
            ("OSVOS-S [21]", "4.5", "86.6", "85.6", "87.5"),
            ("PReMVOS [20]", ">30", "86.8", "84.9", "88.6"),
            ("DyeNet [18]", "2.32", "-", "86.2", "-"),
        ),
        (
            ("SiamMask [29]", "0.03", "70.0", "71.7", "67.8"),
            ("OSMN [35]", "0.13", "73.5", "74.0", "72.9"),
            ("PML [3]", "0.28", "77.4", "75.5", "79.3"),
            ("VidMatch [11]", "0.32", "-", "81.0", "-"),
            ("FAVOS [4]", "1.8", "81.0", "82.4", "79.5"),
            ("FEELVOS [27]", "0.5", "81.7", "80.3", "83.1"),
            ("RGMP [31]", "0.13", "81.8", "81.5", "82.0"),
            ("AGAME [14]", "0.07", "81.9", "81.5", "82.2"),
            ("RANet [30]", "0.13", "85.5", "85.5", "85.4"),
            ("STM* [22]", "0.15", "86.5", "84.8", "88.1"),
            ("GC (the paper)", "0.04", "86.6", "87.6", "85.7"),
        ),
    ),
)

TABLE_4 = PaperTable(
    "Table 4: DAVIS 2017 val; online-learning methods above, the others below",
    Benchmark.DAVIS2017,
    ("Method", "J&F", "J", "F"),
    (
        (
            ("OSVOS [2]", "60.3", "56.6", "63.9"),
            ("OnAVOS [28]", "65.4", "61.6", "69.1"),
            ("OSVOS-S [21]", "68.0", "64.7", "71.3"),
            ("CINM [1]", "70.6", "67.2", "74.0"),
            ("PReMVOS [20]", "77.8", "73.9", "81.8"),
        ),
        (
            ("OSMN [35]", "54.8", "52.5", "57.1"),
            ("SiamMask [29]", "56.4", "54.3", "58.5"),
            ("FAVOS [4]", "58.2", "54.6", "61.8"),
            ("VidMatch [11]", "-", "56.5", "-"),
            ("RANet [30]", "65.7", "63.2", "68.2"),
            ("RGMP [31]", "66.7", "64.8", "68.6"),
            ("FEELVOS [27]", "69.1", "65.9", "72.3"),
            ("AGAME [14]", "70.0", "67.2", "72.7"),
            ("STM* [22]", "71.6", "69.2", "74.0"),
            ("GC (the paper)", "71.4", "69.3", "73.5"),
        ),
    ),
)


def _frames_per_second(seconds: str) -> str:
    bound, number = ("<", seconds[1:]) if seconds[0] == ">" else ("", seconds)
    return f"{bound}{1 / float(number):.2g}"


FIGURE_4 = PaperTable(
    "Figure 4: speed and accuracy, DAVIS 2016 val (the points of table 3, frames/s = 1 / time)",
    Benchmark.DAVIS2016,
    ("Method", "frames/s", "J&F"),
    tuple(
        tuple(
            (method, _frames_per_second(seconds), score)
            for method, seconds, score, *_ in section
            if seconds != "-" and score != "-"
        )
        for section in TABLE_3.sections
    ),
)

PAPER_TABLES = {"2": TABLE_2, "3": TABLE_3, "4": TABLE_4, "figure4": FIGURE_4}

VAL_SEQUENCES = {
    Benchmark.DAVIS2016: (
        "blackswan bmx-trees breakdance camel car-roundabout car-shadow cows dance-twirl dog drift-chicane "
        "drift-straight goat horsejump-high kite-surf libby motocross-jump paragliding-launch parkour "
        "scooter-black soapbox"
    ),
    Benchmark.DAVIS2017: (
        "bike-packing blackswan bmx-trees breakdance camel car-roundabout car-shadow cows dance-twirl dog "
        "dogs-jump drift-chicane drift-straight goat gold-fish horsejump-high india judo kite-surf lab-coat "
        "libby loading mbike-trick motocross-jump paragliding-launch parkour pigs scooter-black shooting "
        "soapbox"
    ),
}
"""The whole val splits of DAVIS: the names of their sequences, in order."""

VAL_FRAMES = {Benchmark.DAVIS2016: 1376, Benchmark.DAVIS2017: 1999}
"""How many frames they have: at half the frame rate, a sequence of the same name is another one."""
