"""When each token of a hypothesis was spoken, from what its family of networks says about it."""

from asrtools.models.protocols import Decoded, Emission, Firing
from asrtools.tasks import cif_times, ctc_times

Span = tuple[int, int]  # ms

NUM_TAGS = 4  # tokens that FunASR takes for tags before it aligns a text of SenseVoice


def spans_of(decoded: Decoded, frame_ms: float, num_skipped: int = 0) -> list[Span] | None:
    """Begin and end of each token from the start of the utterance, the first `num_skipped` of a CTC network left out.

    None where the network knows no times.
    """
    if isinstance(decoded.timing, Firing):
        return cif_times.token_spans(decoded.timing, len(decoded.ids), frame_ms)
    if isinstance(decoded.timing, Emission):
        return ctc_times.token_spans(decoded.timing, decoded.ids, frame_ms, num_skipped)
    if decoded.frames:
        return cif_times.fired_spans(decoded.frames, frame_ms)
    return None


def num_taken_for_tags(decoded: Decoded) -> int:
    """Tokens of the text that FunASR takes for tags because there are too few of those, and so gives no time."""
    if not isinstance(decoded.timing, Emission) or not decoded.tags:
        return 0
    return min(len(decoded.ids), NUM_TAGS - min(NUM_TAGS, len(decoded.tags)))
