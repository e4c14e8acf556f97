"""Clustering beyond what FunASR is compared with: many windows, few, asked-for numbers, odd values."""

import numpy as np
import pytest
import scipy.linalg

from asrtools.errors import ConfigError
from asrtools.tasks import clustering
from asrtools.tasks.clustering import (
    ClusterOptions,
    cluster,
    in_order_of_appearance,
    k_means,
    laplacian,
    normalized,
    smallest_eigenpairs,
)


def speakers(sizes: list[int], noise: float = 1.0, seed: int = 0, dim: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of so many windows each, shuffled, and who they are."""
    generator = np.random.default_rng(seed)
    centres = 4 * generator.standard_normal((len(sizes), dim))
    who = generator.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return centres[who] + noise * generator.standard_normal((len(who), dim)), in_order_of_appearance(who)


def test_many_windows_are_clustered_as_few_are(monkeypatch) -> None:
    embeddings, who = speakers([150, 100, 60, 20])
    dense = cluster(embeddings)
    monkeypatch.setattr(clustering, "MOST_DENSE", 50)
    sparse = cluster(embeddings)
    assert dense.tolist() == sparse.tolist() == who.tolist()


def test_the_sparse_eigenvalues_are_the_dense_ones(monkeypatch) -> None:
    for sizes, noise in (([60, 60], 1.0), ([120], 1.0), ([50, 40, 30], 9.0)):
        matrix = laplacian(normalized(speakers(sizes, noise)[0]))
        wanted = scipy.linalg.eigh(matrix.toarray(), eigvals_only=True)[:12]
        monkeypatch.setattr(clustering, "MOST_DENSE", 30)
        monkeypatch.setattr(clustering, "EIGEN_TOLERANCE", 1e-8)
        values, vectors = smallest_eigenpairs(matrix, 12)
        assert np.abs(values - wanted).max() < 1e-5
        assert np.abs(vectors.T @ vectors - np.eye(12)).max() < 1e-5
        assert np.abs(matrix @ vectors - vectors * values).max() < 1e-3


def test_more_than_the_most_are_assigned_to_centres(monkeypatch) -> None:
    embeddings, who = speakers([300, 200, 100])
    monkeypatch.setattr(clustering, "MOST_WINDOWS", 150)
    assert cluster(embeddings).tolist() == who.tolist()


def test_few_windows_are_one_speaker_unless_a_number_is_asked_for() -> None:
    embeddings, who = speakers([6, 7, 6])
    assert cluster(embeddings).tolist() == [0] * 19
    assert cluster(embeddings, ClusterOptions(num_speakers=3)).tolist() == who.tolist()
    assert cluster(embeddings, ClusterOptions(min_speakers=3)).tolist() == who.tolist()
    assert cluster(embeddings[:2], ClusterOptions(num_speakers=5)).tolist() == [0, 1]
    assert cluster(embeddings[:1], ClusterOptions(num_speakers=5)).tolist() == [0]
    assert cluster(embeddings[:0]).tolist() == []


@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_a_number_that_is_asked_for_is_what_comes(number: int) -> None:
    embeddings, _ = speakers([40, 40, 40])
    assert len(set(cluster(embeddings, ClusterOptions(num_speakers=number)).tolist())) == number


def test_least_and_most_hold() -> None:
    embeddings, _ = speakers([40, 40, 40, 40])
    assert len(set(cluster(embeddings, ClusterOptions(max_speakers=2)).tolist())) <= 2
    one_voice, _ = speakers([80])
    assert set(cluster(one_voice).tolist()) == {0}
    assert len(set(cluster(one_voice, ClusterOptions(min_speakers=2)).tolist())) >= 2


def test_similar_speakers_are_merged_only_when_the_number_is_open() -> None:
    generator = np.random.default_rng(0)
    common = 10 * generator.standard_normal(32)
    who = np.repeat([0, 1], 30)
    embeddings = common + 2 * generator.standard_normal((2, 32))[who] + 0.5 * generator.standard_normal((60, 32))
    assert set(cluster(embeddings).tolist()) == {0}
    assert cluster(embeddings, ClusterOptions(num_speakers=2)).tolist() == who.tolist()
    assert len(set(cluster(embeddings, ClusterOptions(merge_threshold=1.0)).tolist())) >= 2


def test_the_same_again_whatever_the_global_random_state_is() -> None:
    embeddings, _ = speakers([40, 30, 30], noise=8.0)
    first = cluster(embeddings)
    np.random.seed(5)
    state = np.random.get_state()[1].copy()
    assert cluster(embeddings).tolist() == first.tolist()
    assert (np.random.get_state()[1] == state).all()


def test_equal_and_zero_embeddings_do_no_harm() -> None:
    assert set(cluster(np.ones((50, 8))).tolist()) == {0}
    assert len(cluster(np.zeros((50, 8)))) == 50
    half = np.repeat(np.eye(8)[:2], 20, axis=0)
    assert cluster(half).tolist() == [0] * 20 + [1] * 20


def test_k_means_finds_separate_heaps() -> None:
    generator = np.random.default_rng(1)
    who = np.arange(90) % 9
    points = 10 * np.stack([who % 3, who // 3], axis=1) + generator.standard_normal((90, 2))
    assert in_order_of_appearance(k_means(points, 9)).tolist() == who.tolist()
    assert len(k_means(np.zeros((5, 2)), 3)) == 5


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"num_speakers": 0}, "number of speakers is 0"),
        ({"min_speakers": 4, "max_speakers": 2}, "4 to 2"),
        ({"merge_threshold": 1.5}, "merge_threshold is 1.5"),
    ],
)
def test_options_that_mean_nothing_are_refused(values: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ClusterOptions(**values)
