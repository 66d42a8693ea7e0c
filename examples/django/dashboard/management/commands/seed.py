from datetime import date
from decimal import Decimal

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand
from django.db import transaction

from billing.models import Charge
from blog.models import Comment, Post, PostSummary, Tag

USERS = ["ada", "edgar", "grace"]
JOBS = {"render": ("120.00", "35.50"), "train": ("410.25", "90.00"), "backup": ("18.75", "0.00")}
MONTHS = [date(2025, 10, 1), date(2025, 11, 1), date(2025, 12, 1)]

POSTS = [
    ("What a tide gate does", date(2025, 11, 3), ["hydraulics", "names"], 2),
    ("One port for two databases", date(2025, 11, 17), ["postgresql", "risingwave", "routing"], 4),
    ("Reads flow, writes stay", date(2025, 12, 1), ["postgresql", "routing"], 1),
    ("A view that is never stale", date(2025, 12, 15), ["risingwave"], 0),
]
READERS = ["Edgar", "Grace", "Katherine", "Barbara"]


class Command(BaseCommand):
    help = "Fills the OLTP side with the example's users, charges and posts. Safe to run again."

    def add_arguments(self, parser):
        parser.add_argument("--admin-password", default="tide", help="password of the superuser `admin`")

    @transaction.atomic
    def handle(self, *, admin_password, **options):
        users = self._users(admin_password)
        self._charges(users)
        self._posts()
        PostSummary.refresh(concurrently=False)
        self.stdout.write(
            f"users {len(users) + 1}, charges {Charge.objects.count()}, posts {Post.objects.count()}, "
            f"comments {Comment.objects.count()}"
        )

    def _users(self, admin_password):
        model = get_user_model()
        if not model.objects.filter(username="admin").exists():
            model.objects.create_superuser("admin", "admin@example.org", admin_password)
        return [model.objects.get_or_create(username=name)[0] for name in USERS]

    def _charges(self, users):
        for step, user in enumerate(users):
            for month in MONTHS:
                for job, amounts in JOBS.items():
                    for kind, amount in zip(Charge.Type.values, amounts):
                        Charge.objects.get_or_create(
                            user=user,
                            job=job,
                            month=month,
                            type=kind,
                            defaults={"amount": Decimal(amount) * (month.month - 9) + step * 5},
                        )

    def _posts(self):
        for title, published, tags, comments in POSTS:
            post, new = Post.objects.get_or_create(
                title=title, defaults={"body": f"{title}.", "published": published}
            )
            if new:
                post.tags.set([Tag.objects.get_or_create(name=name)[0] for name in tags])
                Comment.objects.bulk_create(
                    Comment(post=post, author=author, text="I had wondered about that.")
                    for author in READERS[:comments]
                )
