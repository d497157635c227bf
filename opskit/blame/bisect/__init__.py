"""Bisect: the commit that broke something, found by trying some of those between a good and a bad one, each for real.

`search` asks git which commit to try next, `record` keeps each step in the changelog, so that anybody can go on, `check`
runs what tells good from bad, `places` brings a commit to a host or into a folder, `hunt` puts all that together.
"""
