"""The published models, one table.

Ids are those of modelscope and huggingface; sizes are the published numbers of parameters.
"""

from collections.abc import Iterator
from types import MappingProxyType

from asrtools.zoo.entry import (
    ALIGNMENT,
    AUDIO_LLM,
    EMOTION,
    LANGUAGE_MODEL,
    NORMALISATION,
    PRETRAINED,
    PUNCTUATION,
    RECOGNITION,
    SPEAKERS,
    STREAMING,
    TEXT_FILES,
    VAD,
    VAD_FILES,
    Entry,
)

_LONG = MappingProxyType({"vad": "fsmn-vad", "punc": "ct-punc-c"})
_LONG_SPK = MappingProxyType({**_LONG, "spk": "cam++"})
_LONG_EN = MappingProxyType({"vad": "fsmn-vad", "punc": "ct-punc"})
_AISHELL = "iic/speech_{}_asr_nat-zh-cn-16k-aishell{}-vocab{}-pytorch"

_PARAFORMER = (
    Entry(
        "iic/speech_seaco_paraformer_large_asr_nat-zh-cn-16k-common-vocab8404-pytorch",
        RECOGNITION,
        "zh en",
        "SeacoParaformer",
        alias="paraformer-zh",
        hf="funasr/paraformer-zh",
        size="220M",
    ),
    Entry(
        "iic/speech_paraformer-large_asr_nat-zh-cn-16k-common-vocab8404-pytorch",
        RECOGNITION,
        "zh en",
        "Paraformer",
        alias="paraformer",
        hf="funasr/paraformer-zh",
        size="220M",
    ),
    Entry(
        "iic/speech_paraformer-large-vad-punc_asr_nat-en-16k-common-vocab10020",
        RECOGNITION,
        "en",
        "Paraformer",
        alias="paraformer-en",
        hf="funasr/paraformer-en",
        size="220M",
        companions=_LONG_EN,
        also=("paraformer-en-spk",),
    ),
    Entry(
        "iic/speech_paraformer-large_asr_nat-zh-cn-16k-common-vocab8404-online",
        STREAMING,
        "zh en",
        "ParaformerStreaming",
        alias="paraformer-zh-streaming",
        hf="funasr/paraformer-zh-streaming",
        size="220M",
    ),
    Entry(
        "iic/speech_paraformer-large-vad-punc_asr_nat-zh-cn-16k-common-vocab8404-pytorch",
        RECOGNITION,
        "zh en",
        "BiCifParaformer",
        size="220M",
        companions=_LONG,
    ),
    Entry(
        "iic/speech_paraformer-large-vad-punc-spk_asr_nat-zh-cn",
        RECOGNITION,
        "zh en",
        "BiCifParaformer",
        size="220M",
        companions=_LONG_SPK,
    ),
    Entry(
        "iic/speech_paraformer-large-contextual_asr_nat-zh-cn-16k-common-vocab8404",
        RECOGNITION,
        "zh en",
        "ContextualParaformer",
        size="220M",
    ),
    Entry(
        "iic/speech_paraformer-large_asr_nat-zh-cn-16k-common-vocab8358-tensorflow1",
        RECOGNITION,
        "zh en",
        "Paraformer",
        size="220M",
    ),
    Entry(
        "iic/speech_paraformer_asr_nat-zh-cn-16k-common-vocab8358-tensorflow1",
        RECOGNITION,
        "zh en",
        "Paraformer",
        size="68M",
    ),
    Entry(
        "iic/speech_paraformer_asr_nat-zh-cn-8k-common-vocab8358-tensorflow1",
        RECOGNITION,
        "zh en",
        "Paraformer",
        rate=8000,
        size="68M",
    ),
    Entry(
        "iic/speech_paraformer_asr_nat-zh-cn-16k-common-vocab8404-online",
        STREAMING,
        "zh en",
        "ParaformerStreaming",
        size="68M",
    ),
    Entry(
        "iic/speech_paraformer-tiny-commandword_asr_nat-zh-cn-16k-vocab544-pytorch",
        RECOGNITION,
        "zh",
        "Paraformer",
        size="5.2M",
    ),
    Entry(
        "iic/speech_paraformer-large_asr_nat-zh-cn-16k-aishell1-vocab8404-pytorch",
        RECOGNITION,
        "zh",
        "Paraformer",
        size="220M",
    ),
    Entry(
        "iic/speech_paraformer-large_asr_nat-zh-cn-16k-aishell2-vocab8404-pytorch",
        RECOGNITION,
        "zh",
        "Paraformer",
        size="220M",
    ),
    Entry(_AISHELL.format("paraformer", 1, 4234), RECOGNITION, "zh", "Paraformer", size="43M"),
    Entry(_AISHELL.format("paraformer", 2, 5212), RECOGNITION, "zh", "Paraformer", size="64M"),
    Entry(_AISHELL.format("paraformerbert", 1, 4234), RECOGNITION, "zh", "ParaformerBert", size="43M"),
    Entry(_AISHELL.format("paraformerbert", 2, 5212), RECOGNITION, "zh", "ParaformerBert", size="64M"),
    Entry(_AISHELL.format("conformer", 1, 4234), RECOGNITION, "zh", "Conformer", size="44M"),
    Entry(_AISHELL.format("conformer", 2, 5212), RECOGNITION, "zh", "Conformer", size="44M"),
    Entry("iic/speech_conformer_asr-en-16k-vocab4199-pytorch", RECOGNITION, "en", "Conformer", size="220M"),
    Entry(
        "iic/speech_data2vec_pretrain-paraformer-zh-cn-aishell2-16k",
        RECOGNITION,
        "zh",
        "Paraformer+Data2VecEncoder",
    ),
    Entry("iic/speech_data2vec_pretrain-zh-cn-aishell2-16k-pytorch", PRETRAINED, "zh", "Data2VecPretrainModel"),
    Entry(
        "NPU-ASLP/speech_mfcca_asr-zh-cn-16k-alimeeting-vocab4950",
        RECOGNITION,
        "zh",
        "MFCCA",
        size="45M",
        also=("yufan6/speech_mfcca_asr-zh-cn-16k-alimeeting-vocab4950",),
    ),
)

