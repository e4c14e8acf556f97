"""Sentences for the mini corpus: a small grammar of Mandarin, English and mixed everyday speech.

A sentence is drawn with its punctuation, as it is given to the synthesiser; `plain_text` is what a transcript holds.
Numbers, dates and times are in words, as spoken. Words whose reading depends on more context than espeak-ng looks at
(such as 行 or 还) are left out: the text must be what is heard.
"""

import random
import re

# the order in which a speaker goes through them, over and over: 6 Mandarin to 5 English to 2 mixed
LANGUAGES = ("zh", "en", "mix", "zh", "en", "zh", "en", "zh", "en", "zh", "mix", "zh", "en")

# A name in braces is one of the words of that name, drawn anew at each place; words may hold names themselves.
# Words stand between spaces, or between commas where one of them has a space.
WORDS = {
    # Mandarin
    "room": "客厅 卧室 厨房 书房",
    "device": "灯 空调 电视 门 电脑",
    "switch": "打开 关上",
    "person": "小王 小李 老张 妈妈 爸爸 老师 医生 朋友",
    "place": "公司 学校 医院 机场 车站 公园 超市 图书馆 饭店",
    "city": "北京 上海 广州 杭州 南京 西安",
    "weekday": "星期一 星期二 星期三 星期四 星期五 星期六 星期天",
    "coming": "今天 明天 后天 周末 {weekday}",
    "day": "昨天 {coming}",
    "part": "早上 上午 中午 下午 晚上",
    "weather": "晴天 多云 很冷 很热 {sky}",
    "sky": "下雨 下雪 刮风",
    "digit": "一 二 三 四 五 六 七 八 九",
    "count": "一 两 三 四 五 六 七 八 九 十",
    "teen": "十 十{digit}",
    "tens": "{teen} 二十{digit} 三十{digit} 四十{digit} 五十{digit}",
    "money": "{tens}块 {digit}百块 {digit}百{digit}十块 {digit}千{digit}百块 {digit}万块",
    "clock": "{count}点 {count}点半 {count}点{teen}分 {count}点二十{digit}分 {count}点四十{digit}分",
    "date": "{digit}月{digit}号 {digit}月{teen}号 十月{digit}号 {digit}月二十{digit}号 十二月{teen}号",
    "food": "米饭 面条 牛肉 鱼 {fruit}",
    "fruit": "苹果 鸡蛋",
    "drink": "茶 水 牛奶 咖啡",
    "ride": "地铁 出租车 飞机 火车",
    "thing": "衣服 手机 书 杯子 电脑 花",
    "color": "红色 白色 黑色 蓝色 绿色",
    "act": "看书 跑步 唱歌 跳舞 做饭 睡觉 学习 工作 开会 看电影 听音乐 打电话 买衣服 喝茶",
    "feel": "高兴 累 忙 好",
    # English
    "a_room": "kitchen,bedroom,office",
    "a_device": "light,radio,window,door,computer",
    "on_off": "on,off",
    "who": "my mother,my father,my sister,my brother,my teacher,my friend,mary,john",
    "where": "the station,the airport,the hospital,the school,the market,the library,the park,the hotel",
    "town": "london,paris,new york,boston,berlin",
    "a_day": "monday,tuesday,wednesday,thursday,friday,saturday,sunday",
    "when": "today,tomorrow,tonight,on {a_day},this morning,this afternoon,this evening,next week",
    "one_nine": "one,two,three,four,five,six,seven,eight,nine",
    "oclock": "{one_nine},ten,eleven,twelve",
    "minute": "{oclock} fifteen,{oclock} thirty,{oclock} twenty {one_nine},half past {oclock}",
    "number": "{oclock},twenty {one_nine},thirty {one_nine},{one_nine} hundred,{one_nine} hundred and {one_nine}",
    "sky_en": "sunny,cold,warm,hot",
    "falls": "rain,snow",
    "month": "march,june,august",
    "ordinal": "first,second",
    "meal": "lunch,dinner",
    "eat": "bread,rice,fish,chicken",
    "drink_en": "tea,coffee,water,milk",
    "do": "call {who},open the {a_device},go to {where},cook {meal},read a book,take a taxi,take the train,"
    "send a message",
    "hue": "red,white,black,blue,green",
    "item": "car,book,phone,bag,shirt",
    # English words inside Mandarin
    "letter": "email message",
    "fun": "music radio",
    "app": "wifi music radio computer",
    "meet": "meeting party",
}

