"""decode's options of the search, to those of a network."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from asrtools.commands.command import complain

if TYPE_CHECKING:
    from asrtools.models.protocols import DecodeOptions
    from asrtools.tasks.call_options import CallOptions
    from asrtools.tasks.recognition import Recognition


def search_of(
    recognition: "Recognition", call: "CallOptions", options: dict[str, Any], needs_times: bool
) -> "DecodeOptions":
    hotwords = recognition.spell(options["hotword"])
    for word in hotwords.unknown:
        complain("decode", f"hotword {word}: the model has no token for part of it, so it does little")
    use_itn = options["use_itn"] or call.search.use_itn
    return replace(
        call.search,
        hotwords=hotwords.ids,
        nbest=options["nbest"],
        beam_size=options["beam_size"],
        greedy=options["greedy"],
        ctc_weight=options["decoding_ctc_weight"],
        lm_weight=options["lm_weight"],
        lm_file=options["lm_file"],
        max_len_ratio=options["maxlenratio"],
        min_len_ratio=options["minlenratio"],
        penalty=options["penalty"],
        language=options["language"],
        use_itn=use_itn,
        decoding_model=options["decoding_mode"] or call.search.decoding_model,
        timestamps=needs_times,
    )
