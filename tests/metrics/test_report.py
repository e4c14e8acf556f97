"""What the report counts, and the page that shows it."""

import json
import re

from asrtools.metrics.breakdown import confusions, duration_bin, grouped, length_bin, most_frequent
from asrtools.metrics.edit_distance import align
from asrtools.metrics.error_rate import Scored, total
from asrtools.metrics.report import breakdown_of, comparison_of, confusions_of, report_lines, totals_of
from asrtools.metrics.report_page import report_page


def scored(key: str, ref: str, hyp: str) -> Scored:
    return Scored(key, list(ref), list(hyp), align(list(ref), list(hyp)))


TEXTS = [
    scored("a-1", "今天好", "今天好"),
    scored("a-2", "天气好", "天汽好"),
    scored("b-1", "气是", "汽是啊"),
    scored("b-2", "对", ""),
]


def test_errors_are_counted_by_their_units() -> None:
    found = confusions(TEXTS)
    assert found.substituted == {("气", "汽"): 2}
    assert found.inserted == {"啊": 1} and found.deleted == {"对": 1}
    assert confusions_of(TEXTS)["units"][0] == ["气", 2, 2, 0, 0]


def test_equal_counts_stand_in_the_order_of_their_units() -> None:
    found = confusions([scored("u", "", "zyx")])
    assert [unit for unit, _ in most_frequent(found.inserted, 3)] == ["x", "y", "z"]


def test_groups_sum_up_to_the_whole() -> None:
    groups = grouped(TEXTS, lambda one: one.key[0])
    assert list(groups) == ["a", "b"]
    assert sum(one.counts.errors for one in groups.values()) == total(TEXTS).counts.errors
    tables = breakdown_of(TEXTS, lambda key: key[0], lambda key: None)
    assert [row[0] for row in tables["by_speaker"]] == ["b", "a"]  # the worst first
    assert "by_duration" not in tables


def test_bins_have_no_gap() -> None:
    assert [length_bin(n) for n in (0, 1, 5, 6, 20, 21, 41)] == [
        "0",
        "1 to 5",
        "1 to 5",
        "6 to 10",
        "11 to 20",
        "21 to 40",
        "41 or more",
    ]
    assert [duration_bin(ms) for ms in (0, 1999, 2000, 19999, 20000)] == [
        "under 2 s",
        "under 2 s",
        "2 to 5 s",
        "10 to 20 s",
        "20 s or more",
    ]


def test_a_comparison_names_who_got_better_and_worse() -> None:
    second = [
        scored(one.key, "".join(one.ref), text) for one, text in zip(TEXTS, ("今", "天气好", "汽是啊", ""), strict=True)
    ]
    comparison = comparison_of(TEXTS, second, total(second))
    assert comparison["better"] == [["a-2", -1]] and comparison["worse"] == [["a-1", 2]]
    assert round(comparison["difference"], 2) == 11.11


def test_the_page_holds_its_data_whatever_stands_in_the_texts() -> None:
    nasty = [scored("</script><b>", '<!--"\\ @DATA@', "</script>&@TITLE@")]
    built = {"totals": totals_of(total(nasty)), **confusions_of(nasty)}
    page = report_page("T <1>", built, "plain </noscript>", nasty, lambda key: {"speaker": "s<", "duration_ms": None})
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert data
    found = json.loads(data[1])
    assert (
        found["utterances"][0]["key"] == "</script><b>"
        and "".join(found["utterances"][0]["hyp"]) == "</script>&@TITLE@"
    )
    assert found["columns"] == {"speaker": True, "duration": False, "second": False}
    assert page.count("</script>") == 2 and "plain &lt;/noscript&gt;" in page


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = report_page("T", {}, "", TEXTS, lambda key: {}, TEXTS)
    assert not re.search(r"""(?:src|href)\s*=\s*["']|https?://|@import|url\(""", page)


def test_the_tables_are_aligned_for_a_terminal() -> None:
    report = {**confusions_of(TEXTS), **breakdown_of(TEXTS, lambda key: key[0], lambda key: None)}
    text = report_lines(report)
    assert "  ref  hyp  times\n  气   汽       2\n" in text
    assert "  b           2      3    1    1    1    1      100.00\n" in text
