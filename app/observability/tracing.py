"""Start tracing if OpenTelemetry's environment variables ask for it; only then import OpenTelemetry."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.errors import SetupError

if TYPE_CHECKING:
    from app.observability.spans import Tracing

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def start_tracing(environment: Mapping[str, str] = os.environ) -> "Tracing | None":
    """The tracing of this process; None unless the environment asks for it. Raises SetupError if it is impossible."""
    if not tracing_is_enabled(environment):
        return None
    try:
        from app.observability.spans import Tracing  # noqa: PLC0415, an extra that others need not have
    except ImportError as error:
        raise SetupError(
            "OTEL_… asks for traces, but OpenTelemetry is not installed: pip install 'swappo-catalog[otel]'"
        ) from error
    return Tracing()


def tracing_is_enabled(environment: Mapping[str, str]) -> bool:
    """Whether spans are to be exported. Raises SetupError for an exporter or protocol that is not supported."""
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip()
    is_disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if is_disabled or exporter == "none" or not (exporter or any(environment.get(name) for name in ENDPOINTS)):
        return False
    if exporter not in ("", "otlp"):
        raise SetupError(f"OTEL_TRACES_EXPORTER={exporter!r} cannot be used: set it to otlp or none")
    protocol = next((environment[name] for name in PROTOCOLS if environment.get(name)), "http/protobuf")
    if protocol != "http/protobuf":
        raise SetupError(f"traces cannot be exported by the protocol {protocol!r}: set it to http/protobuf")
    return True
