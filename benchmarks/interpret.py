"""Looks into a LeNet that goes from MNIST to USPS, for docs/interpretability.md.

    python benchmarks/interpret.py --data DIR --out results/interpret

The source model is trained on MNIST, then fine-tuned on 200 labelled USPS images; the
page is about USPS test images.
"""

import argparse
from pathlib import Path

import jax
import numpy as np

import da_zoo
from da_zoo.data.npz import mnist, resize, usps
from da_zoo.finetune import presets
from da_zoo.interpret import interpret_page, model_of

SIDE = 16
LABELLED = 200


def main() -> None:
    """Trains, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder of mnist.npz, usps.npz")
    parser.add_argument("--out", default="results/interpret")
    parser.add_argument("--steps", type=int, default=400)
    arguments = parser.parse_args()
    source, target = mnist(arguments.data), usps(arguments.data)
    rows = np.random.default_rng(0).permutation(len(source.y_train))[:10_000]
    pair = resize(source.x_train[rows], SIDE, 1), source.y_train[rows]
    network = da_zoo.network_by_name("lenet", channels=(16, 32))
    settings = {"optimizer": "adam", "learning_rate": 1e-3, "schedule": "constant"}
    key = jax.random.key(0)
    first = da_zoo.fit(
        da_zoo.methods.source_only(network, classes=10, **settings),
        da_zoo.ArrayData(pair),
        key,
        steps=arguments.steps,
    )
    before = model_of(first, network, domain="source")
    start = da_zoo.Pretrained(before.params, before.stats, before.head)
    second = da_zoo.fit(
        presets.full().recipe(
            da_zoo.start_from(network, start), classes=10, source_share=0.0, **settings
        ),
        da_zoo.ArrayData(
            target_labelled=(target.x_train[:LABELLED], target.y_train[:LABELLED])
        ),
        key,
        steps=arguments.steps // 2,
    )
    page = interpret_page(
        arguments.out,
        before,
        model_of(second, network),
        source=(resize(source.x_test, SIDE, 1), source.y_test),
        target=(target.x_test, target.y_test),
        title=f"MNIST to USPS, fine-tuned on {LABELLED} images",
        embedding="tsne",
        images=4,
    )
    print(Path(page))


if __name__ == "__main__":
    main()
