"""Small files and a suite over them, as a user would have them."""

import numpy as np

SUITE = """
name = "mine"
description = "two files"
label_fractions = [0.5]

[every_domain]
label = "sick"

[domains.north]
file = "north.csv"

[domains.south]
file = "south.csv"

[tasks.disease]
classes = ["no", "yes"]

[splits]
test = 0.25
validation = 0.15

[defaults]
network = "mlp"
network_options = { hidden = [8] }
steps = 100
batch_size = 16
optimizer = "adam"
learning_rate = 1e-2
batch_norm = "separate"

[[pairs]]
domains = ["north", "south"]
"""


def table(rows, *, shift=0.0, seed=0, classes=("no", "yes"), skew=0.5):
    """Two columns that tell the classes apart, the first one shifted, and a category.

    ``skew`` is the share of the first class; the others come equally often.
    """
    draws = np.random.default_rng(seed)
    others = len(classes) - 1
    label = draws.choice(
        others + 1, size=rows, p=[skew, *[(1 - skew) / others] * others]
    )
    x = draws.normal(size=(rows, 2)) + 2.0 * label[:, None] + [shift, 0.0]
    cells = [
        f"{a:.4f},{b:.4f},{'mf'[int(a > 0)]},{classes[c]}"
        for (a, b), c in zip(x, label, strict=True)
    ]
    return "age,dose,sex,sick\n" + "\n".join(cells) + "\n"


def write_suite(folder, text=SUITE, *, north=None, south=None):
    """Writes the two files and the suite; returns the suite's path."""
    (folder / "north.csv").write_text(north or table(80))
    (folder / "south.csv").write_text(south or table(60, shift=3.0, seed=1))
    path = folder / "mine.toml"
    path.write_text(text)
    return path
