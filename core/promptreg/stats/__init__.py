"""Honest statistics for two versions of a template answering the same scenarios.

Nothing is imported here, so that ``import promptreg`` stays free of scipy; take what you
need from the module that owns it:

* :mod:`promptreg.stats.analysis`: intervals, p-values and verdicts of all metrics at once
* :mod:`promptreg.stats.targets`: absolute limits on the share of one version
* :mod:`promptreg.stats.multiplicity`: max-T, Benjamini-Hochberg, Holm
* :mod:`promptreg.stats.power`: smallest visible change, scenarios needed
* :mod:`promptreg.stats.ranking`: more than two templates, ranked with honest ties
* :mod:`promptreg.stats.composite`: one number from blocks of scores
"""
