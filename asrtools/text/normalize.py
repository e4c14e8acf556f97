"""Text as it is compared: named steps, each of which makes one kind of difference not count."""

import difflib
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from asrtools.errors import ConfigError
from asrtools.text.chinese_number import spell_numbers
from asrtools.text.rewrite import spell_out

Step = Callable[[str], str]

_TAG = re.compile(r"<\|[^|<>]*\|>")
_MARKER = re.compile(r"</?s>|<(?:unk|oov|blank|pad|sos|eos|sos/eos)>", re.IGNORECASE)
_PIECE_END = re.compile(r"@@(?:\s+|$)|@@")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_WIDE = re.compile("[\u3000\uff01-\uffef]")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_APOSTROPHE = re.compile(r"(?<=[^\W_])[\u2018\u2019\u02bc](?=[^\W_])")
_ENGLISH_FILLER = re.compile(r"(?<![\w'])(?:uh+|um+|uhm+|erm?|hmm+|hm|mm+|eh|ah)(?![\w'])", re.IGNORECASE)
# What SpeechIO's evaluation counts as fillers, and the words whose 儿 is a syllable of its own there
_CHINESE_FILLERS = str.maketrans("", "", "呃啊")
_WORDS_WITH_ER = (
    "儿女|儿子|儿孙|女儿|儿媳|妻儿|胎儿|婴儿|新生儿|婴幼儿|幼儿|少儿|小儿|儿歌|儿童|儿科|托儿所|孤儿|儿戏|儿化|台儿庄|鹿儿岛|"
    "正儿八经|吊儿郎当|生儿育女|托儿带女|养儿防老|痴儿呆女|佳儿佳妇|儿怜兽扰|儿无常父|儿不嫌母丑|儿行千里母担忧|儿大不由爷|苏乞儿"
)
_ER = re.compile(f"({_WORDS_WITH_ER})|儿")
# Letters, digits and blanks of the texts most often scored: no other step but case has work there
_PLAIN = re.compile(r"[0-9A-Za-z\u4e00-\u9fff ]*")


@dataclass(frozen=True)
class NormStep:
    name: str
    help: str
    example: tuple[str, str]
    apply: Step


def _tags(text: str) -> str:
    return _TAG.sub(" ", text)


def _markers(text: str) -> str:
    return _MARKER.sub(" ", text)


def _pieces(text: str) -> str:
    if "\u2581" in text:
        text = re.sub(r"\s+", "", text).replace("\u2581", " ")
    return _PIECE_END.sub("", text)


def _width(text: str) -> str:
    text = _WIDE.sub(lambda found: unicodedata.normalize("NFKC", found[0]), _INVISIBLE.sub("", text))
    return unicodedata.normalize("NFC", text)


def _chinese_fillers(text: str) -> str:
    return text.translate(_CHINESE_FILLERS)


def _english_fillers(text: str) -> str:
    return _ENGLISH_FILLER.sub(" ", text)


def _erhua(text: str) -> str:
    return _ER.sub(lambda found: found[1] or "", text)


def _punctuation(text: str) -> str:
    text = _APOSTROPHE.sub("'", _THOUSANDS.sub("", text))
    return _punctuation_pattern().sub(" ", text)


def _symbols(text: str) -> str:
    return "".join(c if c.isspace() or unicodedata.category(c)[0] in "LMN" else " " for c in text)


