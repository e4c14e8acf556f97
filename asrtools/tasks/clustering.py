"""Embeddings to speakers: spectral clustering of a pruned affinity, as FunASR's labels up to their numbering.

By hand on scipy, because the same labels are wanted as published pipelines give, and a graph of the nearest neighbours
alone keeps hours of speech within seconds and megabytes. Nothing is random: every start is drawn from a fixed seed.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.cluster.vq import vq
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import eigsh

from asrtools.errors import ConfigError

FEW = 20  # fewer windows are one speaker where no number is asked for
KEPT_PART = 0.022  # of each row of the affinity
KEPT_LEAST = 6
MOST_DENSE = 2047  # windows whose Laplacian is solved in full
MOST_WINDOWS = 16_384  # of more, so many are clustered, evenly over time, and the others go to the nearest centre
BLOCK_ROWS = 512  # of the affinity at a time
EIGEN_TOLERANCE = 1e-4  # of the largest eigenvalue
NUM_STARTS = 10
MOST_ROUNDS = 300


@dataclass(frozen=True)
class ClusterOptions:
    num_speakers: int | None = None  # None: found, from min_speakers to max_speakers
    min_speakers: int = 1
    max_speakers: int = 15
    merge_threshold: float = 0.78  # speakers whose centres have a higher cosine are one, where the number is found

    def __post_init__(self) -> None:
        if self.num_speakers is not None and self.num_speakers < 1:
            raise ConfigError(f"the number of speakers is {self.num_speakers}; 1 or more is wanted")
        if not 1 <= self.min_speakers <= self.max_speakers:
            raise ConfigError(f"speakers are {self.min_speakers} to {self.max_speakers}; 1 <= least <= most is wanted")
        if not 0 < self.merge_threshold <= 1:
            raise ConfigError(f"merge_threshold is {self.merge_threshold}; a cosine above 0, 1 at most, is wanted")


def cluster(embeddings: np.ndarray, options: ClusterOptions | None = None) -> np.ndarray:
    """Embeddings [N, E] in the order of time to the speaker of each, int64 [N], numbered as they first appear."""
    options = options or ClusterOptions()
    embeddings = np.asarray(embeddings, dtype=np.float64)
    unit = normalized(embeddings)
    if len(unit) > MOST_WINDOWS:
        chosen = np.linspace(0, len(unit) - 1, MOST_WINDOWS).round().astype(np.int64)
        of_chosen = _labels_of(embeddings[chosen], unit[chosen], options)
        centres = normalized(centres_of(embeddings[chosen], of_chosen))
        labels = (unit @ centres.T).argmax(axis=1)
    else:
        labels = _labels_of(embeddings, unit, options)
    return in_order_of_appearance(labels)


def _labels_of(embeddings: np.ndarray, unit: np.ndarray, options: ClusterOptions) -> np.ndarray:
    num_rows = len(unit)
    wanted = options.num_speakers
    if num_rows < FEW:
        return _few(unit, min(num_rows, wanted or options.min_speakers))
    if wanted is not None and wanted >= num_rows:
        return np.arange(num_rows)
    labels = spectral_labels(unit, options)
    return labels if wanted is not None else merge_similar(embeddings, labels, options)


def _few(unit: np.ndarray, wanted: int) -> np.ndarray:
    if wanted <= 1:
        return np.zeros(len(unit), dtype=np.int64)
    return fcluster(linkage(unit, "average"), wanted, "maxclust").astype(np.int64) - 1


def spectral_labels(unit: np.ndarray, options: ClusterOptions) -> np.ndarray:
    """Unit vectors [N, E] to clusters: the smallest eigenvectors of the affinity's Laplacian, then k-means.

    Where the number is not given, it is where the largest gap between neighbouring eigenvalues lies.
    """
    most = min(options.max_speakers, len(unit) - 1)
    least = min(options.min_speakers, most)
    values, vectors = smallest_eigenpairs(laplacian(unit), options.num_speakers or most + 1)
    count = options.num_speakers or int(np.argmax(np.diff(values[least - 1 : most + 1]))) + least
    return k_means(vectors[:, :count], count)


def laplacian(unit: np.ndarray) -> csr_array:
    """Of the graph in which each vector has its nearest neighbours, by cosine and both ways with half the weight."""
    num_rows = len(unit)
    part = max(KEPT_PART, KEPT_LEAST / num_rows)
    kept = num_rows - int((1 - part) * num_rows)  # the rounding of the published pipeline
    if num_rows > MOST_DENSE:
        unit = unit.astype(np.float32)  # twice as quick
    columns = np.empty((num_rows, kept), dtype=np.int32)
    weights = np.empty((num_rows, kept))
    for first in range(0, num_rows, BLOCK_ROWS):
        cosines = unit[first : first + BLOCK_ROWS] @ unit.T
        nearest = np.argpartition(cosines, num_rows - kept, axis=1)[:, num_rows - kept :]
        columns[first : first + BLOCK_ROWS] = nearest
        weights[first : first + BLOCK_ROWS] = np.take_along_axis(cosines, nearest, axis=1)
    rows = np.repeat(np.arange(num_rows, dtype=np.int32), kept)
    is_other = columns.ravel() != rows
    places = rows[is_other], columns.ravel()[is_other]
    half = coo_array((0.5 * weights.ravel()[is_other], places), shape=(num_rows, num_rows)).tocsr()
    affinity = half + half.T
    degrees = np.asarray(abs(affinity).sum(axis=1)).ravel()
    return (diags_array(degrees) - affinity).tocsr()


def smallest_eigenpairs(matrix: csr_array, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` smallest eigenvalues [count] of a Laplacian in rising order, and their vectors [N, count]."""
    if matrix.shape[0] <= MOST_DENSE:
        return scipy.linalg.eigh(matrix.toarray(), subset_by_index=(0, count - 1))
    # each by itself: where parts of the graph do not touch, 0 is several times an eigenvalue, which Lanczos would miss
    num_parts, part_of = connected_components(matrix, directed=False)
    values, vectors = [], []
    for part in range(num_parts):
        rows = np.flatnonzero(part_of == part)
        inner = matrix[rows][:, rows]
        if len(rows) <= MOST_DENSE:
            found, inside = scipy.linalg.eigh(inner.toarray(), subset_by_index=(0, min(count, len(rows)) - 1))
        else:
            found, inside = _lanczos(inner, count)
        whole = np.zeros((matrix.shape[0], len(found)))
        whole[rows] = inside
        values.append(found)
        vectors.append(whole)
    joined = np.concatenate(values)
    order = np.argsort(joined, kind="stable")[:count]
    return joined[order], np.concatenate(vectors, axis=1)[:, order]


