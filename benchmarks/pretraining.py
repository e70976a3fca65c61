"""What pre-training on unlabelled MNIST is worth: a linear probe with few labels.

``python benchmarks/pretraining.py --data FOLDER`` pre-trains a small LeNet on 5 000
MNIST images (16x16) by each task, and fits a logistic regression on its features of 100
other images, 10 a class, for three draws of them; the accuracy is that on 2 000 test
images. Beside it stand a random LeNet, one trained on USPS with labels, and one trained
on the same 5 000 images with all labels: the ceiling. Prints a table.
"""

import argparse
import time
from typing import Any

import jax
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from da_zoo import Pretrained, network_by_name
from da_zoo.data.npz import mnist, resize, usps
from da_zoo.methods.pretraining import pretrain

SIDE, ROWS, TEST, PER_CLASS, DRAWS = 16, 5000, 2000, 10, 3
NETWORK = network_by_name("lenet", channels=(8, 16), hidden=(64,))
TASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "rotation": ("rotation", {}),
    "simclr, crops": ("simclr", {"augmentation": "crops"}),
    "denoising": ("denoising", {}),
    "masked_features": ("masked_features", {}),
    "supervised on USPS": ("supervised", {"classes": 10}),
    "supervised on MNIST": ("supervised", {"classes": 10}),
}


def features(found: Pretrained, x: np.ndarray) -> np.ndarray:
    """Features of images [n, side, side, 1], uint8."""
    pixels = x.astype(np.float32) / 255
    encode = jax.jit(lambda rows: NETWORK.apply(found.params, found.stats, rows)[0])
    parts = [encode(part).features for part in np.split(pixels, len(x) // 500)]
    return np.concatenate(parts)


def probe(found: Pretrained, pool: Any, test: Any) -> tuple[float, float]:
    """Mean and standard deviation over draws of the labelled images."""
    of_pool, of_test = features(found, pool[0]), features(found, test[0])
    scores = []
    for draw in range(DRAWS):
        order = np.random.default_rng(draw).permutation(len(of_pool))
        rows = [order[pool[1][order] == c][:PER_CLASS] for c in range(10)]
        few = np.concatenate(rows)
        scale = StandardScaler().fit(of_pool[few])
        model = LogisticRegression(max_iter=2000)
        model.fit(scale.transform(of_pool[few]), pool[1][few])
        scores.append(model.score(scale.transform(of_test), test[1]))
    return float(np.mean(scores)), float(np.std(scores))


def main() -> None:
    """Pre-trains, probes, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with mnist.npz, usps.npz")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    digits, others = mnist(options.data), usps(options.data)
    small = resize(digits.x_train[: 2 * ROWS], SIDE, 1)
    unlabelled, pool = small[:ROWS], (small[ROWS:], digits.y_train[ROWS : 2 * ROWS])
    test = resize(digits.x_test[:TEST], SIDE, 1), digits.y_test[:TEST]
    inputs = {name: unlabelled for name in TASKS} | {
        "supervised on USPS": (others.x_train, others.y_train),
        "supervised on MNIST": (unlabelled, digits.y_train[:ROWS]),
    }
    print("| pre-training | probe with 100 labels | seconds |\n|---|---|---|")
    for seed in range(options.seeds):
        key = jax.random.key(seed)
        blank = Pretrained(*NETWORK.init(key, unlabelled[:2].astype(np.float32)))
        mean, spread = probe(blank, pool, test)
        print(f"| none: random weights | {mean:.1%} ± {spread:.1%} | |", flush=True)
        for name, (task, extra) in TASKS.items():
            began = time.perf_counter()
            found = pretrain(
                task, NETWORK, inputs[name], key, steps=options.steps, **extra
            )
            seconds = time.perf_counter() - began
            mean, spread = probe(found, pool, test)
            told = f"{mean:.1%} ± {spread:.1%} | {seconds:.0f}"
            print(f"| {name} | {told} |", flush=True)


if __name__ == "__main__":
    main()
