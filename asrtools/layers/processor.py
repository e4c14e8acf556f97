"""What this machine's processor multiplies fast, and how wide its numbers may be."""

import platform
from functools import cache

import torch


@cache
def packs_weights() -> bool:
    """Whether weights are worth packing: with AVX-512 a fifth faster, with AVX2 up to a tenth slower.

    The operations are those of torch's own compiler, which not every torch has.
    """
    has_operations = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
    return has_operations and torch.cpu._is_avx512_supported()


@cache
def multiplies(dtype: torch.dtype) -> bool:
    """Whether products in bf16 or fp16 are its own; where they are not, they take eight times as long as in float32."""
    if not torch.backends.mkldnn.is_available():
        return False
    if dtype == torch.float16:
        return torch.ops.mkldnn._is_mkldnn_fp16_supported()
    if _is_x86():
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


@cache
def largest_weight() -> int:
    """Of 8-bit weights. Without VNNI two products are summed in 16 bits: room for 7-bit weights."""
    return 127 if torch.cpu._is_vnni_supported() or not _is_x86() else 63


def _is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")
