"""Which combinations of attribute values a scenario set holds.

Covering arrays are made here and not by a library. `covertable` (3.2) was the best candidate: pure
Python, right with constraints, 26, 127 and 513 rows for two, three and four attributes of the
home-security taxonomy. `allpairspy` (2.5) is right for pairs only, `coverwise` is a binary in a
wheel. What none of them does is the rest of the work, on the same data: go on from a covering array
to a size with quotas, name the smallest set of constraints that contradict each other, and above
all stay the same. A frozen scenario set is compared byte by byte, and a library's next release may
order its rows in another way.
"""

from promptreg_plugins.generators.design.conflict import smallest_conflict
from promptreg_plugins.generators.design.covering import cover
from promptreg_plugins.generators.design.dice import Dice
from promptreg_plugins.generators.design.fill import Quota, fill
from promptreg_plugins.generators.design.space import Rule, Space

__all__ = ["Dice", "Quota", "Rule", "Space", "cover", "fill", "smallest_conflict"]
