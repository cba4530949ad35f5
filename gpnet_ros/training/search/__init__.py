"""The search for a network: generator, inquisitor and indicator (Wong et al. 2018, "FermiNets"), on our own terms.

`space` says what may be chosen, `pieces` what a choice is made of, `cost` and `latency` what it costs, `indicator`
which choices are allowed, `generator` draws them, `proxy` tries them, `score` weighs what came of it, `inquisitor`
tells the generator where to look next, `search` is the loop with its log, `page` shows it.
"""
