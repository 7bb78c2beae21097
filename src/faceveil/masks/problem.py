"""The problem a method is given: faces, whom to mislead, what counts, and what may be drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from faceveil.core.budget import Budget
from faceveil.core.goal import Goal
from faceveil.faces.patch import Slices, resized
from faceveil.masks.limits import Slack, Spots, unit, visible_limits
from faceveil.masks.views import View, Views
from faceveil.recognisers.ensemble import Embeddings, Ensemble

Progress = Callable[[float], None]
"""Called with the share of the work done since the last call, in [0, 1]."""

STILL = View()


@dataclass(frozen=True)
class Problem:
    """Faces worked on together, and all a method may ask about them.

    A *mask* is a tensor ``b 3 w w`` within ``[-eps, eps]``; the problem weighs it by the region, so
    that methods need not.

    Attributes:
        pixels: the faces' patches, RGB in [0, 1].
        landmarks: in patch pixels.
        region: where the mask counts, in [0, 1].
        grey: which faces come from grey photos; their masks stay grey.
        source: the faces' embeddings before veiling.
        generators: one for each face; every random draw comes from them.
        budget: what may change; whoever poses the problem enforces it in the end.
        faces: the face crops, as they are shown to whoever judges the damage, in [0, 1].
        face_crops: rows and columns of each patch that these show.
    """

    pixels: Float[Tensor, "b 3 w w"]
    landmarks: Float[Tensor, "b 5 2"]
    region: Float[Tensor, "b 1 w w"]
    grey: Bool[Tensor, " b"]
    surrogates: Ensemble
    source: Embeddings
    goal: Goal
    views: Views
    generators: Sequence[Generator]
    progress: Progress
    budget: Budget
    faces: Sequence[Float[Tensor, "3 _ _"]]
    face_crops: Sequence[Slices]

    @property
    def eps(self) -> float:
        """The largest change of a pixel, in [0, 1]."""
        return self.budget.eps / 255

    def veiled(self, mask: Float[Tensor, "*n b 3 w w"]) -> Float[Tensor, "*n b 3 w w"]:
        """The patches under ``mask``, in [0, 1]."""
        return (self.pixels + self.visible(mask)).clamp(0, 1)

    def visible(self, mask: Float[Tensor, "*n b 3 w w"]) -> Float[Tensor, "*n b 3 w w"]:
        """The change ``mask`` makes: within eps, weighed by the region, grey on grey photos."""
        if self.grey.any():
            mean = mask.mean(dim=-3, keepdim=True).expand_as(mask)
            mask = torch.where(self.grey.view(-1, 1, 1, 1), mean, mask)
        return self.region * mask.clamp(-self.eps, self.eps)

    def noise(self, bound: float) -> Float[Tensor, "b 3 w w"]:
        """A uniform draw within ``bound``."""
        draws = [torch.rand(self.pixels.shape[1:], generator=g) for g in self.generators]
        return bound * (2 * torch.stack(draws).to(self.pixels) - 1)

    def nudge(self) -> Float[Tensor, "b 3 w w"]:
        """Noise of at most 1/255, to leave the source: there the gradient of Dodge vanishes."""
        return self.noise(1 / 255)

    def draw_views(self) -> list[View]:
        """The views of one step."""
        return self.views.draw(self.generators, self.pixels.device)

    def embed(self, mask: Float[Tensor, "b 3 w w"], view: View = STILL) -> Embeddings:
        """What each surrogate sees of the faces under ``mask``, after ``view``."""
        return self.surrogates(view(self.veiled(mask)), self.landmarks, view.jitter)

    def losses(
        self, mask: Float[Tensor, "b 3 w w"], views: Sequence[View] = (STILL,)
    ) -> Float[Tensor, "b t"]:
        """The goal's loss for each face and target, averaged over surrogates and views."""
        terms = [
            weight * self.goal.losses(name, embeddings[name], self.source[name])
            for embeddings in (self.embed(mask, view) for view in views)
            for name, weight in self.surrogates.weight_by_name.items()
        ]
        return torch.stack(terms).sum(dim=0) / len(views)

    def gradients(
        self, mask: Float[Tensor, "b 3 w w"], views: Sequence[View] = (STILL,)
    ) -> Float[Tensor, "t b 3 w w"]:
        """The gradient of each target's loss with respect to the mask.

        All targets share one forward pass: their losses differ only behind the embedding.
        """
        mask = mask.detach().requires_grad_()
        losses = self.losses(mask, views).sum(dim=0)
        n_targets = losses.shape[0]
        return torch.stack(
            [
                torch.autograd.grad(loss, mask, retain_graph=index < n_targets - 1)[0]
                for index, loss in enumerate(losses)
            ]
        )

    def gradient(
        self, mask: Float[Tensor, "b 3 w w"], views: Sequence[View] = (STILL,)
    ) -> Float[Tensor, "b 3 w w"]:
        """The gradient of the loss's mean over targets, at the cost of one."""
        mask = mask.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self.losses(mask, views).mean(dim=1).sum(), mask)
        return gradient

    def balanced_gradient(
        self, mask: Float[Tensor, "b 3 w w"], views: Sequence[View] = (STILL,)
    ) -> Float[Tensor, "b 3 w w"]:
        """A direction of ascent of the first target's loss to which surrogates contribute alike.

        Each surrogate's gradient is brought to unit length where the surrogate looks, behind the
        view; then all take the way back through the view together.
        """
        mask = mask.detach().requires_grad_()
        total = torch.zeros_like(mask)
        for view in views:
            seen = view(self.veiled(mask))
            push = torch.zeros_like(seen)
            for name, member in zip(self.surrogates.names, self.surrogates.members, strict=True):
                pixels = seen.detach().requires_grad_()
                embedding = member(pixels, self.landmarks, view.jitter)
                losses = self.goal.losses(name, embedding, self.source[name])
                (gradient,) = torch.autograd.grad(losses[:, 0].sum(), pixels)
                weight = self.surrogates.weight_by_name[name]
                push += weight * unit(gradient)
            total += torch.autograd.grad(seen, mask, push)[0]
        return total

    @cached_property
    def limits(self) -> list[Callable[[Tensor], Tensor]]:
        """The visible limits of the budget as slacks ``b`` of masks, see :class:`Slack`."""
        by_face = [visible_limits(self.budget, face[None]) for face in self.faces]
        return [partial(self._slack, limits) for limits in zip(*by_face, strict=True)]

    def _slack(self, limits: Sequence[Slack], mask: Tensor) -> Tensor:
        return torch.cat(
            [limit(face) for limit, face in zip(limits, self._veiled_faces(mask), strict=True)]
        )

    @torch.no_grad()
    def factors(self, mask: Float[Tensor, "b 3 w w"]) -> Float[Tensor, "b 1 w w"]:
        """What to multiply a mask with, in (0, 1], where a spot shows more than the budget allows.

        See :class:`Spots`; one where it has no such limit, and outside the face crops.
        """
        factors = torch.ones_like(mask[:, :1])
        if self.budget.spot is None:
            return factors
        for index, face in enumerate(self._veiled_faces(mask)):
            place = factors[index, None, :, *self.face_crops[index]]
            place.copy_(resized(self._spots[index].factors(face), place.shape[-2:]))
        return factors

    @cached_property
    def _spots(self) -> list[Spots]:
        assert self.budget.spot is not None  # noqa: S101  asked for only where it is set
        return [Spots(self.budget.spot, face[None]) for face in self.faces]

    def _veiled_faces(self, mask: Tensor) -> Iterator[Float[Tensor, "1 3 _ _"]]:
        """The face crops under ``mask``, as they are shown."""
        changes = self.visible(mask)
        for index, (face, (rows, columns)) in enumerate(
            zip(self.faces, self.face_crops, strict=True)
        ):
            change = resized(changes[index, None, :, rows, columns], face.shape[-2:])
            yield (face[None] + change).clamp(0, 1)

    @torch.no_grad()
    def beyond(self, mask: Float[Tensor, "b 3 w w"], budget: Budget) -> Problem:
        """What ``mask`` makes of the faces as a problem of its own, within another budget.

        The people are who they were: what recognisers saw before any veiling stays what counts.
        """
        return replace(
            self,
            pixels=self.veiled(mask),
            faces=[face[0] for face in self._veiled_faces(mask)],
            budget=budget,
        )

    def steps(self, n_steps: int) -> Iterator[int]:
        """``range(n_steps)``, reporting progress after each."""
        for step in range(n_steps):
            yield step
            self.progress(1 / n_steps)

    def towards(self, target: Int[Tensor, " b"]) -> Problem:
        """The same problem with, for each face, only the target of that index."""
        return replace(self, goal=_Chosen(self.goal, target))

    def towards_nearest(self) -> Problem:
        """The same problem with, for each face, the target of least loss before veiling."""
        return self.towards(self._losses_before().argmin(dim=1))

    def towards_farthest(self) -> Problem:
        """The same problem with, for each face, the target of greatest loss before veiling."""
        return self.towards(self._losses_before().argmax(dim=1))

    def _losses_before(self) -> Float[Tensor, "b t"]:
        terms = [
            weight * self.goal.losses(name, self.source[name], self.source[name])
            for name, weight in self.surrogates.weight_by_name.items()
        ]
        return torch.stack(terms).sum(dim=0)


@dataclass(frozen=True)
class _Chosen(Goal):
    """A goal of which each face pursues one target only."""

    goal: Goal
    index: Tensor

    def losses(self, recogniser: str, embedding: Tensor, source: Tensor) -> Tensor:
        losses = self.goal.losses(recogniser, embedding, source)
        return losses.take_along_dim(self.index.view(-1, 1), dim=-1)

    @property
    def targets(self) -> Mapping[str, Tensor] | None:
        return self.goal.targets

    def met(self, to_source: float, to_targets: float | None, threshold: float) -> bool:
        return self.goal.met(to_source, to_targets, threshold)
