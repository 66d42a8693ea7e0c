from django.contrib.postgres.fields import ArrayField
from django.db import connection, models


class Tag(models.Model):
    name = models.CharField(max_length=40, unique=True)

    def __str__(self):
        return self.name


class Post(models.Model):
    title = models.CharField(max_length=120, unique=True)
    body = models.TextField()
    published = models.DateField()
    tags = models.ManyToManyField(Tag, related_name="posts", blank=True)

    def __str__(self):
        return self.title


class Comment(models.Model):
    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="comments")
    author = models.CharField(max_length=60)
    text = models.TextField()
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return f"{self.author} on {self.post}"


class PostSummary(models.Model):
    """A row of the materialized view `blog_post_summary`, which migration 0002 creates."""

    id = models.BigIntegerField(primary_key=True)
    title = models.CharField(max_length=120)
    published = models.DateField()
    tags = ArrayField(models.CharField(max_length=40))
    comments = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "blog_post_summary"
        verbose_name_plural = "post summaries"

    def __str__(self):
        return self.title

    @classmethod
    def refresh(cls, *, concurrently: bool = True) -> None:
        """Recomputes the view. Concurrently, readers are not kept waiting; its unique index makes that possible."""
        word = "CONCURRENTLY " if concurrently else ""
        with connection.cursor() as cursor:
            cursor.execute(f"REFRESH MATERIALIZED VIEW {word}{connection.ops.quote_name(cls._meta.db_table)}")
