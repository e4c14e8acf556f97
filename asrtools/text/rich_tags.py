"""The tags that SenseVoice writes round its text: `<|zh|><|NEUTRAL|><|Speech|><|woitn|>text`."""

import re
from collections.abc import Iterable, Sequence

from asrtools.text.surface import is_unspaced

TAG = re.compile(r"<\|([^|<>]*)\|>")
LANGUAGES = ("zh", "en", "yue", "ja", "ko", "nospeech")
EMOTIONS = {
    "HAPPY": "😊",
    "SAD": "😔",
    "ANGRY": "😡",
    "NEUTRAL": "",
    "FEARFUL": "😰",
    "DISGUSTED": "🤢",
    "SURPRISED": "😮",
    "EMO_UNKNOWN": "",
}
EVENTS = {
    "BGM": "🎼",
    "Speech": "",
    "Applause": "👏",
    "Laughter": "😀",
    "Cry": "😭",
    "Sneeze": "🤧",
    "Breath": "",
    "Cough": "🤧",
    "Sing": "",
    "Speech_Noise": "",
    "GBG": "",
    "Event_UNK": "",
}
ITN = ("withitn", "woitn")
KINDS = {
    **dict.fromkeys(LANGUAGES, "language"),
    **dict.fromkeys(EMOTIONS, "emotion"),
    **dict.fromkeys(EVENTS, "event"),
    **dict.fromkeys(ITN, "itn"),
}
EMOTION_SIGNS = frozenset(sign for sign in EMOTIONS.values() if sign)
EVENT_SIGNS = frozenset([*(sign for sign in EVENTS.values() if sign), "😷"])
NOTHING_KNOWN = "❓"  # neither speech nor an event that has a name


def tags_of(tokens: Iterable[str]) -> dict[str, str]:
    """The tags of an utterance by what they are about; of several of a kind the first."""
    tags: dict[str, str] = {}
    for token in tokens:
        for name in TAG.findall(token):
            if name in KINDS:
                tags.setdefault(KINDS[name], name)
    return tags


def is_tag(token: str) -> bool:
    """Whether a token is one of the tags known here, and so no part of the text."""
    match = TAG.fullmatch(token)
    return match is not None and match[1] in KINDS


def tag_ids(token_list: Sequence[str]) -> dict[str, int]:
    """Where the tags stand in a vocabulary, by name."""
    return {token[2:-2]: index for index, token in enumerate(token_list) if is_tag(token)}


def rich_transcription_postprocess(text: str) -> str:
    """Tagged text for reading: emotions and events as emoji, the other tags gone.

    Each language tag begins a segment: its events stand before its text, its commonest emotion after it, and what
    two neighbours share is said once. Segments stand apart by a space where their scripts have spaces.
    """
    text = text.replace("<|nospeech|><|Event_UNK|>", NOTHING_KNOWN)
    shown = ""
    event_before: str | None = None
    for part in re.split("|".join(re.escape(f"<|{name}|>") for name in LANGUAGES), text):
        segment = _segment(part)
        if segment and segment[0] in EVENT_SIGNS and segment[0] == event_before:
            segment = segment[1:].strip()
        if not segment:
            continue
        event_before = segment[0] if segment[0] in EVENT_SIGNS else None
        if shown and shown[-1] in EMOTION_SIGNS and shown[-1] == segment[-1]:
            shown = shown[:-1]
        if shown and not _touches(shown[-1]) and not _touches(segment[0]):
            shown += " "
        shown += segment
    return shown.strip()


def _segment(text: str) -> str:
    names = [name for name in TAG.findall(text) if name in KINDS]
    bare = TAG.sub(lambda match: "" if match[1] in KINDS else match[0], text)
    emotion = "NEUTRAL"
    for name in EMOTIONS:
        if EMOTIONS[name] and names.count(name) > names.count(emotion):
            emotion = name
    for name, sign in EVENTS.items():
        if name in names:
            bare = sign + bare
    bare += EMOTIONS[emotion]
    for sign in EMOTION_SIGNS | EVENT_SIGNS:
        bare = bare.replace(f" {sign}", sign).replace(f"{sign} ", sign)
    return bare.strip()


def _touches(character: str) -> bool:
    """Whether it stands beside its neighbour without a space."""
    return character in EMOTION_SIGNS or character in EVENT_SIGNS or is_unspaced(character)
