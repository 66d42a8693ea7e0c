from django.contrib import admin

from blog.models import Comment, Post, Tag


class CommentInline(admin.TabularInline):
    model = Comment
    extra = 0


@admin.register(Post)
class PostAdmin(admin.ModelAdmin):
    list_display = ["title", "published"]
    filter_horizontal = ["tags"]
    inlines = [CommentInline]


admin.site.register(Tag)
