"""cpWER, against every permutation."""

import itertools
import random

from asrtools.metrics.cpwer import cpwer
from asrtools.metrics.edit_distance import distance


def test_the_matching_is_the_best_of_all() -> None:
    draw = random.Random(4)
    for _ in range(60):
        ref, hyp = (
            {
                f"{side}{n}": [draw.choice("abcdef") for _ in range(draw.randint(0, 9))]
                for n in range(draw.randint(0, 4))
            }
            for side in "rh"
        )
        size = max(len(ref), len(hyp))
        refs, hyps = ([*side.values(), *[[]] * (size - len(side))] for side in (ref, hyp))
        best = min(
            sum(distance(one, other) for one, other in zip(refs, order, strict=True))
            for order in itertools.permutations(hyps)
        )
        matches = cpwer(ref, hyp, "fewest")
        assert sum(match.counts.errors for match in matches) == best
        assert sum(match.counts.units for match in matches) == sum(map(len, ref.values()))


def test_names_do_not_matter_and_a_speaker_too_many_is_insertions() -> None:
    matches = cpwer({"alice": ["a", "b"], "bob": ["c"]}, {"1": ["c"], "2": ["a", "b"], "3": ["d"]}, "fewest")
    assert [(match.ref, match.hyp) for match in matches] == [("alice", "2"), ("bob", "1"), (None, "3")]
    assert sum(match.counts.inserted for match in matches) == sum(match.counts.errors for match in matches) == 1


def test_a_speaker_without_match_is_deletions() -> None:
    matches = cpwer({"a": ["x", "y"]}, {}, "fewest")
    assert matches[0].hyp is None and matches[0].counts.deleted == 2
