"""Who broke it: from what an engineer knows of a trouble, and from the changelog, suspects with evidence and an undo.

`gather` turns the changelog into candidates, `symptoms` finds what is ill and since when, `text` compares the symptom with
commits, `score` weighs: pure, from values to an Answer. It names runs and commits, and whom to ask; it never scores a person.
"""
