from django.contrib import messages
from django.db import Error
from django.db.models import Count
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.models import ChargeSummary
from blog.models import Comment, Post, PostSummary
from dashboard.refusals import Refusal
from dashboard.sections import Section
from sales.forms import OrderForm
from sales.models import Order
from sales.rankings import rankings


@require_GET
def home(request):
    total = Section.load(lambda: Order.objects.count())
    return render(
        request,
        "dashboard/home.html",
        {
            "total": total,
            "rankings": [(ranking, Section.load(ranking.rows)) for ranking in rankings()],
            "charges": Section.load(
                lambda: list(ChargeSummary.objects.select_related("user").order_by("month", "user__username", "job"))
            ),
            "posts": Section.load(_posts),
        },
    )


def _posts():
    """The summaries as the materialized view has them, beside the comment counts of this moment."""
    now = dict(Post.objects.values_list("id").annotate(Count("comments")))
    summaries = list(PostSummary.objects.order_by("id"))
    for summary in summaries:
        summary.comments_now = now.get(summary.id, 0)
    return summaries


@require_http_methods(["GET", "POST"])
def new_order(request):
    """The form that proves the guard: `orders` is analytic, so saving is refused for everybody."""
    form = OrderForm(request.POST or None)
    refusal = None
    if request.method == "POST" and form.is_valid():
        try:
            form.save()
        except Error as error:
            refusal = Refusal.of(error)
        else:
            messages.warning(request, "The order was saved: nothing guards this table.")
            return redirect("home")
    return render(request, "dashboard/new_order.html", {"form": form, "refusal": refusal})


@require_POST
def refresh_posts(request):
    concurrently = request.POST.get("mode") != "plain"
    try:
        PostSummary.refresh(concurrently=concurrently)
    except Error as error:
        messages.error(request, str(Refusal.of(error)))
    else:
        messages.success(request, f"Refreshed{' concurrently' if concurrently else ''}.")
    return redirect(reverse("home") + "#posts")


@require_POST
def comment(request, post_id):
    post = get_object_or_404(Post, pk=post_id)
    Comment.objects.create(post=post, author="visitor", text="Well put.")
    messages.success(request, f"A comment on “{post}” was stored. The materialized view knows at its next refresh.")
    return redirect(reverse("home") + "#posts")
