"""Which questions were asked again and again, by nearness of their sentence vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from vigilbot.ports import Vector

NEAR: Final = 0.6  # cosine from which two questions count as alike


def alike(vectors: Sequence[Vector | None], *, near: float = NEAR) -> list[int]:
    """A group's number for every unit vector, the same order, counted from 0 by first appearance.

    A vector joins the group whose first member is nearest, if that is at least ``near``; else it
    starts one. Groups therefore do not chain from one subject to another, and the result depends on
    nothing but the order. One without a vector stays alone. Time: vectors times groups.
    """
    width = next((v.shape[0] for v in vectors if v is not None), 0)
    leaders = np.zeros((16, width), np.float32)
    numbers: list[int] = []  # the group each row of leaders began
    found: list[int] = []
    groups = 0
    for vector in vectors:
        if vector is not None and numbers:
            similar = np.vecdot(leaders[: len(numbers)], vector)
            best = int(np.argmax(similar))
            if similar[best] >= near:
                found.append(numbers[best])
                continue
        if vector is not None:
            if len(numbers) == len(leaders):
                leaders = np.concatenate([leaders, np.zeros_like(leaders)])
            leaders[len(numbers)] = vector
            numbers.append(groups)
        found.append(groups)
        groups += 1
    return found
