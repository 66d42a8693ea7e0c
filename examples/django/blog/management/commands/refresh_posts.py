from django.core.management.base import BaseCommand

from blog.models import PostSummary


class Command(BaseCommand):
    help = "Refreshes the materialized view of the posts, concurrently unless told otherwise."

    def add_arguments(self, parser):
        parser.add_argument("--plain", action="store_true", help="lock readers out meanwhile, which is quicker")

    def handle(self, *, plain, **options):
        PostSummary.refresh(concurrently=not plain)
        self.stdout.write(f"blog_post_summary: {PostSummary.objects.count()} posts")
