"""Numbers in the words of Mandarin speakers."""

import random

import pytest

from asrtools.text.chinese_number import spell_number, spell_numbers


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("0", "零"),
        ("10", "十"),
        ("12", "十二"),
        ("20", "二十"),
        ("22", "二十二"),
        ("100", "一百"),
        ("101", "一百零一"),
        ("110", "一百一十"),
        ("200", "两百"),
        ("222", "两百二十二"),
        ("1010", "一千零一十"),
        ("2000", "两千"),
        ("10000", "一万"),
        ("20000", "两万"),
        ("100001", "十万零一"),
        ("120000", "十二万"),
        ("1000000", "一百万"),
        ("100010001", "一亿零一万零一"),
        ("100000000", "一亿"),
        ("1000000000000", "一万亿"),
        ("0.5", "零点五"),
        ("3.05", "三点零五"),
        ("007", "零零七"),
    ],
)
def test_a_number_with_its_places(number: str, words: str) -> None:
    assert spell_number(number) == words


def value_of(words: str) -> int:
    """The number that words say: the inverse, for whole numbers."""
    total = section = digit = 0
    units = {"十": 10, "百": 100, "千": 1000}
    for word in words.replace("两", "二").replace("万亿", "兆"):
        if word in units:
            section += (digit or 1) * units[word]
            digit = 0
        elif word in ("万", "亿", "兆"):
            total += (section + digit) * {"万": 10**4, "亿": 10**8, "兆": 10**12}[word]
            section = digit = 0
        else:
            digit = "零一二三四五六七八九".index(word)
    return total + section + digit


def test_every_number_can_be_heard_back() -> None:
    draw = random.Random(0)
    for _ in range(3000):
        number = draw.randrange(10 ** draw.randint(1, 15))
        assert value_of(spell_number(str(number))) == number, number


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1999年2月20日或09年3月15号", "一九九九年二月二十日或零九年三月十五号"),
        ("05月01日", "五月一日"),
        ("12块5，34.5元，20.1万", "十二块五，三十四点五元，二十点一万"),
        ("¥12.5和$3万", "十二点五元和三万美元"),
        ("打13812345678或+86 13912345678", "打一三八一二三四五六七八或八六一三九一二三四五六七八"),
        ("0595-23865596", "零五九五二三八六五五九六"),
        ("3/4的人", "四分之三的人"),
        ("80.03%和5‰", "百分之八十点零三和千分之五"),
        ("2938个", "两千九百三十八个"),
        ("2345678人", "两百三十四万五千六百七十八人"),
        ("3456万吨", "三千四百五十六万吨"),
        ("10多个", "十多个"),
        ("编号31520181154418", "编号三一五二零一八一一五四四一八"),
        ("1,234,567元", "一百二十三万四千五百六十七元"),
        ("房间938", "房间九百三十八"),
        ("O2O和B2C", "O2O和B2C"),
        ("没有数字", "没有数字"),
        ("٣个", "三个"),
    ],
)
def test_a_number_by_what_it_is(text: str, words: str) -> None:
    assert spell_numbers(text) == words


def test_no_digit_is_left_whatever_the_text() -> None:
    draw = random.Random(1)
    for _ in range(2000):
        text = "".join(draw.choice("0123456789.-/%,年月日元个万 a") for _ in range(draw.randint(0, 25)))
        assert not [c for c in spell_numbers(text) if c.isdecimal() and c != "2"], text
