from asrtools.metrics.edit_distance import align
from asrtools.metrics.error_rate import Scored
from asrtools.metrics.hotword import HotwordCounts, hotword_counts, sum_of


def scored(ref: str, hyp: str) -> Scored:
    return Scored("u", list(ref), list(hyp), align(list(ref), list(hyp)))


def test_said_recognised_and_right_are_counted_by_occurrence() -> None:
    texts = [scored("见魔搭了魔搭", "见魔搭了魔塔"), scored("好的", "好魔搭"), scored("魔搭", "魔啊搭")]
    counts = hotword_counts(texts, {"魔搭": ["魔", "搭"], "没有": ["没", "有"]})
    assert counts["魔搭"] == HotwordCounts(3, 2, 1)
    assert counts["没有"] == HotwordCounts(0, 0, 0)
    assert (round(counts["魔搭"].recall, 2), counts["魔搭"].precision) == (33.33, 50.0)


def test_a_word_recognised_elsewhere_in_the_utterance_is_not_right() -> None:
    counts = hotword_counts([scored("魔搭一二三四五六七", "一二三四五六七魔搭")], {"魔搭": ["魔", "搭"]})
    assert counts["魔搭"] == HotwordCounts(1, 1, 0)


def test_words_match_as_whole_units() -> None:
    one = Scored("u", ["a", "category"], ["a", "cat"], "CS")
    assert hotword_counts([one], {"cat": ["cat"]})["cat"] == HotwordCounts(0, 1, 0)


def test_overlapping_words_count_each_for_itself() -> None:
    counts = hotword_counts([scored("阿里巴巴", "阿里巴巴")], {"阿里": ["阿", "里"], "阿里巴巴": list("阿里巴巴")})
    assert sum_of(counts.values()) == HotwordCounts(2, 2, 2)
