"""The cost of a run's jobs: what they asked for, times how long they ran, at rates that a user can replace.

Where containers carry on, their groups share the cost of the container. It is an estimate from list prices. AWS bills
Fargate from the pull of the image on, and EC2 by the instance, even idle.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.errors import did_you_mean
from kedro_aws_batch._service.dag.limits import FARGATE_BILLED_SECONDS

from .containers import containers_of
from .wording import money

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .client import GroupState, RunState
    from .containers import JobContainer, Stay

HOUR = 3600


@dataclass(frozen=True)
class Rates:
    """The prices of an hour of a vCPU, a GiB of memory and a GPU."""

    name: str
    vcpu_hour: float
    gb_hour: float
    #: The source of these figures, and their date.
    source: str
    #: None means that jobs with GPUs have no price until somebody sets one.
    gpu_hour: float | None = None
    #: The price of spot capacity, as a part of the full price.
    spot_factor: float = 1.0
    minimum_seconds: int = 0
    currency: str = "USD"


_FARGATE = "AWS's list price in us-east-1, as published elsewhere and read in November 2026"
_EC2 = (
    "a vCPU's and a GiB's share of the On-Demand price of {0}.large in us-east-1, as published elsewhere and read in "
    "November 2026"
)

#: The rows that a configuration can name. AWS draws its price pages with scripts, so we could not read them. These are
#: the figures that others published, read in November 2026:
#: - Fargate: all four in Vantage's "AWS Fargate Pricing Explained" (vantage.sh/blog/fargate-pricing); x86 also in
#:   tables of March and June 2026 (wring.co, factualminds.com), and its vCPU in the example of AWS's own ECS pricing
#:   page ($0.000011244 a second).
#: - EC2, Linux, an hour of `large`: c6i 0.085, m6i 0.096, r6i 0.126; c7g 0.0725, m7g 0.0816, r7g 0.1071. m7g in
#:   factualminds.com's table of June 2026, c6i as 730 hours for $62.05 in Infracost's output; these and the rest alike
#:   in half a dozen public projects' tables of prices. A share is fitted to the three of an architecture, within 3 %.
TABLE: dict[str, Rates] = {
    rates.name: rates
    for rates in (
        Rates(
            name="fargate-x86",
            vcpu_hour=0.04048,
            gb_hour=0.004445,
            source=_FARGATE,
            minimum_seconds=FARGATE_BILLED_SECONDS.least,
        ),
        Rates(
            name="fargate-arm64",
            vcpu_hour=0.03238,
            gb_hour=0.00356,
            source=_FARGATE,
            minimum_seconds=FARGATE_BILLED_SECONDS.least,
        ),
        Rates(name="ec2-x86", vcpu_hour=0.0350, gb_hour=0.00346, source=_EC2.format("c6i, m6i and r6i")),
        Rates(name="ec2-arm64", vcpu_hour=0.0299, gb_hour=0.00293, source=_EC2.format("c7g, m7g and r7g")),
    )
}
#: The rates if the configuration names none, by its `launch_type`.
USUAL = {"EC2": "ec2-x86", "FARGATE": "fargate-x86"}
_NUMBERS = ("vcpu_hour", "gb_hour", "gpu_hour", "spot_factor")
_TEXTS = ("source", "currency")
KEYS = ("rates", *_NUMBERS, *_TEXTS, "queues")


@dataclass(frozen=True)
class Spent:
    """The cost of a run's jobs."""

    by_currency: Mapping[str, float]
    #: Jobs without a known cost.
    unknown: int = 0

    @property
    def known(self) -> bool:
        """Whether any cost is known."""
        return not self.unknown or any(self.by_currency.values())

    @property
    def words(self) -> str:
        """Return the sum: `$0.12`, or `at least $0.12` if some costs are unknown."""
        if not self.known:
            return "not known"
        sums = " + ".join(money(cost, currency) for currency, cost in sorted(self.by_currency.items()))
        return f"{'at least ' if self.unknown else ''}{sums or 'nothing'}"


