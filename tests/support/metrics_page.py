"""What `/metrics` says."""

import httpx
from prometheus_client.parser import text_string_to_metric_families


def metric_value(client: httpx.Client, name: str) -> float:
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            if sample.name == name and sample.labels.get("projection", "owners") == "owners":
                return sample.value
    raise AssertionError(f"there is no {name}")


def open_streams(url: str) -> float:
    (line,) = [each for each in httpx.get(f"{url}/metrics").text.splitlines() if each.startswith("event_streams ")]
    return float(line.split()[1])
