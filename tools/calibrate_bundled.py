"""Find the thresholds of the bundled recognisers and write them into their cards.

    python tools/calibrate_bundled.py --data DIR --first 150 --title "CelebA-HQ"

DIR holds one folder a person. Photos are found, aligned and embedded as they are for users. Prints
what a reader of the cards may want to check: clean rank-1 and true accept rates.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import tomli_w
import torch

from faceveil.app.models import embed_people
from faceveil.app.verdict import FARS
from faceveil.core import config
from faceveil.measures.calibration import calibrate
from faceveil.measures.identification import rank_n
from faceveil.recognisers import zoo
from faceveil.recognisers.card import read_card
from faceveil.recognisers.ensemble import Ensemble


def main() -> None:
    """Calibrate every bundled recogniser on the same faces."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of folders of photos")
    parser.add_argument("--first", type=int, help="how many people, in name order")
    parser.add_argument("--title", required=True, help="what the photos are, for the cards")
    arguments = parser.parse_args()

    ensemble = Ensemble([zoo.load(name) for name in zoo.RECOGNISERS])
    people = embed_people(arguments.data, ensemble, first=arguments.first)
    if people.skipped:
        sys.exit(f"no face found in {', '.join(map(str, people.skipped))}")
    n_people = len(set(people.labels))
    data = f"{arguments.title}, {n_people} people x {len(people.labels) // n_people} photos"
    for name, embeddings in people.embeddings.items():
        calibration = calibrate(embeddings, people.labels, FARS, data=data, detector="centerface")
        path = zoo.locate(name)
        card = path.read_text(encoding="utf-8").partition("\n[calibration]")[0]
        table = tomli_w.dumps({"calibration": config.plain(calibration)})
        path.write_text(f"{card.rstrip()}\n\n{table}", encoding="utf-8")
        print(f"{name}: rank-1 {rank_one(embeddings, people.labels)}")
        for threshold in read_card(path).calibration.thresholds:
            print(
                f"  FAR {threshold.far:g}: cosine {threshold.cosine:.4f}, TAR {threshold.tar:.3f}"
            )


def rank_one(embeddings: torch.Tensor, labels: tuple[str, ...]) -> str:
    """The first photo of each person as gallery, the others as probes."""
    first = {label: row for row, label in reversed(list(enumerate(labels)))}
    gallery = sorted(first.values())
    probes = [row for row in range(len(labels)) if row not in gallery]
    return str(
        rank_n(
            embeddings[probes] @ embeddings[gallery].T,
            [labels[row] for row in gallery],
            [labels[row] for row in probes],
            1,
        )
    )


if __name__ == "__main__":
    main()
