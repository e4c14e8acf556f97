"""What a file is, by its first bytes."""

import re

HEAD_SIZE = 4096  # holds two frames of MPEG audio

# read by libsndfile
_SOUND = {
    b"RF64": "wav",
    b"RIFX": "wav",
    b"BW64": "wav",
    b"fLaC": "flac",
    b"OggS": "ogg",
    b"ID3": "mp3",
    b"FORM": "aiff",
    b".snd": "au",
    b"NIST_1A": "sphere",
    b"caff": "caf",
    b"riff\x2e\x91\xcf\x11": "w64",
    b"Creative Voice File": "voc",
}
# read by ffmpeg
_OTHER = {
    b"\x1aE\xdf\xa3": "webm",
    b"#!AMR": "amr",
    b"0&\xb2u\x8ef\xcf\x11": "wma",
    b"ADIF": "aac",
    b"FLV\x01": "flv",
    b"MAC ": "ape",
    b"wvpk": "wavpack",
}
SOUND_KINDS = frozenset(_SOUND.values())
FFMPEG_KINDS = frozenset({*_OTHER.values(), "m4a", "avi"})
AUDIO_KINDS = SOUND_KINDS | FFMPEG_KINDS

# fmt: off
_SOUND_EXTENSIONS = frozenset((
    ".wav", ".flac", ".mp3", ".mp2", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".au", ".caf", ".w64", ".rf64", ".sph",
    ".voc",
))
FFMPEG_EXTENSIONS = frozenset((
    ".m4a", ".mp4", ".m4b", ".mov", ".webm", ".mkv", ".mka", ".aac", ".amr", ".awb", ".wma", ".asf", ".3gp", ".avi",
    ".flv", ".ape", ".wv", ".ac3", ".ts",
))
# fmt: on
AUDIO_EXTENSIONS = _SOUND_EXTENSIONS | FFMPEG_EXTENSIONS
PCM_EXTENSIONS = frozenset((".pcm", ".raw"))

_MPEG1_LAYER2_KBITS = (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_MPEG1_LAYER3_KBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2_KBITS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)

_BINARY_ARK = re.compile(rb"\S+ (\0B|AUDIO|RIFF|NPY)")
_TEXT_ARK = re.compile(rb"\S+\s+\[\s+-?\d")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def kind_of(head: bytes) -> str:
    """A kind of audio (`wav`, `m4a`, ...), `ark`, `json`, `text`, `empty` or `binary`."""
    if not head:
        return "empty"
    if head.startswith(b"RIFF") and len(head) >= 12:
        return "avi" if head[8:11] == b"AVI" else "wav"
    for magic, kind in (*_SOUND.items(), *_OTHER.items(), (b"RIFF", "wav")):
        if head.startswith(magic):
            return kind
    if head[4:8] in (b"ftyp", b"moov", b"mdat"):
        return "m4a"
    if _BINARY_ARK.match(head) or _TEXT_ARK.match(head):
        return "ark"
    if mpeg := _mpeg_kind(head):
        return mpeg
    if not _CONTROL.search(head):
        return "json" if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") else "text"
    return "binary"


def _mpeg_kind(head: bytes) -> str:
    """`mp3` or `aac` when one frame follows on another; one sync word alone also happens in plain samples."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return ""
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    if layer == 0:
        kind, size = "aac", (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    elif layer == 3 or version == 1:
        return ""
    else:
        kind, size = "mp3", _mpeg_frame_bytes(version, layer, head[2])
    follows = head[size : size + 2]
    is_next = len(follows) == 2 and follows[0] == 0xFF and follows[1] & 0xE0 == 0xE0
    if size < 7 or not (is_next or size == len(head)):
        return ""
    return kind


def _mpeg_frame_bytes(version: int, layer: int, packed: int) -> int:
    rate_index, sampling_index, padding = packed >> 4, packed >> 2 & 3, packed >> 1 & 1
    if sampling_index == 3 or rate_index == 15:
        return 0
    if version == 3:
        kbits = _MPEG1_LAYER2_KBITS if layer == 2 else _MPEG1_LAYER3_KBITS
    else:
        kbits = _MPEG2_KBITS
    rate = (44100, 48000, 32000)[sampling_index] >> {3: 0, 2: 1, 0: 2}[version]
    samples = 576 if layer == 1 and version != 3 else 1152
    return samples // 8 * kbits[rate_index] * 1000 // rate + padding
