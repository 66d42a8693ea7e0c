"""One part of the page: its rows or the reason there are none, the time it took, who answered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from django.db import Error

from dashboard.refusals import Refusal
from dashboard.routes import last_route


@dataclass
class Section:
    rows: Any = None
    refusal: Refusal | None = None
    milliseconds: float = 0.0
    route: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, query: Callable[[], Any]) -> "Section":
        """Runs the query. A side that is down takes its own sections with it, not the whole page."""
        started = perf_counter()
        try:
            rows = query()
        except Error as error:
            return cls(refusal=Refusal.of(error))
        return cls(rows=rows, milliseconds=(perf_counter() - started) * 1000, route=last_route())

    @property
    def target(self) -> str:
        return self.route.get("target") or " ".join(self.route.values())

    @property
    def reason(self) -> str:
        return self.route.get("reason", "")
