"""The changelog as one web page that lies in a file: for people who would rather look than read.

`command` is what `opskit log --web` does, `page` puts the page together from page.html, page.css and
the scripts in `js`, `facts` says what of an entry stands in it, `saving` writes it. The page asks no
network for anything.
"""