@dataclass(frozen=True)
class Prices:
    """The rates of a project's jobs."""

    usual: Rates = TABLE["ec2-x86"]
    #: Job queues with other rates.
    queues: Mapping[str, Rates] = field(default_factory=dict)

    def rates_of(self, group: GroupState) -> Rates:
        """Return the rates of a group's job."""
        return self._rates_in(group.job_queue)

    def _rates_in(self, queue: str | None) -> Rates:
        return self.queues.get(queue or "", self.usual)

    def cost(self, group: GroupState, seconds: float | None) -> float | None:
        """Return the cost of so many seconds of a group's job; None if its size or a rate is unknown."""
        return self._cost(self.rates_of(group), group.resources, seconds)

    def costs(self, state: RunState) -> dict[int, float | None]:
        """Return what each group has cost until the state was read, by its index; None if that isn't known.

        A container costs what its job asked for, for all its time and for the minimum at least, once. Its groups share
        that by how long each ran in it. So the time between them is theirs, too.
        """
        found: dict[int, float | None] = dict.fromkeys((group.index for group in state.groups), 0.0)
        for container in containers_of(state):
            whole = self.container_cost(container)
            for stay, part in zip(container.stays, _parts(container), strict=True):
                before = found[stay.group.index]
                found[stay.group.index] = None if whole is None or before is None else before + whole * part
        return found

    def container_cost(self, container: JobContainer) -> float | None:
        """Return the cost of a container until the state was read: each of Batch's attempts is billed by itself."""
        rates = self.rates_of(container.first.group)
        costs = [self._cost(rates, container.resources, one.seconds) for one in container.tries]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None

    def alone(self, stay: Stay, more: float) -> float | None:
        """Return what a group would have cost in a container of its own that takes some seconds more than the group."""
        return self._cost(self.rates_of(stay.group), stay.resources, stay.seconds + more)

    def spared(self, sizes: Sequence[Mapping[str, Any]]) -> Spent | None:
        """Return what jobs would cost that need not run, by their sizes as a run tells them; None if that isn't known.

        They count as they took, at what they would ask for now.
        """
        sums: dict[str, float] = {}
        for one in sizes:
            rates = self._rates_in(one["job_queue"])
            cost = self._cost(rates, one, one["with_minimum"] if rates.minimum_seconds else one["seconds"])
            if cost is None:
                return None
            sums[rates.currency] = sums.get(rates.currency, 0.0) + cost
        return Spent(sums) if any(sums.values()) else None

    @staticmethod
    def _cost(rates: Rates, asked: Mapping[str, Any], seconds: float | None) -> float | None:
        vcpus, memory, gpus = asked.get("vcpus"), asked.get("memory"), asked.get("gpus", 0)
        if seconds is None:
            return 0.0
        if vcpus is None or memory is None or (gpus and rates.gpu_hour is None):
            return None
        hourly = vcpus * rates.vcpu_hour + memory / 1024 * rates.gb_hour + gpus * (rates.gpu_hour or 0)
        return float(hourly * rates.spot_factor * max(seconds, rates.minimum_seconds) / HOUR)

    def spent(self, state: RunState) -> Spent:
        """Return the cost of a run until its state was read."""
        sums: dict[str, float] = {}
        unknown = 0
        costs = self.costs(state)
        for group in state.groups:
            cost = costs[group.index]
            unknown += cost is None
            currency = self.rates_of(group).currency
            sums[currency] = sums.get(currency, 0.0) + (cost or 0.0)
        return Spent(sums, unknown)

    @property
    def rates(self) -> Iterable[tuple[str, Rates]]:
        """Return the rates with their jobs, for display: `all jobs`, or each queue apart."""
        rest = "all other jobs" if self.queues else "all jobs"
        return [*((f"jobs in {name}", rates) for name, rates in self.queues.items()), (rest, self.usual)]


def _parts(container: JobContainer) -> list[float]:
    """Return each group's part of a container, by how long it ran there."""
    seconds = [stay.seconds for stay in container.stays]
    return [one / sum(seconds) if sum(seconds) else 1 / len(seconds) for one in seconds]


def wrong_prices(value: Any) -> str | None:
    """Return what is wrong with the value of `aws_batch.prices`, or None."""
    if isinstance(value, str):
        known = f"There are: {', '.join(TABLE)}"
        return None if value in TABLE else f"names no rates: {value!r}.{did_you_mean(value, TABLE)} {known}"
    if not isinstance(value, dict):
        return f"must name rates ({', '.join(TABLE)}) or hold some of {', '.join(KEYS)}, not {value!r}"
    return _wrong_rates({key: one for key, one in value.items() if key != "queues"}) or _wrong_queues(value)


def _wrong_rates(given: Mapping[str, Any]) -> str | None:
    for key, one in given.items():
        if key not in KEYS:
            return f"has an unknown key '{key}'.{did_you_mean(str(key), KEYS)}".rstrip(".")
        if key == "rates" and (wrong := "is not a text" if not isinstance(one, str) else wrong_prices(one)):
            return wrong
        if key in _NUMBERS and not (type(one) in (int, float) and one >= 0):
            return f"has {key}: {one!r}, which must be a number, at least 0"
        if key in _TEXTS and not isinstance(one, str):
            return f"has {key}: {one!r}, which must be a text"
    return None


def _wrong_queues(value: Mapping[str, Any]) -> str | None:
    queues = value.get("queues", {})
    if not isinstance(queues, dict):
        return f"has queues: {queues!r}, which must map job queues to their prices"
    for name, one in queues.items():
        if wrong := wrong_prices(one):
            return f"{wrong} (queue '{name}')"
        if isinstance(one, dict) and "queues" in one:
            return f"has queues within the queue '{name}'"
    return None


def read_prices(value: Any, launch_type: str = "EC2") -> Prices:
    """Return the prices of a valid `aws_batch.prices`; None means the default ones."""
    usual = _rates(value or {}, TABLE[USUAL[launch_type]])
    queues = value.get("queues", {}) if isinstance(value, dict) else {}
    return Prices(usual, {name: _rates(one, usual) for name, one in queues.items()})


def _rates(value: Any, base: Rates) -> Rates:
    if isinstance(value, str):
        return TABLE[value]
    base = TABLE[value["rates"]] if "rates" in value else base
    own = {key: value[key] for key in (*_NUMBERS, *_TEXTS) if key in value}
    if not own:
        return base
    if any(key in own for key in ("vcpu_hour", "gb_hour", "gpu_hour")):
        own = {"name": "configured", "source": "as configured", **own}
    return replace(base, **own)