@cache
def _punctuation_pattern() -> re.Pattern[str]:
    """Marks of every script, but not an apostrophe inside a word, a decimal point, or a percent sign."""
    planes = (*range(0x21, 0x10000), *range(0x1F000, 0x1FB00))
    marks = {chr(c) for c in planes if unicodedata.category(chr(c)) in ("Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "So")}
    always = "".join(map(re.escape, sorted(marks - set("'.%\u2030"))))
    return re.compile(rf"[{always}]|(?<![^\W_])'|'(?![^\W_])|(?<!\d)\.|\.(?!\d)")


# In the order in which they are applied
STEPS = (
    NormStep("tags", "take out tags such as SenseVoice's", ("<|zh|><|HAPPY|>好", "好"), _tags),
    NormStep("markers", "take out <s> </s> <unk> <OOV> <blank>", ("<s> 今 天 </s>", "今 天"), _markers),
    NormStep("bpe", "join pieces: @@ and \u2581", ("hel@@ lo", "hello"), _pieces),
    NormStep("width", "full-width letters, digits and signs to half-width; compose accents", ("ＡＢ１", "AB1"), _width),
    NormStep("case", "lower-case", ("OK", "ok"), str.lower),
    NormStep("upper", "upper-case", ("ok", "OK"), str.upper),
    NormStep("fillers", "take out 呃 and 啊", ("呃好啊", "好"), _chinese_fillers),
    NormStep("fillers-en", "take out uh, um, er, hmm and their like", ("um yes", "yes"), _english_fillers),
    NormStep("erhua", "take out 儿 where it is no word of its own", ("女儿在那边儿", "女儿在那边"), _erhua),
    NormStep(
        "numbers",
        "spell dates, money, telephone and other numbers in Chinese",
        ("12.5%", "百分之十二点五"),
        spell_numbers,
    ),
    NormStep(
        "wetext",
        "spell numbers as tn does, in Chinese or, where there is no Han, in English",
        ("3.5kg", "three point five kilograms"),
        spell_out,
    ),
    NormStep(
        "punctuation", "marks and emoji to spaces; don't and 3.5 stay whole", ("好，don't!", "好 don't"), _punctuation
    ),
    NormStep("symbols", "every sign that is left to a space", ("it's +5", "it s 5"), _symbols),
)
PROFILES = {
    "none": (),
    "basic": ("tags", "markers", "bpe", "width", "case", "punctuation"),
    "speechio": (
        *("tags", "markers", "bpe", "width", "upper"),
        *("fillers", "erhua", "numbers", "punctuation", "symbols"),
    ),
    "wetext": ("tags", "markers", "bpe", "width", "case", "wetext", "punctuation"),
}
_BY_NAME = {step.name: step for step in STEPS}


def parse_norm(norm: str) -> tuple[str, ...]:
    """The names of the steps of a profile with changes, such as `basic,-case,+erhua`, in the order of their use."""
    profile, *changes = [part.strip() for part in norm.split(",")]
    if profile not in PROFILES:
        raise ConfigError(f"--norm {norm}: {profile!r} is no profile; should be one of {', '.join(PROFILES)}")
    chosen = set(PROFILES[profile])
    for change in changes:
        sign, name = change[:1], change[1:]
        if sign not in ("+", "-"):
            raise ConfigError(f"--norm {norm}: {change!r} is no change; should be +STEP or -STEP, such as -case")
        if name not in _BY_NAME:
            near = difflib.get_close_matches(name, _BY_NAME, n=1)
            cure = f"did you mean {near[0]}?" if near else f"there are {', '.join(_BY_NAME)}"
            raise ConfigError(f"--norm {norm}: there is no step {name!r}; {cure}")
        (chosen.add if sign == "+" else chosen.discard)(name)
    if {"numbers", "wetext"} <= chosen:
        raise ConfigError(f"--norm {norm}: has both numbers and wetext; should have one of them")
    if {"case", "upper"} <= chosen:
        raise ConfigError(f"--norm {norm}: has both case and upper; should have one of them")
    return tuple(step.name for step in STEPS if step.name in chosen)


def normalizer(steps: Sequence[str]) -> Step:
    """One function that applies the steps; whitespace is left to whoever cuts the text into units."""
    functions = [_BY_NAME[name].apply for name in steps]
    case = [_BY_NAME[name].apply for name in steps if name in ("case", "upper")]
    is_quick = not set(steps) & {"fillers", "fillers-en", "erhua", "numbers", "wetext"}

    def normalize(text: str) -> str:
        for function in case if is_quick and _PLAIN.fullmatch(text) else functions:
            text = function(text)
        return text

    return normalize
