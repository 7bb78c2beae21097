from __future__ import annotations

import torch

from faceveil.ops.power import power


def test_positive_values_are_raised() -> None:
    x = torch.rand(50, dtype=torch.float64) + 0.01
    exponents = torch.rand(50, dtype=torch.float64) + 0.1
    torch.testing.assert_close(power(x, 0.7), x**0.7)
    torch.testing.assert_close(power(x, exponents), x**exponents)
    x, exponents = x.requires_grad_(), exponents.requires_grad_()
    assert torch.autograd.gradcheck(power, (x, exponents))


def test_at_and_below_0_value_and_gradients_are_0() -> None:
    x = torch.tensor([0.0, -2.0, -0.0], requires_grad=True)
    exponents = torch.full((3,), 0.3, requires_grad=True)
    result = power(x, exponents)
    result.sum().backward()
    for zeros in (result, x.grad, exponents.grad):
        assert torch.equal(zeros, torch.zeros(3))
