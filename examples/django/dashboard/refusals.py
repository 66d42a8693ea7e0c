"""What the server said, in a form a person can read.

A refusal of Tidegate is an ordinary PostgreSQL error with a message, a DETAIL (which relation lives
where) and a HINT (what to do). psycopg keeps the three apart in `diag`; Django hides them in the cause
of its own exception.
"""

from dataclasses import dataclass

from django.contrib import messages
from django.db import Error
from django.http import HttpResponseRedirect


@dataclass(frozen=True)
class Refusal:
    message: str
    detail: str = ""
    hint: str = ""
    sqlstate: str = ""

    @classmethod
    def of(cls, error: Error) -> "Refusal":
        diag = getattr(error.__cause__, "diag", None)
        if diag is None or diag.message_primary is None:
            # Lost before the server could answer: there is only the driver's own text.
            return cls(message=str(error).strip() or type(error).__name__)
        return cls(
            message=diag.message_primary,
            detail=diag.message_detail or "",
            hint=diag.message_hint or "",
            sqlstate=diag.sqlstate or "",
        )

    def __str__(self) -> str:
        parts = [self.message]
        if self.detail:
            parts.append(f"DETAIL: {self.detail}")
        if self.hint:
            parts.append(f"HINT: {self.hint}")
        return " — ".join(parts)


class RefusalMessages:
    """For a ModelAdmin: shows a refused save above the form instead of an error page."""

    def changeform_view(self, request, *args, **kwargs):
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Error as error:
            if request.method != "POST":
                raise
            self.message_user(request, str(Refusal.of(error)), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
