"""How good are reconstructions? Judged by a recogniser that took no part in making them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from faceveil.core.seeds import derive, generator
from faceveil.data.align import template
from faceveil.inversion.stage import Faces
from faceveil.measures.identification import rank_n
from faceveil.measures.quality import psnr, ssim
from faceveil.measures.rate import Rate, mean, rate
from faceveil.measures.verification import pairs, threshold_at
from faceveil.ops.srgb import luma
from faceveil.recognisers.recogniser import Recogniser
from faceveil.training.evaluate import thinned

FAR = 0.01
AT_ONCE = 32
MOST_COMPARED = 5000
"""Photos whose pairs the threshold is found on."""
MOST_DB = 100.0
"""PSNR of pictures that are equal."""


class Judge:
    """Compares reconstructions with the private photos; only it and the auditor see those.

    Args:
        recogniser: not the victim.
        private: training photos of everybody the victim knows.
        public: other people's, who make the false accept rate better known.
        seed: of the intervals.

    Raises:
        UsageError: there are too few photos for a threshold.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        private: Faces,
        public: Faces,
        *,
        seed: int = 0,
    ):
        self.recogniser, self.private, self.seed = recogniser, private, seed
        self.people = tuple(dict.fromkeys(private.shown))
        self.gallery = self._see(private.photos)
        self._patterns = patterns(private.photos)
        everybody = torch.cat((self.gallery, self._see(public.photos)))
        shown = [*private.shown, *(f"public {one}" for one in public.shown)]
        some = thinned(shown, range(len(shown)), MOST_COMPARED)
        genuine, impostor = pairs(everybody[some], [shown[i] for i in some])
        self.threshold = threshold_at(genuine, impostor, FAR).cosine

    def figures(self, images: Float[Tensor, "n 3 s s"], people: Sequence[str]) -> dict[str, Rate]:
        """Every figure, with an interval over people.

        * ``Acc@1``, ``Acc@5``: the share whose person is the most similar of all the victim knows,
          or among the five most similar; a person is as similar as their most similar photo.
        * ``NN@1``: the share whose nearest neighbour among all training photos shows the person;
          no recogniser is asked, but how far brightness correlates, pixel by pixel.
        * ``cosine``: to the person's photos, on average.
        * ``distance``: Euclidean, of unit vectors, to the nearest of them (KNN distance).
        * ``verified``: the share of pairs with one of them that are taken for one person at a false
          accept rate of .01, by a threshold over all real photos, private and public.
        * ``SSIM``, ``PSNR``: to the photo of theirs that is nearest in that measure.

        Args:
            images: crops in [0, 1].
            people: whose they are meant to be.
        """
        cosines = self._see(images) @ self.gallery.T
        per_person = torch.stack([cosines[:, self._of(one)].amax(1) for one in self.people], 1)
        own = [cosines[row, self._of(person)] for row, person in enumerate(people)]
        pairs_of = [person for person, row in zip(people, own, strict=True) for _ in row]
        near = torch.stack([row.max() for row in own]).clamp(-1, 1)
        values = {
            "cosine": torch.stack([row.mean() for row in own]),
            "distance": (2 - 2 * near).sqrt(),
            "SSIM": self._nearest(images, people, "SSIM"),
            "PSNR": self._nearest(images, people, "PSNR"),
        }
        accepted = torch.cat(own).double() >= self.threshold
        ranks = {
            f"Acc@{n}": rank_n(
                per_person, self.people, people, min(n, len(self.people)), seed=self.seed
            )
            for n in (1, 5)
        }
        ranks["NN@1"] = rank_n(
            patterns(images) @ self._patterns.T, self.private.shown, people, 1, seed=self.seed
        )
        means = {name: mean(value, people, seed=self.seed) for name, value in values.items()}
        return ranks | means | {"verified": rate(accepted, pairs_of, seed=self.seed)}

    def _of(self, person: str) -> list[int]:
        return [place for place, one in enumerate(self.private.shown) if one == person]

    def _nearest(self, images: Tensor, people: Sequence[str], measure: str) -> Float[Tensor, " n"]:
        best = []
        for image, person in zip(images, people, strict=True):
            photos = self.private.photos[self._of(person)]
            same = image.expand_as(photos)
            best.append((ssim if measure == "SSIM" else psnr)(same, photos).max())
        return torch.stack(best).clamp(max=MOST_DB)

    def _see(self, images: Float[Tensor, "n 3 s s"]) -> Float[Tensor, "n d"]:
        device = self.recogniser.device
        points = torch.from_numpy(template(images.shape[-1])).to(device)
        with torch.no_grad():
            rows = [
                self.recogniser(some.to(device), points.expand(len(some), -1, -1)).cpu()
                for some in torch.split(images, AT_ONCE)
            ]
        return torch.cat(rows)


def patterns(images: Float[Tensor, "n 3 s s"]) -> Float[Tensor, "n p"]:
    """Brightness as unit vectors without a mean: the product of two is how far they correlate."""
    pixels = luma(images).flatten(1)
    return F.normalize(pixels - pixels.mean(1, keepdim=True))


def mean_face(public: Float[Tensor, "m 3 s s"], n: int) -> Float[Tensor, "n 3 s s"]:
    """The floor of an attacker who gives everybody the mean of the public faces."""
    return public.mean(0).expand(n, -1, -1, -1)


def random_faces(
    public: Float[Tensor, "m 3 s s"], people: Sequence[str], seed: int
) -> Float[Tensor, "n 3 s s"]:
    """The floor of an attacker who gives each person some public face."""
    rows = [
        int(torch.randint(len(public), (), generator=generator(derive(seed, "random face", one))))
        for one in people
    ]
    return public[rows]
