"""Digits to the words that Mandarin speakers say for them: what SpeechIO's evaluation does before it compares."""

import re

_DIGITS = "零一二三四五六七八九"
_GROUPS = ("", "万", "亿", "万亿", "亿亿")  # of four digits, from the right
_PLACES = ("", "十", "百", "千")
_LONGEST = 4 * len(_GROUPS)  # digits; longer numbers are read digit by digit

_NUMBER = r"\d+(?:\.\d+)?"
_SCALE = "千万|百万|亿|万|千|百"
# Measures and units that make a number a quantity, which is said with its places however long it is
_MEASURE = (
    "千克|公斤|毫克|微克|千米|公里|分米|厘米|毫米|微米|平方|立方|毫升|分钟|小时|星期|点钟|美元|欧元|英镑|日元|港币|"
    "[匹张座回场尾条个首阙阵网炮顶丘棵只支袭辆挑担颗壳窠曲墙群腔砣客贯扎捆刀令打罗坡山岭江溪钟队单双对口头脚板跳"
    "枝件贴针线管名位身堂课本页家户层丝毫厘分钱两斤铢石钧锱忽克寸尺丈里寻常铺程米撮勺合升斗盘碗碟叠桶笼盆盒杯斛"
    "锅簋篮罐瓶壶卮盏箩箱煲啖袋钵年月日季刻时周天秒旬纪岁世更夜春夏秋冬代伏辈丸泡粒幢堆根道面片块元角毛吨度倍人次]"
)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_YEAR = re.compile(r"(?<!\d)((?:19|20)\d\d|[089]\d)(?=年)")
_DAY = re.compile(r"(?<![\d.])(\d{1,2})(?=[月日号])")
_SIGNED_MONEY = re.compile(rf"([¥￥$€£])\s?({_NUMBER})((?:{_SCALE})?)")
_CURRENCY = {"¥": "元", "￥": "元", "$": "美元", "€": "欧元", "£": "英镑"}
_MONEY = re.compile(rf"(?<![\d.])({_NUMBER})(?=[多余几]?(?:{_SCALE})?[元块角毛])")
_MOBILE = re.compile(r"(?<!\d)(?:\+?86[ -]?)?1[3-9]\d{9}(?!\d)")
_LANDLINE = re.compile(rf"(?<!\d)(?:0\d{{2,3}}-?)?[1-9]\d{{6,7}}(?!\d|[多余几]?(?:{_SCALE}|{_MEASURE}))")
_FRACTION = re.compile(r"(?<![\d./])(\d+)/(\d+)(?![\d/])")
_SHARE = re.compile(rf"({_NUMBER})([%‰])")
_QUANTITY = re.compile(rf"(?<![\d.])({_NUMBER})(?=[多余几]?(?:{_SCALE}|{_MEASURE}))")
_SERIAL = re.compile(r"(?<![\d.])\d{4,}(?![\d.])")
_ANY = re.compile(_NUMBER)
_TO = re.compile("([A-Za-z])二([A-Za-z])")  # O2O, B2C: said as English


def spell_digits(digits: str) -> str:
    """One after another: 二零二四. What is no digit is not said."""
    return "".join(_DIGITS[int(digit)] for digit in digits if digit.isdecimal())


def spell_number(number: str) -> str:
    """With places: 一千两百, 三点零五."""
    whole, _, decimals = number.partition(".")
    said = _whole(whole.lstrip("0"))
    if len(whole) > 1 and whole.startswith("0") and not decimals:
        said = spell_digits(whole)
    return said + ("点" + spell_digits(decimals) if decimals else "")


def spell_numbers(text: str) -> str:
    """Every number of a text in words: dates, money, telephone numbers, fractions, shares, quantities, serials."""
    if not any(character.isdecimal() for character in text):
        return text
    text = "".join(str(int(c)) if c.isdecimal() else c for c in text)
    text = _THOUSANDS.sub("", text)
    text = _YEAR.sub(lambda found: spell_digits(found[1]), text)
    text = _DAY.sub(lambda found: spell_number(found[1].lstrip("0") or "0"), text)
    text = _SIGNED_MONEY.sub(lambda found: spell_number(found[2]) + found[3] + _CURRENCY[found[1]], text)
    text = _MONEY.sub(lambda found: spell_number(found[1]), text)
    text = _MOBILE.sub(lambda found: spell_digits(found[0]), text)
    text = _LANDLINE.sub(lambda found: spell_digits(found[0]), text)
    text = _FRACTION.sub(lambda found: f"{spell_number(found[2])}分之{spell_number(found[1])}", text)
    text = _SHARE.sub(lambda found: ("百" if found[2] == "%" else "千") + "分之" + spell_number(found[1]), text)
    text = _QUANTITY.sub(lambda found: spell_number(found[1]), text)
    text = _SERIAL.sub(lambda found: spell_digits(found[0]), text)
    text = _ANY.sub(lambda found: spell_number(found[0]), text)
    return _TO.sub(r"\g<1>2\2", text)


def _whole(digits: str) -> str:
    if not digits:
        return _DIGITS[0]
    if len(digits) > _LONGEST:
        return spell_digits(digits)
    said = ""
    is_gap = False  # a zero that is said once before what follows
    for index in range((len(digits) - 1) // 4, -1, -1):
        group = digits[max(0, len(digits) - 4 * index - 4) : len(digits) - 4 * index]
        words = _group(group)
        if not words:
            is_gap = bool(said)
            continue
        if said and (is_gap or group.startswith("0")):
            said += _DIGITS[0]
        said += ("两" if words == "二" and index and not said else words) + _GROUPS[index]
        is_gap = False
    return said.removeprefix("一") if said.startswith("一十") else said


def _group(digits: str) -> str:
    """Up to four digits, without a zero in front."""
    said = ""
    is_gap = False
    for place, digit in zip(range(len(digits) - 1, -1, -1), digits, strict=True):
        if digit == "0":
            is_gap = bool(said)
            continue
        is_two = digit == "2" and place >= 2 and not is_gap
        said += (_DIGITS[0] if is_gap else "") + ("两" if is_two else _DIGITS[int(digit)]) + _PLACES[place]
        is_gap = False
    return said