def _lanczos(matrix: csr_array, count: int) -> tuple[np.ndarray, np.ndarray]:
    """It finds the large end of a spectrum quickly, so this one is turned over at its upper bound."""
    num_rows = matrix.shape[0]
    bound = 2 * matrix.diagonal().max()
    turned = (diags_array(np.full(num_rows, bound)) - matrix).tocsr()
    start = np.random.default_rng(0).standard_normal(num_rows)
    values, vectors = eigsh(turned, k=count, which="LA", v0=start, ncv=max(4 * count, 40), tol=EIGEN_TOLERANCE)
    order = np.argsort(-values, kind="stable")
    return bound - values[order], vectors[:, order]


def k_means(points: np.ndarray, count: int) -> np.ndarray:
    """Points [N, D] to clusters [N]: the best of several starts that are drawn from fixed seeds."""
    best, least = np.zeros(len(points), dtype=np.int64), np.inf
    if count == 1:
        return best
    points = np.ascontiguousarray(points)
    for seed in range(NUM_STARTS):
        centres = _spread_start(points, count, np.random.default_rng(seed))
        labels, distances = vq(points, centres)
        for _ in range(MOST_ROUNDS):
            centres = centres_of(points, labels, centres)
            before = labels
            labels, distances = vq(points, centres)
            if np.array_equal(labels, before):
                break
        total = float(np.square(distances).sum())
        if total < least * (1 - 1e-9):
            best, least = labels.astype(np.int64), total
    return best


def _spread_start(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """k-means++ (Arthur and Vassilvitskii 2007): each next centre far from those there are."""
    chosen = [int(rng.integers(len(points)))]
    nearest = np.square(points - points[chosen[0]]).sum(axis=1)
    while len(chosen) < count:
        total = nearest.cumsum()
        place = np.searchsorted(total, rng.random() * total[-1]) if total[-1] > 0 else rng.integers(len(points))
        chosen.append(int(min(place, len(points) - 1)))
        nearest = np.minimum(nearest, np.square(points - points[chosen[-1]]).sum(axis=1))
    return points[chosen]


def merge_similar(embeddings: np.ndarray, labels: np.ndarray, options: ClusterOptions) -> np.ndarray:
    """The most similar pair of speakers becomes one, again and again, while their centres' cosine is high enough."""
    labels = in_order_of_appearance(labels)
    while (count := int(labels.max()) + 1) > options.min_speakers:
        centres = normalized(centres_of(embeddings, labels))
        cosines = centres @ centres.T
        cosines[np.tril_indices(count)] = -np.inf
        one, other = np.unravel_index(np.argmax(cosines), cosines.shape)
        if cosines[one, other] < options.merge_threshold:
            break
        labels = np.where(labels == other, one, labels)
        labels = np.where(labels > other, labels - 1, labels)
    return labels


def centres_of(points: np.ndarray, labels: np.ndarray, empty: np.ndarray | None = None) -> np.ndarray:
    """The mean of each cluster [K, D]; a cluster without points keeps its row of `empty`."""
    count = len(empty) if empty is not None else int(labels.max()) + 1
    sizes = np.bincount(labels, minlength=count)
    member = csr_array((np.ones(len(labels)), (labels, np.arange(len(labels)))), shape=(count, len(labels)))
    centres = (member @ points) / np.maximum(sizes, 1)[:, None]
    return centres if empty is None else np.where(sizes[:, None] > 0, centres, empty)


def in_order_of_appearance(labels: np.ndarray) -> np.ndarray:
    """The same clusters, numbered from 0 as they first appear."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse.ravel()]


def normalized(vectors: np.ndarray) -> np.ndarray:
    """Vectors [N, E] of length 1; a zero vector stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)
