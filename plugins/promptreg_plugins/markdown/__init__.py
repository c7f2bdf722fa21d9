"""A comparison as GitHub-flavoured Markdown: for report files, step summaries and comments.

`escaping` makes untrusted text inert, `sections` says what there is to say, `fitting` makes it
fit into what a page may hold.
"""
