"""List prices of AWS, the only place they are kept. Free tiers, discounts, taxes, storage and data transfer are not in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars for one of each."""

    region: str
    date: str
    """When they were written down here."""
    transition: Decimal
    express_start: Decimal
    express_gb_second: Decimal
    """Memory counts in steps of 64 MB, time in steps of 100 ms."""
    invocation: Decimal
    gb_second: Decimal
    """Lambda on arm64."""
    write_unit: Decimal
    read_unit: Decimal
    """DynamoDB on demand."""
    request: Decimal
    """HTTP API, up to 512 KB."""
    log_gb: Decimal
    """CloudWatch Logs, taken in."""


_MILLION = 1_000_000

LIST = Prices(
    region="us-east-1",
    date="2026-11-22",
    transition=Decimal("25.00") / _MILLION,
    express_start=Decimal("1.00") / _MILLION,
    express_gb_second=Decimal("0.00001667"),
    invocation=Decimal("0.20") / _MILLION,
    gb_second=Decimal("0.0000133334"),
    write_unit=Decimal("0.625") / _MILLION,
    read_unit=Decimal("0.125") / _MILLION,
    request=Decimal("1.00") / _MILLION,
    log_gb=Decimal("0.50"),
)

SOURCES: Mapping[str, str] = {
    "Step Functions": "https://aws.amazon.com/step-functions/pricing/",
    "Lambda": "https://aws.amazon.com/lambda/pricing/",
    "DynamoDB": "https://aws.amazon.com/dynamodb/pricing/on-demand/",
    "API Gateway": "https://aws.amazon.com/api-gateway/pricing/",
    "CloudWatch": "https://aws.amazon.com/cloudwatch/pricing/",
}
"""Where they are published."""
