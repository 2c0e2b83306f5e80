"""How near is the network to what the processor can do at most?

    python benchmarks/network_limit.py [--model NAME] [--rounds 15]

One thread multiplies two matrices that fit the cache by NumPy's BLAS, in turn with the network (its
whole, confidence and all) for a square picture; the best of the rounds of each, since whatever else
the machine does can only slow one down. Prints how many multiply-accumulates a second both do, and
their ratio: what is missing to 100 % is the most that another order of the same operations could
win in float32.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is imported

import numpy as np

from photochrom.engine import DEFAULT_MODEL, load
from photochrom.evaluation.cost import count_macs, counted_side

MATRIX = 768
"""Side of the matrices: three of them take 7 MB."""


def main() -> None:
    """Measure, and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--model", default=DEFAULT_MODEL, help="name or path of a model")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    network = load(arguments.model, device="cpu", threads=1)
    side = counted_side(network.card)
    picture = np.zeros((1, 4, side, side), np.float32)
    picture[:, 0] = np.random.default_rng(0).uniform(0, 100, (side, side))
    matrix = np.random.default_rng(1).standard_normal((MATRIX, MATRIX)).astype(np.float32)
    ways = {"network": lambda: network(picture), "matrix product": lambda: matrix @ matrix}
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(arguments.rounds):
        for name, run in ways.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
    macs = {"network": count_macs(arguments.model), "matrix product": MATRIX**3}
    rates = {name: macs[name] / best[name] / 1e9 for name in ways}
    share = rates["network"] / rates["matrix product"]
    lines = [
        f"load {os.getloadavg()[0]:.1f}",
        "",
        "| one thread | 10⁹ MAC | ms | 10⁹ MAC a second |",
        "|---|---|---|---|",
        *(
            f"| {name} | {macs[name] / 1e9:.2f} | {1e3 * best[name]:.1f} | {rate:.0f} |"
            for name, rate in rates.items()
        ),
        "",
        f"The network runs at {share:.0%} of the product's rate.",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
