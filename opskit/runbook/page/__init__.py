"""How a page is read: `blocks` is what a renderer sees of it, `front` its front matter, `outline` its steps, `steps` what one holds.

`keywords` are the bold words that ask, `comments` say how a fence is run. `checking` and `doubtful` find what is wrong with the whole.
"""
