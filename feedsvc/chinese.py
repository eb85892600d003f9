"""Simplified and Traditional Chinese, by OpenCC, which is an optional extra."""

from functools import lru_cache
from importlib.util import find_spec
from typing import Any

CURE = "install it with: pip install 'feedsvc[opencc]'"


def available() -> bool:
    """Tell whether OpenCC is installed."""
    return find_spec("opencc") is not None


def convert(text: str, configuration: str) -> str:
    """Return `text` converted, by an OpenCC configuration such as `s2t` or `t2s`."""
    return str(_converter(configuration).convert(text))


@lru_cache(maxsize=8)
def _converter(configuration: str) -> Any:
    import opencc  # noqa: PLC0415 - an extra, mostly not installed

    return opencc.OpenCC(configuration)
