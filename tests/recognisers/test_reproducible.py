"""The same input gives the same bits, wherever memory happens to lie."""

from __future__ import annotations

import pytest
import torch

from faceveil.recognisers import zoo


@pytest.mark.parametrize("name", zoo.RECOGNISERS)
def test_gradients_do_not_depend_on_addresses(name: str) -> None:
    torch.set_num_threads(2)
    recogniser = zoo.load(name)
    size_px = recogniser.card.crop.size_px
    crops = torch.rand(1, 3, size_px, size_px, generator=torch.Generator().manual_seed(0))
    gradients = []
    for turn in range(12):
        kept = [torch.empty(1_000 * turn + 7 * i) for i in range(5)]
        x = crops.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(recogniser.embed(x)[0, :2].sum(), x)
        gradients.append(gradient)
        del kept
    assert all(torch.equal(gradient, gradients[0]) for gradient in gradients)
