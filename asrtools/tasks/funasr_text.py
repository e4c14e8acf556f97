"""The string and the times that FunASR gives for a hypothesis."""

from asrtools.tasks.transcribe import TokenText
from asrtools.text.surface import Surface, auto_model_text, recog_text, sentencepiece_surface

# Families that FunASR gives times of without being asked, and so a text with a space at each.
TIMED_FAMILIES = ("BiCifParaformer", "SeacoParaformer")


def surface_of(one: TokenText, model: str, is_timed: bool | None = None) -> Surface:
    """What AutoModel returns for a model of this registered name; None: with times where FunASR has them by default."""
    is_timed = model in TIMED_FAMILIES if is_timed is None else is_timed
    spans = one.spans if is_timed else None
    if one.decoded is None:
        return auto_model_text(model, one.tokens, spans)
    if spans is None:
        return Surface(one.decoded, ())
    return sentencepiece_surface(one.decoded, one.tokens[one.num_untimed :], spans)


def line_of(one: TokenText, model: str) -> str:
    """The line of `1best_recog/text`."""
    if one.decoded is not None:
        return one.decoded
    return recog_text(model, one.tokens, one.spans if model in TIMED_FAMILIES else None)
