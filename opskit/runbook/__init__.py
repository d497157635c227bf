"""Procedures: Markdown that reads well on any Git host, followed step by step, every start and answer in the changelog.

`model` is what a page says, `parse` reads it, `lint` finds what is wrong with it before 3 am does. A run is a fold of its events
(`folding` gives a `progress`), so that it goes on from another laptop: nothing else is kept anywhere. `walk` follows it, and asks that fold
what is next after each event of its own; it talks with whoever is there by the questions and facts of `talk`, of which `cli` knows how they look.
"""