_OTHERS = (
    Entry(
        "iic/SenseVoiceSmall",
        RECOGNITION,
        "zh yue en ja ko",
        "SenseVoiceSmall",
        alias="SenseVoiceSmall",
        hf="FunAudioLLM/SenseVoiceSmall",
        size="234M",
        files=(
            "config.yaml",
            "configuration.json",
            "model.pt",
            "am.mvn",
            "tokens.json",
            "chn_jpn_yue_eng_ko_spectok.bpe.model",
            "example/",
        ),
        also=("FunAudioLLM/SenseVoice",),
    ),
    Entry(
        "iic/speech_fsmn_vad_zh-cn-16k-common-pytorch",
        VAD,
        "zh en",
        "FsmnVADStreaming",
        alias="fsmn-vad",
        hf="funasr/fsmn-vad",
        size="0.4M",
        files=VAD_FILES,
    ),
    Entry(
        "iic/speech_fsmn_vad_zh-cn-8k-common",
        VAD,
        "zh en",
        "FsmnVADStreaming",
        rate=8000,
        size="0.4M",
        files=VAD_FILES,
        also=("iic/speech_fsmn_vad_zh-cn-8k-common-pytorch",),
    ),
    Entry(
        "iic/punc_ct-transformer_cn-en-common-vocab471067-large",
        PUNCTUATION,
        "zh en",
        "CTTransformer",
        alias="ct-punc",
        hf="funasr/ct-punc",
        rate=0,
        size="1.1G",
        files=(*TEXT_FILES, "jieba_usr_dict"),
    ),
    Entry(
        "iic/punc_ct-transformer_zh-cn-common-vocab272727-pytorch",
        PUNCTUATION,
        "zh en",
        "CTTransformer",
        alias="ct-punc-c",
        hf="iic/punc_ct-transformer_zh-cn-common-vocab272727-pytorch",
        rate=0,
        size="291M",
        files=TEXT_FILES,
    ),
    Entry(
        "iic/punc_ct-transformer_zh-cn-common-vad_realtime-vocab272727",
        PUNCTUATION,
        "zh en",
        "CTTransformerStreaming",
        rate=0,
        size="288M",
        files=TEXT_FILES,
    ),
    Entry(
        "iic/speech_timestamp_prediction-v1-16k-offline",
        ALIGNMENT,
        "zh",
        "MonotonicAligner",
        alias="fa-zh",
        hf="funasr/fa-zh",
        size="37.8M",
    ),
    Entry(
        "iic/speech_campplus_sv_zh-cn_16k-common",
        SPEAKERS,
        "zh",
        "CAMPPlus",
        alias="cam++",
        hf="funasr/campplus",
        size="7.2M",
        license="Apache-2.0",
        files=("config.yaml", "configuration.json", "campplus_cn_common.bin", "examples/"),
        also=("campplus",),
    ),
    Entry("iic/speech_xvector_sv-zh-cn-cnceleb-16k-spk3465-pytorch", SPEAKERS, "zh", "Xvector", size="17.5M"),
    Entry("iic/speech_xvector_sv-en-us-callhome-8k-spk6135-pytorch", SPEAKERS, "en", "Xvector", rate=8000, size="61M"),
    Entry(
        "iic/speech_transformer_lm_zh-cn-common-vocab8404-pytorch",
        LANGUAGE_MODEL,
        "zh",
        "TransformerLM",
        size="57M",
        rate=0,
    ),
    *(
        Entry(
            f"iic/speech_inverse_text_processing_fun-text-processing-itn-{language}",
            NORMALISATION,
            language,
            "InverseTextProcessing",
            rate=0,
            size=size,
            files=(),
            command=f"itn --lang {language}" if language in ("ja", "en") else "",
        )
        for language, size in (("ja", "6.8M"), ("en", "1.54M"), ("ko", "1.28M"), ("ru", "17.79M"), ("id", "2.06M"))
    ),
    *(
        Entry(
            f"iic/emotion2vec_plus_{size}",
            EMOTION,
            "any",
            "Emotion2vec",
            alias=f"emotion2vec_plus_{size}",
            hf=f"emotion2vec/emotion2vec_plus_{size}",
            files=("config.yaml", "configuration.json", "model.pt", "tokens.txt", "example/"),
        )
        for size in ("large", "base", "seed")
    ),
    *(
        Entry(
            ms,
            RECOGNITION,
            "many",
            "WhisperWarp",
            alias=f"Whisper-{version}",
            hf=ms,
            license="MIT",
            size=size,
            files=(),
        )
        for version, ms, size in (
            ("large-v2", "iic/speech_whisper-large_asr_multilingual", "1550M"),
            ("large-v3", "iic/Whisper-large-v3", "1550M"),
            ("large-v3-turbo", "iic/Whisper-large-v3-turbo", "809M"),
        )
    ),
    Entry(
        "Qwen/Qwen-Audio",
        AUDIO_LLM,
        "many",
        "QwenAudioWarp",
        alias="Qwen-Audio",
        hf="Qwen/Qwen-Audio",
        size="8B",
        license="Tongyi Qianwen",
        files=(),
    ),
)

