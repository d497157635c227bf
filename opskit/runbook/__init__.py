"""Procedures: Markdown that reads well on any Git host, followed step by step, every start and answer in the changelog.

`model` is what a page says, `parse` reads it, `lint` finds what is wrong with it before 3 am does. A run is a fold of its events
(`progress`), so that it goes on from another laptop: nothing else is kept anywhere.
"""
