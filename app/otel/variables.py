"""Which values of the standard ``OTEL_*`` variables are valid. Pure.

As specified, one that is not valid is ignored: its default applies, and a warning names it. A
value is in no warning, since it may be a secret in the wrong place.
"""

import functools
from collections.abc import Callable, Iterator, Mapping

SAMPLER = "OTEL_TRACES_SAMPLER"
TEMPORALITY = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
RATIOS = ("traceidratio", "parentbased_traceidratio")
SAMPLERS = (
    *("always_on", "always_off", "parentbased_always_on", "parentbased_always_off"),
    *RATIOS,
)
_LARGEST = 2**31  # no number is larger

# The smallest number that is valid.
_NUMBERS: Mapping[str, int] = {
    "OTEL_BSP_SCHEDULE_DELAY": 1,
    "OTEL_BSP_EXPORT_TIMEOUT": 1,
    "OTEL_BSP_MAX_QUEUE_SIZE": 1,
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": 1,
    "OTEL_METRIC_EXPORT_INTERVAL": 1,
    "OTEL_METRIC_EXPORT_TIMEOUT": 1,
    "OTEL_EXPORTER_OTLP_TIMEOUT": 1,
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": 1,
    "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": 1,
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": 0,
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": 0,
    "OTEL_ATTRIBUTE_COUNT_LIMIT": 0,
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": 0,
    "OTEL_SPAN_EVENT_COUNT_LIMIT": 0,
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": 0,
}
_COMPRESSIONS = ("none", "gzip", "deflate")
_PROTOCOLS = ("grpc", "http/protobuf", "http/json")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "OTEL_SDK_DISABLED": ("true", "false"),
    SAMPLER: SAMPLERS,
    TEMPORALITY: ("cumulative", "delta", "lowmemory"),
    "OTEL_EXPORTER_OTLP_COMPRESSION": _COMPRESSIONS,
    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": _COMPRESSIONS,
    "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION": _COMPRESSIONS,
    "OTEL_EXPORTER_OTLP_PROTOCOL": _PROTOCOLS,
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": _PROTOCOLS,
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": _PROTOCOLS,
}
_LISTS = (
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
)


def number(environ: Mapping[str, str], name: str, default: int) -> int:
    """Return a whole number; the default for one that is missing or not valid."""
    value = environ.get(name, "").strip()
    return int(value) if _is_number(value, _NUMBERS[name]) else default


def _is_number(value: str, least: int) -> bool:
    return (
        value.isascii()
        and value.isdigit()
        and len(value) <= len(str(_LARGEST))
        and (least <= int(value) < _LARGEST)
    )


def invalid(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with each variable that is set and not valid."""
    for name, (is_valid, wanted) in _rules(environ).items():
        value = environ.get(name, "").strip()
        if value and not is_valid(value):
            yield f"{name}: must be {wanted}"


_Rule = tuple[Callable[[str], bool], str]


def _rules(environ: Mapping[str, str]) -> dict[str, _Rule]:
    """Return how each variable is checked, and what it must be."""
    rules: dict[str, _Rule] = {
        name: (functools.partial(_is_number, least=least), f"a whole number from {least}")
        for name, least in _NUMBERS.items()
    }
    for name, words in _WORDS.items():
        rules[name] = (functools.partial(_is_word, words=words), " or ".join(words))
    for name in _LISTS:
        rules[name] = (_is_list, "a list of name=value, separated by commas")
    if environ.get(SAMPLER, "").strip().lower() in RATIOS:
        rules[f"{SAMPLER}_ARG"] = (_is_ratio, "a number from 0 to 1")
    return rules


def _is_word(value: str, words: tuple[str, ...]) -> bool:
    return value.lower() in words


def _is_ratio(value: str) -> bool:
    try:
        return 0 <= float(value) <= 1
    except ValueError:
        return False


def _is_list(value: str) -> bool:
    """Return True for pairs; empty items, as at the end, are none."""
    items = (item.strip() for item in value.split(","))
    return all(item.partition("=")[0].strip() and "=" in item for item in items if item)
