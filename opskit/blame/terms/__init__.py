"""What the score is made of: each term is a logarithm of a likelihood ratio, against "nothing in the changelog did it".

`asked` and `trace` bring the question and a candidate into numbers; `timing`, `hosts`, `lag` and `prior` weigh; `wording` says it in
sentences. Every constant stands in `weights`, with where it comes from.
"""