SENTENCES = {
    "zh": """
        请{switch}{room}的{device}。
        请把{room}的{device}{switch}。
        {room}的{device}是不是{switch}了？
        {coming}{part}{clock}叫我起床。
        {coming}{part}提醒我{act}。
        请把空调调到{tens}度。
        {day}{city}的天气怎么样？
        {coming}{city}会{sky}吗？
        {coming}{part}{weather}，气温{tens}度。
        {city}{day}{weather}，{city}{weather}。
        如果{coming}{sky}，我们就在{place}{act}。
        今天是{date}，{weekday}。
        {person}的生日是{date}。
        我们{date}从{city}去{city}。
        我{coming}{part}坐{ride}去{place}。
        从{place}到{place}要走{tens}分钟。
        去{place}坐{ride}要多少钱？
        {ride}{clock}到{city}，{clock}到{city}。
        请问{place}在哪里？
        {place}在{place}的后面，不远。
        {person}{day}{part}在{place}{act}。
        {person}喜欢{act}，{person}喜欢{act}。
        你{coming}{part}想不想去{place}{act}？
        我很{feel}，想在{place}{act}。
        {part}好，{person}！
        {person}，你{day}{feel}不{feel}？
        我想吃{food}，喝{drink}。
        {person}不喜欢喝{drink}，喜欢喝{drink}。
        {room}有{device}，没有{device}。
        {food}和{food}一共{money}。
        这个{thing}{money}，太贵了。
        {color}的{thing}多少钱？
        我买了{count}个{fruit}，花了{money}。
        {person}有一个{color}的{thing}。
        我没有{color}的{thing}，只有{color}的。
        {person}说{coming}{part}{clock}在{place}见。
        请给{person}打电话，号码是{digit}{digit}{digit}{digit}{digit}{digit}。
        我的房间是{digit}{digit}{digit}号。
        {digit}加{digit}是多少？
        {tens}比{tens}大吗？
        对不起，我{day}没有时间{act}。
        谢谢你的{thing}，我们{coming}见！
        因为{day}{sky}，所以我没有去{place}。
        {person}先{act}，然后{act}。
        你会{act}吗？我不会{act}。
        """,
    "en": """
        please turn {on_off} the {a_device} in the {a_room}.
        turn the {a_device} {on_off}, please.
        is the {a_device} in the {a_room} {on_off}?
        wake me up at {minute}.
        remind me to {do} {when}.
        remind {who} to {do} at {minute}.
        what is the weather in {town} {when}?
        will it {falls} in {town} {when}?
        i hope it will not {falls} {when}.
        it is {sky_en} in {town}, and {sky_en} in {town}.
        it will be {sky_en} {when}, about {number} degrees.
        if it is {sky_en} {when}, we can go to {where}.
        today is {a_day}, the {ordinal} of {month}.
        {who} will come on the {ordinal} of {month}.
        the train to {town} leaves at {minute}.
        how long does it take from {where} to {where}?
        how do i get to {where}?
        where is {where}?
        {where} is next to {where}.
        how much is the {hue} {item}?
        when is {meal}, at {minute} or at {minute}?
        there is a {a_device} in the {a_room} and in the {a_room}.
        the {hue} {item} is {number} dollars.
        i have a {hue} {item}, and {who} has a {hue} {item}.
        i would like some {eat} and some {drink_en}.
        {who} likes {eat}, but {who} likes {eat}.
        can i have some {drink_en}, please?
        {who} had {eat} for {meal}.
        {who} wants to {do} {when}.
        do you want to {do} {when}?
        i can not {do} {when}, i am sorry.
        my number is {one_nine} {one_nine} {one_nine} {one_nine} {one_nine}.
        {number} and {number}, is that right?
        let us meet at {where} at {minute}.
        good morning, can we {do} {when}?
        thank you, see you {when}.
        """,
    "mix": """
        请帮我打开{room}的 {app}。
        {coming}{part}发一个 {letter} 给{person}。
        {coming}的 {meet} 是{part}{clock}吗？
        {person}想在{place}听 {fun}。
        {coming}{part}我们去{place}看 movie，好吗？
        {person}坐 taxi 去{place}，要{money}。
        我们 {a_day} 去{city}，{a_day} 回{place}。
        {place}的 wifi 号码是{digit}{digit}{digit}{digit}。
        我想喝 {drink_en}，吃{food}。
        {person}的 phone 是{color}的。
        {person}说 thank you，我说 good morning。
        """,
}

_PLACE = re.compile(r"\{(\w+)\}")
_TOKEN = re.compile(r"[\u4e00-\u9fff]|[a-z]+")


class SentenceMaker:
    """Draws sentences; every list is dealt out like a deck of cards, so that rare words do not stay rare by chance."""

    def __init__(self, seed):
        self._random = random.Random(seed)
        self._cards = {language: text.strip().splitlines() for language, text in SENTENCES.items()}
        self._cards.update({name: words.split("," if "," in words else None) for name, words in WORDS.items()})
        self._cards = {name: [card.strip() for card in cards] for name, cards in self._cards.items()}
        self._decks, self._last = {}, {}

    def _deal(self, name):
        deck = self._decks.get(name)
        if not deck:
            deck = self._decks[name] = list(self._cards[name])
        # no card twice in a row, also from one deck to the next: "from the park to the park" says nothing
        choices = [card for card in deck if card != self._last.get(name)] or deck
        # random() is the one method whose numbers Python promises to keep between versions
        card = choices[int(self._random.random() * len(choices))]
        deck.remove(card)
        self._last[name] = card
        return card

    def draw(self, language):
        """A sentence of one of LANGUAGES with its punctuation."""
        sentence = self._deal(language)
        while match := _PLACE.search(sentence):
            sentence = sentence[: match.start()] + self._deal(match[1]) + sentence[match.end() :]
        return sentence


def tokens(text):
    """Chinese characters and English words of a text, without punctuation."""
    return _TOKEN.findall(text)


def plain_text(sentence):
    """The transcript of a sentence: no punctuation, Chinese unspaced, one space around each English word."""
    out = ""
    for token in tokens(sentence):
        if out and (token.isascii() or out[-1].isascii()):
            out += " "
        out += token
    return out
