"""Makeup that protects, as DFPP makes it: by an untrained prior, after a reference.

Shamshad, Naseer, Nandakumar: "Makeup-guided facial privacy protection via untrained neural network
priors" (2024). Theirs: for each photo a decoder is fitted without any training data, under losses
of structure, makeup by regions, and identity; the next frame of a video goes on from its weights.
Their network and numbers are not public, so all else is ours.

The decoder paints no face. Its maps are opacities of glazes, and a glaze multiplies colours as a
film of pigment does, so that pores, hair and light stay what they are:

    x' = x exp(sum_k a_k(theta) w_k g_k)
    minimise over theta   makeup + structure + identity

with w_k where the feature lies, g_k the logarithm of the glaze's colour and a_k its opacity, the
same on both sides of the face. Makeup is the distance of the histograms of lips, lids and cheeks to
the reference's, structure what SSIM falls short of the budget's floor, identity the goal's loss.

Glazes alone mislead few recognisers. So the made-up face is veiled besides, as the default method
does it, and what that may change is counted from the made-up face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from faceveil.core.budget import DAMAGE, Budget, damage_limits
from faceveil.core.goal import GoalName
from faceveil.core.ranges import Count, Natural, NonNegative, Positive, Range
from faceveil.faces.face import TEMPLATE
from faceveil.faces.features import Features, features
from faceveil.masks.glaze import FEWEST_PX, GLAZES, Style, films, relative, style_of
from faceveil.masks.method import Method
from faceveil.masks.painter import CANVAS_PX, Painter
from faceveil.masks.problem import Problem
from faceveil.masks.veil import Veil
from faceveil.masks.views import Views
from faceveil.measures.quality import ssim
from faceveil.ops import warp
from faceveil.ops.srgb import luma
from faceveil.ops.treat import blur

CANVAS_AT = (CANVAS_PX / 2 - 56.5, 10.0)
"""Where the canvas has the corner of the crop: its middle is the middle of the face."""
MARGIN = 0.02
"""What SSIM is kept above its floor while painting, for rounding and what 1:1 shows besides."""

ROOM = 0.02
"""How much brighter than the brightest spot of a face was any spot may become (in [0, 1]), so that
highlights burn no holes into pale skin."""

CARRIED, SETTLED = 2, 0.2
"""The share of the learning rate for decoders that are gone on from: Adam's first steps are as long
as its rate, whatever the gradient."""


@dataclass(frozen=True)
class Makeup(Method):
    """Makeup painted by an untrained decoder.

    First, for ``fitting`` steps, after the reference alone; then against the recognisers too; then
    a veil is made for the made-up face.

    Attributes:
        reference: a bundled style (rose, smoky, coral, plum) or the path of a picture of a made-up
            face.
        steps: iterations against the recognisers.
        fitting: iterations before them.
        learning_rate: of Adam.
        likeness: weight of the makeup loss.
        identity: weight of the goal's loss.
        structure: weight of what SSIM falls short.
        damage: what the veil may change of the made-up face, see
            :func:`~faceveil.core.budget.damage_limits`; 0 for makeup alone.
    """

    name: ClassVar[str] = "makeup"
    summary: ClassVar[str] = "makeup after a reference, fitted to protect (Shamshad et al. 2024)"
    default_goal: ClassVar[GoalName] = "dodge"
    default_budget: ClassVar[Budget] = Budget(eps=128.0, ssim=0.88)
    default_views: ClassVar[Views] = Views(affine=(0.03, 0.03))

    reference: str = "rose"
    steps: Count = 30
    fitting: Natural = 15
    learning_rate: Positive = 0.05
    likeness: NonNegative = 1.0
    identity: NonNegative = 1.0
    structure: NonNegative = 20.0
    damage: Annotated[float, Range(0, 100)] = DAMAGE["medium"]

    def __post_init__(self) -> None:
        super().__post_init__()
        style_of(self.reference)

    @classmethod
    def at_damage(cls, damage: float) -> dict[str, Any]:
        """That of the veil; makeup itself is meant to be seen."""
        damage_limits(damage)
        return {"method.damage": damage}

    def masks(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """Paint every face from nothing, and veil what comes of it."""
        if not self.damage:
            return self.painted(problem)[0]
        half = replace(problem, progress=lambda share: problem.progress(share / 2))
        paint, _ = self.painted(half)
        budget = Budget(eps=Veil.default_budget.eps, **damage_limits(self.damage))
        return paint + Veil().masks(half.beyond(paint, budget))

    def painted(
        self, problem: Problem, before: Sequence[Painter] | None = None
    ) -> tuple[Float[Tensor, "b 3 w w"], list[Painter]]:
        """Makeup alone, and the decoders that hold it.

        Args:
            problem: the faces.
            before: the decoders of the same faces in the last frame, to go on from.
        """
        problem = problem.towards_nearest()
        canvas = _Canvas(problem, style_of(self.reference))
        if before is None:
            n_fitting, n_steps, rate = self.fitting, self.fitting + self.steps, self.learning_rate
            device = problem.pixels.device
            before = [Painter.untrained(len(GLAZES), g, device) for g in problem.generators]
        else:
            n_fitting, n_steps, rate = 0, CARRIED, SETTLED * self.learning_rate
        painters = [painter.fresh() for painter in before]
        weights = [weight for painter in painters for weight in painter.weights]
        optimiser = torch.optim.Adam(weights, lr=rate)
        for step in problem.steps(n_steps):
            mask = canvas.mask(painters)
            veiled = problem.veiled(mask)
            loss = self.likeness * canvas.unlike(veiled) + self.structure * canvas.lost(veiled)
            if step >= n_fitting:
                loss = loss + self.identity * problem.losses(mask, problem.draw_views())[:, 0]
            optimiser.zero_grad()
            torch.autograd.backward(loss.sum())
            optimiser.step()
        with torch.no_grad():
            return canvas.mask(painters), painters


class _Canvas:
    """Faces to paint on, and what is asked of the painting besides the goal."""

    def __init__(self, problem: Problem, style: Style) -> None:
        here = features(problem.pixels, problem.landmarks)
        self._problem, self._here = problem, here
        self._bright = luma(problem.pixels)
        self._films = films(here, problem.pixels, style)
        at = problem.landmarks.new_tensor(TEMPLATE) + problem.landmarks.new_tensor(CANVAS_AT)
        self._to_patch = warp.invert(warp.similarity(problem.landmarks, at))
        self._parts = [_parts(here, face, style) for face in range(len(problem.pixels))]
        self._thinnest = self._bright.new_tensor([g.thinnest for g in GLAZES]).view(-1, 1, 1)
        whites = self._bright.masked_fill(problem.region == 0, 0).flatten(1).amax(1)
        self._room = (whites.view(-1, 1, 1, 1) - self._bright).clamp_min(ROOM)

    def mask(self, painters: Sequence[Painter]) -> Float[Tensor, "b 3 w w"]:
        """What the painters' glazes change, within eps."""
        maps = torch.cat([painter() for painter in painters])
        even = torch.sigmoid((maps + maps.flip(-1)) / 2)
        opacities = self._thinnest + (1 - self._thinnest) * even
        soft = torch.cat(
            [
                blur(layer, [glaze.sigma] * len(layer))
                for layer, glaze in zip(torch.split(opacities, 1, dim=1), GLAZES, strict=True)
            ],
            dim=1,
        )
        pixels, eps = self._problem.pixels, self._problem.eps
        laid = warp.sample(soft, self._to_patch, pixels.shape[-1])
        film = (laid[:, :, None] * self._films).sum(1)
        change = pixels * film.expm1()
        rise = (luma(change) / self._room).clamp_min(1e-6)
        return eps * torch.tanh(rise.tanh() / rise * change / eps)

    def unlike(self, veiled: Float[Tensor, "b 3 w w"]) -> Float[Tensor, " b"]:
        """How far each face's parts are from the reference: for every channel the distance
        between two histograms (Wasserstein's first), of colours relative to skin."""
        colours = relative(veiled, self._here)
        rows = []
        for face, parts in zip(colours, self._parts, strict=True):
            row = face.new_zeros(())
            for inside, wanted, weight in parts:
                row = row + weight * (face[:, inside].sort(dim=1).values - wanted).abs().mean()
            rows.append(row)
        return torch.stack(rows)

    def lost(self, veiled: Float[Tensor, "b 3 w w"]) -> Float[Tensor, " b"]:
        """What each face's SSIM, of brightness, falls short of the budget's floor."""
        floor = self._problem.budget.ssim
        if floor is None:
            return veiled.new_zeros(len(veiled))
        return (floor + MARGIN - ssim(self._bright, luma(veiled))).relu()


def _parts(here: Features, face: int, style: Style) -> list[tuple[Tensor, Tensor, float]]:
    """Where each part lies, the colours it should have in ascending order, and its weight."""
    parts = []
    for glaze in GLAZES:
        inside = getattr(here, glaze.part)[face, 0] > 0.5
        n_pixels = int(inside.sum())
        if glaze.likeness and n_pixels >= FEWEST_PX:
            wanted = style[glaze.part].to(here.tone)[None]
            wanted = F.interpolate(wanted, n_pixels, mode="linear", align_corners=True)[0]
            parts.append((inside, wanted, glaze.likeness))
    return parts
