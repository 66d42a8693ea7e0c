from django.db import migrations

CREATE = """
CREATE MATERIALIZED VIEW blog_post_summary AS
SELECT post.id,
       post.title,
       post.published,
       ARRAY(SELECT tag.name
             FROM blog_post_tags AS link
             JOIN blog_tag AS tag ON tag.id = link.tag_id
             WHERE link.post_id = post.id
             ORDER BY tag.name) AS tags,
       (SELECT count(*) FROM blog_comment AS comment WHERE comment.post_id = post.id) AS comments
FROM blog_post AS post
"""

# REFRESH … CONCURRENTLY compares old and new rows by a unique index over whole columns.
INDEX = "CREATE UNIQUE INDEX blog_post_summary_id ON blog_post_summary (id)"


class Migration(migrations.Migration):

    dependencies = [("blog", "0001_initial")]

    operations = [
        migrations.RunSQL(CREATE, "DROP MATERIALIZED VIEW blog_post_summary"),
        migrations.RunSQL(INDEX, migrations.RunSQL.noop),
    ]
