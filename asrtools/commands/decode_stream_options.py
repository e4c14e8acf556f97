"""Which options of decode go with --streaming: what has no meaning there is a usage error that says so."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from asrtools.tasks.call_options import CallOptions

STREAMING = ("chunk", "look_back", "two_pass", "num_streams", "ref")  # options of streams alone
RECORDS = "a stream is told of in JSON lines of its own, partial and final"
VOICES = "who speaks is known when the whole recording is; decode it without --streaming"
MEANINGLESS = {
    "jsonl": RECORDS,
    "style": RECORDS,
    "nbest": "a stream has one text",
    "remote_code": "a class from outside hears whole recordings",
    "spk_model": VOICES,
    "num_speakers": VOICES,
    "merge_segments": "what is told of a stream cannot wait for the next segment",
    "merge_seconds": "what is told of a sentence cannot wait for the next one",
}
# of a recogniser of whole sentences
SECOND = {
    "hotword": "no model of streams listens for words",
    "language": "no model of streams is told the language",
    "use_itn": "no model of streams writes digits",
    "decoding_ctc_weight": "no model of streams decodes jointly",
    "lm_weight": "no model of streams takes a language model",
    "lm_file": "no model of streams takes a language model",
    "maxlenratio": "the length of a stream is not known",
    "minlenratio": "the length of a stream is not known",
    "batch_size": "what streams hear at a time is --num-streams",
    "batch_seconds": "what streams hear at a time is --num-streams",
}
LIVE = {
    "num_streams": "a pipe is one stream",
    "shard": "a pipe is one input",
    "channel": "raw pcm of a pipe has one channel",
    "resume": "a pipe cannot be heard again",
}
SEARCHING = ("beam_size", "greedy", "penalty", "decoding_mode")  # of UniASR, or of a second pass
IDLE = ("merge_vad", "merge_length_s", "preset_spk_num")  # ++ names that decode heeds elsewhere


def check_options(data: tuple[str, ...], options: dict[str, Any]) -> None:
    """A usage error where an option belongs to the other way of decoding."""
    given = _given()
    if not options["streaming"]:
        for name in STREAMING:
            if name in given:
                raise click.UsageError(f"{flag(name)} goes with --streaming")
        return
    for name, reason in MEANINGLESS.items():
        _refuse(name in given, name, reason)
    for name, reason in SECOND.items():
        cure = "; it goes with --two-pass, whose model may"
        _refuse(name in given and not options["two_pass"], name, reason + cure)
    for name, reason in LIVE.items():
        _refuse(name in given and is_live(data, options), name, reason)
    cure = "it is the voice activity model that cuts; it goes with --vad-model"
    _refuse("max_segment_seconds" in given and not options["vad_model"], "max_segment_seconds", cure)
    _refuse(options["channel"] == "all", "channel", "a stream has one channel; take mix, each or a number")
    _refuse(options["input_type"] == "fbank", "input_type", "a stream is of samples, not of features; give audio")
    if is_live(data, options) and options["two_pass"] and not options["vad_model"]:
        raise click.UsageError("--two-pass hears a finished sentence again; a live stream needs --vad-model to end one")


def check_search(network: Any, options: dict[str, Any]) -> None:
    """The same where it depends on the model."""
    given = _given()
    if getattr(network, "searches_streams", False):
        for name in ("chunk", "look_back"):
            cure = (
                "the configuration of this model cuts its chunks: ++encoder_conf.chunk_size, ++encoder2_conf.chunk_size"
            )
            _refuse(name in given, name, cure)
        return
    for name in SEARCHING:
        cure = "this model takes the likeliest token of each place; it goes with UniASR or --two-pass"
        _refuse(name in given and not options["two_pass"], name, cure)


def idle_in_streams(call: "CallOptions") -> list[str]:
    return [name for name in IDLE if name in call.values]


def is_live(data: tuple[str, ...], options: dict[str, Any]) -> bool:
    return options["input_type"] == "pcm" and data == ("-",)


def flag(name: str) -> str:
    return "--format" if name == "style" else f"--{name.replace('_', '-')}"


def _given() -> set[str]:
    """The options that stand on the command line."""
    context = click.get_current_context()
    default = click.core.ParameterSource.DEFAULT
    return {name for name in context.params if context.get_parameter_source(name) not in (None, default)}


def _refuse(condition: bool, name: str, reason: str) -> None:
    if condition:
        raise click.UsageError(f"{flag(name)} has no meaning with --streaming: {reason}")
