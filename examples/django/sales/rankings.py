"""The four rankings of the dashboard, in the ORM's ordinary words."""

from dataclasses import dataclass

from django.db.models import Avg, F, QuerySet, Sum

from sales.models import Order

TURNOVER = Sum(F("qty") * F("price"))


@dataclass(frozen=True)
class Ranking:
    slug: str
    title: str
    label: str
    measure: str
    decimals: int
    query: QuerySet

    def rows(self) -> list[tuple[str, float]]:
        """Pairs of label and number, best first."""
        prefix = "" if self.label == "state" else "Item "
        return [(f"{prefix}{row[self.label]}", row[self.measure]) for row in self.query]

    @property
    def sql(self) -> str:
        return str(self.query.query)


def rankings() -> list[Ranking]:
    orders = Order.objects
    return [
        Ranking(
            "states",
            "States by turnover",
            "state",
            "turnover",
            2,
            orders.values("state").annotate(turnover=TURNOVER).order_by("-turnover")[:5],
        ),
        Ranking(
            "items-average",
            "Items by average quantity",
            "itemid",
            "average",
            2,
            orders.values("itemid").annotate(average=Avg("qty")).order_by("-average")[:5],
        ),
        Ranking(
            "items-quantity",
            "Items by total quantity",
            "itemid",
            "quantity",
            0,
            orders.values("itemid").annotate(quantity=Sum("qty")).order_by("-quantity")[:5],
        ),
        Ranking(
            "items-turnover",
            "Items by turnover",
            "itemid",
            "turnover",
            2,
            orders.values("itemid").annotate(turnover=TURNOVER).order_by("-turnover")[:5],
        ),
    ]
