"""The changelog as one web page that lies in a file: for people who would rather look than read.

`page` puts it together from page.html, page.css and the scripts in `js`, `facts` says what of an
entry stands in it, `saving` writes it. The page asks no network for anything.
"""

from opskit.cli.web.page import About, made
from opskit.cli.web.saving import save

__all__ = ["About", "made", "save"]
