"""Several looks at growing data, with one error for all of them.

* :mod:`promptreg.stats.sequential.spending`: how much of alpha each look may spend
* :mod:`promptreg.stats.sequential.nested`: boundaries from nested flips, for all lines together
* :mod:`promptreg.stats.sequential.anytime`: accusations at any time, by e-processes instead
* :mod:`promptreg.stats.sequential.looks`: intervals, p-values and verdicts at a look
* :mod:`promptreg.stats.sequential.futility`: whether going on can still decide anything
"""
