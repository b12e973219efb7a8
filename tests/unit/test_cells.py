"""Parts of a namespace by meaning."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from eunoe_server.domain.cells import split_by_meaning


def clusters(count: int, each: int) -> npt.NDArray[np.float32]:
    """Unit vectors close to `count` axes, those of one axis not next to each other."""
    noise = np.random.default_rng(7).normal(scale=0.05, size=(count * each, 16))
    vectors = np.tile(np.eye(count, 16), (each, 1)) + noise
    unit: npt.NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit.astype(np.float32)


def test_vectors_that_lie_together_come_into_one_part() -> None:
    centroids, part_of = split_by_meaning(clusters(4, 25), 4)
    assert len(centroids) == 4
    assert sorted(np.bincount(part_of)) == [25, 25, 25, 25]
    assert len({tuple(part_of[start::4]) for start in range(4)}) == 4


def test_each_vector_is_in_a_part_and_no_part_is_empty() -> None:
    centroids, part_of = split_by_meaning(clusters(3, 40), 10)
    assert set(part_of.tolist()) == set(range(len(centroids)))
    assert np.linalg.norm(centroids, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_the_same_vectors_always_give_the_same_parts() -> None:
    one, other = split_by_meaning(clusters(5, 30), 6), split_by_meaning(clusters(5, 30), 6)
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])


def test_vectors_without_direction_do_no_harm() -> None:
    vectors = np.zeros((10, 16), np.float32)
    centroids, part_of = split_by_meaning(vectors, 3)
    assert np.isfinite(centroids).all()
    assert set(part_of.tolist()) == set(range(len(centroids)))
