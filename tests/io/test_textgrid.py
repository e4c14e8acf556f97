"""TextGrid files."""

from asrtools.io.textgrid import to_textgrid


def test_a_tier_is_filled_from_the_begin_to_the_end() -> None:
    lines = [line.strip() for line in to_textgrid([(100, 300, "one"), (300, 450, 'say "two"')], 1000).splitlines()]
    assert "intervals: size = 4" in lines and "xmax = 1.000" in lines
    assert [line for line in lines if line.startswith("text")] == [
        'text = ""',
        'text = "one"',
        'text = "say ""two"""',
        'text = ""',
    ]


def test_words_that_overlap_or_have_no_length_do_not_break_the_tier() -> None:
    text = to_textgrid([(0, 300, "a"), (200, 500, "b"), (500, 500, "c")], 400)
    assert "xmin = 0.300" in text and '"c"' not in text and "xmax = 0.500" in text


def test_no_words_are_one_empty_interval() -> None:
    assert "intervals: size = 1" in to_textgrid([], 2000)
