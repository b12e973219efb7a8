"""Parts of a namespace by meaning: which vectors lie together, and what lies in their middle.

Spherical k-means, a few rounds of it. The seeds are spread evenly over the vectors as they come,
so that the same vectors always give the same parts. Parts need not be perfect: a question reads
several of them, and its words are looked up besides.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

ROUNDS = 8


def split_by_meaning(vectors: Vectors, parts: int) -> tuple[Vectors, npt.NDArray[np.int64]]:
    """At most `parts` unit centroids, none of an empty part, and the part of each vector."""
    seeds = np.linspace(0, len(vectors) - 1, parts).astype(np.int64)
    centroids = vectors[seeds]
    for _ in range(ROUNDS):
        part_of = np.argmax(vectors @ centroids.T, axis=1)
        used, part_of = np.unique(part_of, return_inverse=True)
        sums = np.zeros((len(used), vectors.shape[1]), np.float32)
        np.add.at(sums, part_of, vectors)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centroids = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0)
    return centroids, part_of.astype(np.int64)
