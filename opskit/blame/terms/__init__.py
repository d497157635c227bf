"""What the score is made of: each term is a logarithm (base 2) of a likelihood ratio, against "nothing in the changelog did it".

With f the density of trouble some time after its change (a mixture of exponential decays), p the fleet's pace (changes a minute), k and m
the ill and the well hosts that had the change, j and n those that had it not, and B(k, m) = k! m! / (k + m + 1)!:

- time: f(onset - change) / p, averaged over the hosts that had it; of hosts with onsets of their own, of the middle lag;
- hosts, well: ANYWAY^j (1 - ANYWAY)^n (ALL SHOWS^k (1 - SHOWS)^m + (1 - ALL) B(k + MOSTLY, m) / B(MOSTLY, 0)), against trouble that is
  EVERYWHERE, on ONE host, or on any part of them (another B); hosts only named are, as often as NAMED_ALL, all that are ill, else any of those that had it;
  the outside gets back what any suspect has of these beyond ALIKE;
- lag: how the times from change to onset scatter around their middle, against how the onsets themselves do: Laplace's distribution, its
  scale any of SCALES, a few onsets strays;
- kind, outcome, distance, gone: bits from tables; reaction: -log2(1 + REACTS e^(-age / REACTED)) of REACTIONS, where no host's onset is known; text: from `opskit.blame.text`.

Of all but the tables only a part, TRUST, counts: pieces of evidence are seldom independent. Time, hosts, well and lag are followed through two ways at once: that a change harms the hosts that it is on, and, as often as SHARED,
that it harms all of the service. A share is 2^bits over the sum of all of them and of (OUTSIDE / (1 - OUTSIDE)).

`asked` and `trace` bring the question and a candidate into numbers; `timing`, `hosts`, `lag` and `prior` weigh, `weighing` puts them
together; `clearing` says what cannot have been it, `wording` and `lacking` say it all in sentences. Every constant stands in `weights`.
"""