# (the id's middle, languages, rate, size, the forms it is published in)
_UNIASR = (
    ("-zh-cn-16k-common-vocab8358-tensorflow1", "zh en", 16000, "100M", ("offline", "online")),
    ("-zh-cn-8k-common-vocab8358-tensorflow1", "zh en", 8000, "", ("offline", "online")),
    ("-zh-cn-8k-common-vocab3445-pytorch", "zh en", 8000, "", ("offline", "online")),
    ("-cn-dialect-16k-vocab8358-tensorflow1", "zh dialects", 16000, "", ("offline", "online")),
    ("-ja-16k-common-vocab93-tensorflow1", "ja", 16000, "95M", ("offline", "online")),
    ("-id-16k-common-vocab1067-tensorflow1", "id", 16000, "95M", ("offline", "online")),
    ("-pt-16k-common-vocab1617-tensorflow1", "pt", 16000, "95M", ("offline", "online")),
    ("-en-16k-common-vocab1080-tensorflow1", "en", 16000, "95M", ("offline", "online")),
    ("-ru-16k-common-vocab1664-tensorflow1", "ru", 16000, "95M", ("offline", "online")),
    ("-ko-16k-common-vocab6400-tensorflow1", "ko", 16000, "95M", ("offline", "online")),
    ("-es-16k-common-vocab3445-tensorflow1", "es", 16000, "95M", ("offline", "online")),
    ("-cantonese-CHS-16k-common-vocab1468-tensorflow1", "yue", 16000, "95M", ("offline", "online")),
    ("-fr-16k-common-vocab3472-tensorflow1", "fr", 16000, "95M", ("online",)),
    ("-de-16k-common-vocab3690-tensorflow1", "de", 16000, "95M", ("online",)),
    ("-vi-16k-common-vocab1001-pytorch", "vi", 16000, "95M", ("online",)),
    ("-fa-16k-common-vocab1257-pytorch", "fa", 16000, "95M", ("online",)),
    ("-minnan-16k-common-vocab3825", "minnan", 16000, "", ("",)),
    ("-my-16k-common-vocab696-pytorch", "my", 16000, "95M", ("",)),
    ("-he-16k-common-vocab1085-pytorch", "he", 16000, "95M", ("",)),
    ("-ur-16k-common-vocab877-pytorch", "ur", 16000, "95M", ("",)),
    ("-tr-16k-common-vocab1582-pytorch", "tr", 16000, "95M", ("",)),
)

# The Japanese model's own card links to this id, which mixes the names of two models; the text says which is meant.
_SLIPS = {
    "iic/speech_UniASR_asr_2pass-ja-16k-common-vocab93-tensorflow1-online": (
        "iic/speech_UniASR_asr_2pass-id-16k-common-vocab93-tensorflow1-online",
    )
}


def _uniasr() -> Iterator[Entry]:
    for middle, languages, rate, size, forms in _UNIASR:
        for form in forms:
            ms = f"iic/speech_UniASR_asr_2pass{middle}{form and '-'}{form}"
            task = STREAMING if form == "online" else RECOGNITION
            yield Entry(ms, task, languages, "UniASR", rate=rate, size=size, also=_SLIPS.get(ms, ()))
    ms = "iic/speech_UniASR-large_asr_2pass-zh-cn-16k-common-vocab8358-tensorflow1-offline"
    yield Entry(ms, RECOGNITION, "zh en", "UniASR", size="220M")


ENTRIES: tuple[Entry, ...] = (*_PARAFORMER, *_OTHERS, *_uniasr())
