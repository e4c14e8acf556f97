"""The layout of text.cer, to the byte."""

from asrtools.metrics.edit_distance import align
from asrtools.metrics.error_rate import Counts, Scored, Totals, total
from asrtools.metrics.text_cer import summary_lines, utterance_lines


def scored(key: str, ref: str, hyp: str, is_missing: bool = False) -> Scored:
    return Scored(key, ref.split(), hyp.split(), align(ref.split(), hyp.split()), is_missing)


def test_the_documented_summary_is_reproduced() -> None:
    totals = Totals(Counts(104765 - 66 - 1945, 1945, 35, 66), 7176, 976, 0)
    assert summary_lines(totals) == (
        "%WER 1.95 [ 2046 / 104765, 35 ins, 66 del, 1945 sub ]\n"
        "%SER 13.6 [ 976 / 7176 ]\n"
        "Scored 7176 sentences, 0 not present in hyp.\n"
    )


def test_the_documented_lines_of_an_utterance_are_reproduced() -> None:
    text = "甚 至 出 现 交 易 几 乎 停 滞 的 情 况"
    assert utterance_lines(scored("BAC009S0764W0121", text, text)) == (
        f"BAC009S0764W0121(nwords=13,cor=13,ins=0,del=0,sub=0) corr:100.00%,cer:0.00%\nref:\t{text}\nhyp:\t{text}\n"
    )


def test_more_errors_than_units_give_a_rate_above_one_hundred() -> None:
    line = utterance_lines(scored("u", "a", "b c d"))
    assert line.startswith("u(nwords=1,cor=0,ins=2,del=0,sub=1) corr:0.00%,cer:300.00%\n")


def test_an_empty_reference_has_a_rate() -> None:
    assert utterance_lines(scored("u", "", "")).startswith(
        "u(nwords=0,cor=0,ins=0,del=0,sub=0) corr:100.00%,cer:0.00%\n"
    )
    assert utterance_lines(scored("u", "", "a")).startswith(
        "u(nwords=0,cor=0,ins=1,del=0,sub=0) corr:0.00%,cer:100.00%\n"
    )
    assert total([scored("u", "", "")]).error_rate == 0.0
    assert total([scored("u", "", "a b"), scored("v", "a b", "a b")]).error_rate == 100.0


def test_no_errors_at_all_are_zero_with_one_decimal() -> None:
    assert summary_lines(total([scored("u", "a b", "a b")])).startswith(
        "%WER 0.0 [ 0 / 2, 0 ins, 0 del, 0 sub ]\n%SER 0.0 "
    )
